"""The file of a TPM's key: the TSS2 PRIVATE KEY form that tpm2-openssl reads too. Useless without its TPM."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from tpm2_pytss import TPM2_ALG, TPM2_ECC, TPM2_RH, TPMA_OBJECT, TPMT_PUBLIC, TSS2_Exception
from tpm2_pytss.tsskey import TSSPrivKey

from agent.sealing.errors import KeyUnusable
from agent.sealing.guarded_file import NotGuarded, read_guarded
from agent.sealing.key_errors import KeyMissing

MAX_BLOB_BYTES = 4096
BLOB_MODE = 0o600
# Made in the TPM and never outside it (TPM 2.0 Library, part 1, 8.3 and 25.2); signs what it is given.
BORN_INSIDE = TPMA_OBJECT.FIXEDTPM | TPMA_OBJECT.FIXEDPARENT | TPMA_OBJECT.SENSITIVEDATAORIGIN
ATTRIBUTES = BORN_INSIDE | TPMA_OBJECT.USERWITHAUTH | TPMA_OBJECT.SIGN_ENCRYPT
OPTIONAL = TPMA_OBJECT.NODA


def blob_path(folder: Path, name: str) -> Path:
    """Return where the key's file of this name lies."""
    return folder / f"{name}.tpm.pem"


def template(*, pin: bool) -> TPMT_PUBLIC:
    """Return the public area to create: ECC P-256, ECDSA with SHA-256, sign only.

    A key without a PIN stays outside the dictionary-attack protection, so that nobody else's wrong tries lock it.
    """
    attributes = ATTRIBUTES if pin else ATTRIBUTES | TPMA_OBJECT.NODA
    return TPMT_PUBLIC.parse("ecc256:ecdsa-sha256", objectAttributes=attributes)


def read_blob(path: Path) -> TSSPrivKey:
    """Read and check the key's file; raise KeyMissing, or KeyUnusable when it is not such a key or open to others."""
    try:
        data = read_guarded(path, MAX_BLOB_BYTES)
    except FileNotFoundError:
        raise KeyMissing(f"{path}: not there") from None
    except NotGuarded as error:
        raise KeyUnusable(str(error)) from None
    blob = _parse(path, data)
    _require_record_key(path, blob)
    return blob


def public_key_of(area: TPMT_PUBLIC) -> ec.EllipticCurvePublicKey:
    """Return the public key of a P-256 public area; raise KeyUnusable when it is not a point of the curve."""
    x, y = (int.from_bytes(bytes(side)) for side in (area.unique.ecc.x, area.unique.ecc.y))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise KeyUnusable("the TPM key's public point is not on P-256") from error


def _parse(path: Path, data: bytes) -> TSSPrivKey:
    try:
        blob = TSSPrivKey.from_pem(data)
        canonical = blob.to_pem() == data
    except (ValueError, TypeError, OverflowError, RuntimeError, TSS2_Exception) as error:
        raise KeyUnusable(f"{path}: not a TSS2 PRIVATE KEY") from error
    if not canonical:
        # The library's parser is lenient; one key has one form, so whatever else stands there was put there later.
        raise KeyUnusable(f"{path}: not in the form it was written in")
    return blob


def _require_record_key(path: Path, blob: TSSPrivKey) -> None:
    area = blob.public.publicArea
    if area.type != TPM2_ALG.ECC or area.parameters.eccDetail.curveID != TPM2_ECC.NIST_P256:
        raise KeyUnusable(f"{path}: not a P-256 key")
    if area.objectAttributes & ~OPTIONAL != ATTRIBUTES:
        raise KeyUnusable(f"{path}: not a sign-only key that was made inside a TPM")
    if blob.parent != TPM2_RH.OWNER:
        raise KeyUnusable(f"{path}: its parent is not the owner hierarchy's primary key")
