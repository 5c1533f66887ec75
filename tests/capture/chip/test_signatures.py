from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from firmware_mocks.chip_card.forgery import GROUPS, Signer, Sod, pss

from agent.capture.chip.security_object import LDS_SECURITY_OBJECT
from agent.capture.evidence import Check, Verdict

Judge = Callable[..., dict[str, Check]]


def failed(checks: Mapping[str, Check]) -> set[str]:
    """Return the names of what failed."""
    return {check.name for check in checks.values() if check.verdict is Verdict.FAILED}


class TestSignatures:
    """Algorithms of documents."""

    def test_a_good_document_passes_everything(self, signer: Signer, judge: Judge) -> None:
        """Signature, chain, hashes, dates."""
        checks = judge(Sod(signer).build())
        assert {check.verdict for check in checks.values()} == {Verdict.PASSED}
        assert set(checks) == {"sod_signature", "certificate_chain", "data_group_hashes", "document_signer_dates"}
        assert not checks["document_signer_dates"].gate

    @pytest.mark.parametrize("hash_name", ["sha1", "sha224", "sha256", "sha384", "sha512"])
    @pytest.mark.parametrize(
        "curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.BrainpoolP384R1, ec.BrainpoolP512R1]
    )
    def test_ecdsa(self, csca: Signer, judge: Judge, hash_name: str, curve: Any) -> None:
        """Every curve of signers with every hash."""
        document_signer = Signer.make(ec.generate_private_key(curve()), issuer=csca)
        assert not failed(judge(Sod(document_signer, hash_name=hash_name).build()))

    @pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha512"])
    @pytest.mark.parametrize("named", [True, False], ids=["sha…WithRSA", "rsaEncryption"])
    def test_rsa_pkcs1(
        self, csca: Signer, rsa_key: rsa.RSAPrivateKey, judge: Judge, hash_name: str, named: bool
    ) -> None:
        """With the hash in the algorithm, and with rsaEncryption, where the signer's digest algorithm says it."""
        document_signer = Signer.make(rsa_key, issuer=csca)
        algorithm = None if named else {"algorithm": "rsassa_pkcs1v15"}
        assert not failed(judge(Sod(document_signer, hash_name=hash_name, signature_algorithm=algorithm).build()))

    def test_ecdsa_that_names_no_hash(self, signer: Signer, judge: Judge) -> None:
        """The signer's digest algorithm decides."""
        assert not failed(judge(Sod(signer, signature_algorithm={"algorithm": "ecdsa"}).build()))

    @pytest.mark.parametrize(("arc", "hash_name"), list(enumerate(("sha1", "sha224", "sha256", "sha384", "sha512"), 1)))
    @pytest.mark.parametrize("curve", [ec.BrainpoolP256R1, ec.SECP521R1])
    def test_plain_ecdsa(self, csca: Signer, judge: Judge, arc: int, hash_name: str, curve: Any) -> None:
        """The form r || s (BSI TR-03111); cut, doubled or in DER under this name it fails."""
        document_signer = Signer.make(ec.generate_private_key(curve()), issuer=csca)
        key = document_signer.key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        size = (key.key_size + 7) // 8

        def der(message: bytes) -> bytes:
            return key.sign(message, ec.ECDSA(getattr(hashes, hash_name.upper())()))

        def plain(message: bytes) -> bytes:
            return b"".join(number.to_bytes(size) for number in decode_dss_signature(der(message)))

        algorithm = {"algorithm": f"0.4.0.127.0.7.1.1.4.1.{arc}"}
        made = Sod(document_signer, hash_name=hash_name, signature_algorithm=algorithm, signature=plain)
        assert not failed(judge(made.build()))
        for wrong in (der, lambda message: plain(message)[:-1], lambda message: plain(message) * 2):
            assert failed(judge(replace(made, signature=wrong).build())) == {"sod_signature"}

    @pytest.mark.parametrize(("hash_name", "salt"), [("sha256", 32), ("sha512", 64), ("sha1", 20)])
    def test_rsa_pss(self, csca: Signer, rsa_key: rsa.RSAPrivateKey, judge: Judge, hash_name: str, salt: int) -> None:
        """Hash, mask and salt length are parameters."""
        chosen = getattr(hashes, hash_name.upper())()
        sod = Sod(
            Signer.make(rsa_key, issuer=csca),
            hash_name=hash_name,
            signature_algorithm=pss(hash_name, salt),
            signature=lambda message: rsa_key.sign(message, padding.PSS(padding.MGF1(chosen), salt), chosen),
        )
        assert not failed(judge(sod.build()))

    def test_a_different_digest_for_the_content(self, signer: Signer, judge: Judge) -> None:
        """Data groups by SHA-512, the content by SHA-256: each algorithm stands where it belongs."""
        assert not failed(judge(Sod(signer, hash_name="sha512", digest_name="sha256").build()))

    def test_a_csca_of_rsa_pss(self, rsa_key: rsa.RSAPrivateKey, judge: Judge) -> None:
        """The certificate's own signature has parameters, too."""
        root = Signer.make(rsa_key, "RSA CSCA")
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        document_signer = Signer.make(ec.generate_private_key(ec.SECP256R1()), issuer=root, rsa_padding=scheme)
        assert not failed(judge(Sod(document_signer).build(), anchors=[root.der]))


class TestForgedSignatures:
    """Security objects that nobody signed."""

    def test_every_flipped_byte_of_the_signature_fails(self, signer: Signer, judge: Judge) -> None:
        """One bit of any byte."""
        sod = Sod(signer)
        for position in range(64):
            sod.signature = lambda message, p=position: flipped(sod._sign("sha256")(message), p)
            assert "sod_signature" in failed(judge(sod.build()))

    def test_another_key_fails(self, signer: Signer, judge: Judge) -> None:
        """The certificate is real, the signature is not its key's."""
        other = ec.generate_private_key(ec.BrainpoolP256R1())
        sod = Sod(signer, signature=lambda message: other.sign(message, ec.ECDSA(hashes.SHA256())))
        assert failed(judge(sod.build())) == {"sod_signature"}

    @pytest.mark.parametrize("signature", [b"", b"\x30\x00", bytes(64), b"\x30\x06\x02\x01\x00\x02\x01\x00"])
    def test_empty_signatures_fail(self, signer: Signer, judge: Judge, signature: bytes) -> None:
        """No bytes, no numbers, zeros."""
        assert failed(judge(Sod(signer, signature=lambda _: signature).build())) == {"sod_signature"}

    def test_a_content_changed_after_signing_fails(self, signer: Signer, judge: Judge) -> None:
        """The signed digest is of another list."""
        honest = Sod(signer)
        forged_groups = {**GROUPS, 1: b"\x61\x01x"}
        digest = hashlib.sha256(honest.content()).digest()
        attributes: list[tuple[str, list[Any]]] = [
            ("content_type", [LDS_SECURITY_OBJECT]),
            ("message_digest", [digest]),
        ]
        forged = Sod(signer, groups=forged_groups, attributes=attributes)
        assert failed(judge(forged.build(), groups=forged_groups)) == {"sod_signature"}

    def test_signed_attributes_may_not_be_missing(self, signer: Signer, judge: Judge) -> None:
        """Doc 9303-10, 4.6.2.2 demands them: a bare content could be signed for another purpose."""
        assert failed(judge(Sod(signer, without_attributes=True).build())) == {"sod_signature"}

    @pytest.mark.parametrize("missing", ["content_type", "message_digest"])
    def test_neither_attribute_may_be_missing(self, signer: Signer, judge: Judge, missing: str) -> None:
        """RFC 5652, 11.1 and 11.2."""
        attributes = [(kind, value) for kind, value in good_attributes(signer) if kind != missing]
        assert failed(judge(Sod(signer, attributes=attributes).build())) == {"sod_signature"}

    def test_no_attribute_may_come_twice_or_with_two_values(self, signer: Signer, judge: Judge) -> None:
        """Nobody could say which counts."""
        (kind, (digest,)) = good_attributes(signer)[1]
        content_type = good_attributes(signer)[0]
        choices: list[list[tuple[str, list[Any]]]] = [
            [content_type, (kind, [bytes(32)]), (kind, [digest])],
            [content_type, (kind, [digest]), (kind, [bytes(32)])],
            [content_type, (kind, [digest, bytes(32)])],
            [content_type, (kind, [])],
        ]
        for attributes in choices:
            assert failed(judge(Sod(signer, attributes=attributes).build())) == {"sod_signature"}

    def test_another_signed_content_type_fails(self, signer: Signer, judge: Judge) -> None:
        """The signature was given for something else."""
        attributes: list[tuple[str, list[Any]]] = [("content_type", ["data"]), good_attributes(signer)[1]]
        assert failed(judge(Sod(signer, attributes=attributes).build())) == {"sod_signature"}

    def test_an_rsa_signature_does_not_pass_for_an_elliptic_one(
        self, signer: Signer, rsa_key: rsa.RSAPrivateKey, csca: Signer, judge: Judge
    ) -> None:
        """Key and algorithm must be of one kind."""
        for key_holder, family in ((signer, "rsa"), (Signer.make(rsa_key, issuer=csca), "ecdsa")):
            sod = Sod(key_holder, signature_algorithm={"algorithm": f"sha256_{family}"})
            assert failed(judge(sod.build())) == {"sod_signature"}

    @pytest.mark.parametrize("algorithm", ["md5_rsa", "md2_rsa", "sha256_dsa", "dsa", "ed25519"])
    def test_algorithms_that_are_not_believed_fail(self, signer: Signer, judge: Judge, algorithm: str) -> None:
        """Whatever the document claims."""
        sod = Sod(signer, signature_algorithm={"algorithm": algorithm})
        assert failed(judge(sod.build())) == {"sod_signature"}

    @pytest.mark.parametrize("digest_name", ["md5", "sha3_256"])
    def test_digests_that_are_not_believed_fail(self, signer: Signer, judge: Judge, digest_name: str) -> None:
        """MD5 above all; others are not of Doc 9303."""
        sod = Sod(signer, digest_name=digest_name, signature=lambda _: b"x", signature_algorithm={"algorithm": "ecdsa"})
        assert failed(judge(sod.build())) == {"sod_signature"}

    def test_a_digest_without_a_length_fails(self, signer: Signer, judge: Judge) -> None:
        """SHAKE has none of its own, and must not end the program."""
        sod = Sod(signer, digest_name="shake256", attributes=good_attributes(signer), signature=lambda _: b"x")
        sod.signature_algorithm = {"algorithm": "ecdsa"}
        assert failed(judge(sod.build())) == {"sod_signature"}

    @pytest.mark.parametrize("salt", [0, 10_000, -1])
    def test_other_salt_lengths_fail(self, csca: Signer, rsa_key: rsa.RSAPrivateKey, judge: Judge, salt: int) -> None:
        """None, impossible, negative."""
        signature = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        sod = Sod(
            Signer.make(rsa_key, issuer=csca),
            signature_algorithm=pss("sha256", salt),
            signature=lambda message: rsa_key.sign(message, signature, hashes.SHA256()),
        )
        assert failed(judge(sod.build())) == {"sod_signature"}

    def test_a_certificate_that_is_not_for_signatures_fails(self, csca: Signer, judge: Judge) -> None:
        """A key for something else was misused; Doc 9303-12, 7.1.1 demands digitalSignature."""
        key = ec.generate_private_key(ec.SECP256R1())
        for signing, expected in ((True, set()), (False, {"sod_signature"})):
            assert failed(judge(Sod(Signer.make(key, issuer=csca, signing=signing)).build())) == expected


def good_attributes(signer: Signer) -> list[tuple[str, list[Any]]]:
    """Return the attributes that fit the standard content."""
    digest = hashlib.sha256(Sod(signer).content()).digest()
    return [("content_type", [LDS_SECURITY_OBJECT]), ("message_digest", [digest])]


def flipped(data: bytes, position: int) -> bytes:
    """Change one bit of the byte at `position`, counted round."""
    changed = bytearray(data)
    changed[position % len(data)] ^= 0x01
    return bytes(changed)
