"""Signatures as certificates and security objects carry them (Doc 9303-11, 5.1; 9303-12, 4.4), checked."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from agent.capture.chip import ecdsa
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.trust import PublicKey

# Nothing else is believed: not MD5, whatever a document claims.
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 # old documents; the hash of a signed list, told in the facts
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
# ecdsa-plain-SHA1 to -SHA512 (BSI TR-03111, 5.2.1.1), which asn1crypto has no names for.
PLAIN_ECDSA = {
    f"0.4.0.127.0.7.1.1.4.1.{arc}": name for arc, name in enumerate(("sha1", "sha224", "sha256", "sha384", "sha512"), 1)
}
# What asn1crypto and cryptography raise on values that make no sense.
UNUSABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    UnsupportedAlgorithm,
)


def digest(name: str, data: bytes) -> bytes:
    """Return a hash by its asn1crypto name; raise ChipDataError for one that is not believed."""
    context = hashes.Hash(_hash(name))
    context.update(data)
    return context.finalize()


def verify(key: PublicKey, signature: bytes, message: bytes, algorithm: Any, hash_name: str) -> None:
    """Check one signature by its ASN.1 algorithm, with `hash_name` where that names no hash.

    Raises InvalidSignature, or ChipDataError for an algorithm or parameters that are not believed.
    """
    try:
        _verify(key, signature, message, algorithm, hash_name)
    except UNUSABLE as error:
        raise ChipDataError(f"signature: {type(error).__name__}") from error


def _verify(key: PublicKey, signature: bytes, message: bytes, algorithm: Any, hash_name: str) -> None:
    kind = algorithm["algorithm"].native
    if kind in PLAIN_ECDSA:
        _verify_bsi(key, signature, message, _hash(PLAIN_ECDSA[kind]))
    elif kind == "rsassa_pss":
        _verify_pss(_rsa(key), signature, message, algorithm["parameters"])
    elif kind in ("rsassa_pkcs1v15", "ecdsa") or kind.endswith(("_rsa", "_ecdsa")):
        # "sha256_rsa" names its hash; rsaEncryption and ecdsa leave it to the signer's digest algorithm.
        named, _, family = kind.rpartition("_")
        _verify_plain(key, signature, message, family, _hash(named if named in HASHES else hash_name))
    else:
        raise ChipDataError(f"signature algorithm {kind}")


def _verify_bsi(key: PublicKey, signature: bytes, message: bytes, chosen: hashes.HashAlgorithm) -> None:
    """Check r || s, each as long as the curve's order (BSI TR-03111, 5.2.1)."""
    if isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignature
    ecdsa.verify(key, ecdsa.from_plain(key, signature), message, chosen)


def _verify_plain(key: PublicKey, signature: bytes, message: bytes, family: str, chosen: hashes.HashAlgorithm) -> None:
    if family == "ecdsa":
        if isinstance(key, rsa.RSAPublicKey):
            raise InvalidSignature
        ecdsa.verify(key, signature, message, chosen)
    else:
        _rsa(key).verify(signature, message, padding.PKCS1v15(), chosen)


def _verify_pss(key: rsa.RSAPublicKey, signature: bytes, message: bytes, parameters: Any) -> None:
    mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
    scheme = padding.PSS(padding.MGF1(_hash(mask)), parameters["salt_length"].native)
    key.verify(signature, message, scheme, _hash(parameters["hash_algorithm"]["algorithm"].native))


def _hash(name: str) -> hashes.HashAlgorithm:
    if name not in HASHES:
        raise ChipDataError(f"hash algorithm {name}")
    return HASHES[name]


def _rsa(key: PublicKey) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignature
    return key
