"""The kiosk's TLS files. Certificate and key are exchanged for the next pair: both or neither, whenever power fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agent.enrolment.errors import AnswerNotBelieved, NotEnrolled, NotStored
from agent.sealing import FileSigningKey, SealingError
from agent.sealing.registered_key import sync_folder

CERTIFICATE, KEY, ROOTS = "client.pem", "client.key", "ca.pem"
# Complete, it counts; its files only have to be moved to their places.
NEXT, SCRATCH = "next", "next.scratch"
MAX_CHAIN = 8


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that no certificate has yet, and the request for one (PKCS #10, DER)."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    csr: bytes

    @classmethod
    def make(cls, kiosk: str) -> NewKey:
        """Make a P-256 key and sign a request in the kiosk's name."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kiosk)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return cls(key, csr.public_bytes(Encoding.DER))


class TlsFolder:
    """`tls` in the trust folder. All methods raise NotStored when the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def roots(self) -> Path:
        """The file of roots that collectors are checked against."""
        return self._folder / ROOTS

    def settle(self) -> None:
        """Finish an exchange that was cut off."""
        try:
            shutil.rmtree(self._folder / SCRATCH, ignore_errors=True)
            if (self._folder / NEXT).is_dir():
                self._move()
        except OSError as error:
            raise NotStored(f"{error.filename}: {error.strerror}") from error

    def certificate(self) -> x509.Certificate:
        """Return the present certificate; raise NotEnrolled."""
        path = self._folder / CERTIFICATE
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except OSError as error:
            raise NotEnrolled(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise NotEnrolled(f"{path}: not a certificate in PEM") from error

    def key(self) -> FileSigningKey:
        """Return the present certificate's key; raise NotEnrolled."""
        try:
            return FileSigningKey.load(self._folder / KEY)
        except SealingError as error:
            raise NotEnrolled(error.detail) from error

    def take(self, new: NewKey, chain: Sequence[bytes], kiosk: str, roots: Sequence[bytes] | None = None) -> None:
        """Put a new pair in place of the old one; `roots` too, if they are given.

        Raises AnswerNotBelieved for a certificate (DER, its chain after it) that is not for this key and kiosk, or
        that no root vouches for.
        """
        certificates = _checked(new, chain, kiosk, roots if roots is not None else self._known_roots())
        private = new.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files = {KEY: private, CERTIFICATE: _pem(certificates)}
        if roots is not None:
            files[ROOTS] = _pem([x509.load_der_x509_certificate(root) for root in roots])
        try:
            self._write_next(files)
            self._move()
        except OSError as error:
            raise NotStored(f"{error.filename}: {error.strerror}") from error

    def _known_roots(self) -> list[bytes]:
        try:
            roots = x509.load_pem_x509_certificates(self.roots.read_bytes())
        except (OSError, ValueError) as error:
            raise NotEnrolled(f"{self.roots}: {type(error).__name__}") from error
        return [root.public_bytes(Encoding.DER) for root in roots]

    def _write_next(self, files: dict[str, bytes]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._folder / SCRATCH
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        for name, data in files.items():
            handle = os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
        sync_folder(scratch)
        scratch.rename(self._folder / NEXT)
        sync_folder(self._folder)

    def _move(self) -> None:
        # The certificate last: who sees it change finds its key in place.
        for name in (ROOTS, KEY, CERTIFICATE):
            if (self._folder / NEXT / name).exists():
                (self._folder / NEXT / name).replace(self._folder / name)
        sync_folder(self._folder)
        (self._folder / NEXT).rmdir()
        sync_folder(self._folder)


def _checked(new: NewKey, chain: Sequence[bytes], kiosk: str, roots: Sequence[bytes]) -> list[x509.Certificate]:
    if not 0 < len(chain) <= MAX_CHAIN:
        raise AnswerNotBelieved(f"{len(chain)} certificates")
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
        trusted = [x509.load_der_x509_certificate(der) for der in roots]
        public = certificates[0].public_key()
    except ValueError as error:
        raise AnswerNotBelieved("not certificates in DER") from error
    names = [name.value for name in certificates[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if public != new.key.public_key() or names != [kiosk]:
        raise AnswerNotBelieved("a certificate for another key or name")
    for lower, upper in pairwise(certificates):
        if not _issued_by(lower, upper):
            raise AnswerNotBelieved("a chain with a gap")
    if not any(_issued_by(certificates[-1], root) for root in trusted):
        raise AnswerNotBelieved("no root vouches for the certificate")
    return certificates


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
