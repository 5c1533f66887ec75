"""COSE_Sign1 with ES256 (RFC 9052, section 4.2; RFC 9053, section 2.1), payload attached."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from agent.sealing.encoding import decode, encode
from agent.sealing.errors import Malformed, SignatureInvalid
from agent.sealing.keys import COORDINATE_BYTES, KEY_ID_BYTES, SigningKey, key_id

TAG = 18
HEADER_ALGORITHM = 1
HEADER_CONTENT_TYPE = 3
HEADER_KEY_ID = 4
ES256 = -7


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed COSE_Sign1 whose signature is not checked yet."""

    protected: bytes
    content_type: str
    key_id: bytes
    payload: bytes
    signature: bytes

    def verify(self, public: ec.EllipticCurvePublicKey) -> bytes:
        """Return the payload; raise SignatureInvalid when key or signature are wrong."""
        if key_id(public) != self.key_id:
            raise SignatureInvalid("signed by another key")
        r, s = (int.from_bytes(half) for half in (self.signature[:COORDINATE_BYTES], self.signature[COORDINATE_BYTES:]))
        try:
            public.verify(
                encode_dss_signature(r, s), _signed_bytes(self.protected, self.payload), ec.ECDSA(hashes.SHA256())
            )
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalid(self.content_type) from error
        return self.payload


def sign1(payload: bytes, content_type: str, key: SigningKey) -> bytes:
    """Return the tagged COSE_Sign1 bytes over `payload`."""
    header = {HEADER_ALGORITHM: ES256, HEADER_CONTENT_TYPE: content_type, HEADER_KEY_ID: key.key_id}
    protected = encode(header)
    signature = key.sign(_signed_bytes(protected, payload))
    return encode([protected, {}, payload, signature], TAG)


def parse_sign1(data: bytes, content_type: str) -> Sign1:
    """Parse strictly: ES256, this content type, a 16-byte key id, an empty unprotected header. Raises Malformed."""
    parts = decode(data, content_type, TAG)
    if not isinstance(parts, list) or len(parts) != 4:
        raise Malformed(f"{content_type}: not COSE_Sign1")
    protected, unprotected, payload, signature = parts
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise Malformed(f"{content_type}: not COSE_Sign1")
    if unprotected != {} or len(signature) != 2 * COORDINATE_BYTES:
        raise Malformed(f"{content_type}: unprotected header or signature length")
    header = decode(protected, content_type)
    if not isinstance(header, dict) or set(header) != {HEADER_ALGORITHM, HEADER_CONTENT_TYPE, HEADER_KEY_ID}:
        raise Malformed(f"{content_type}: protected header")
    kid = header[HEADER_KEY_ID]
    if header[HEADER_ALGORITHM] != ES256 or header[HEADER_CONTENT_TYPE] != content_type:
        raise Malformed(f"{content_type}: algorithm or content type")
    if not isinstance(kid, bytes) or len(kid) != KEY_ID_BYTES:
        raise Malformed(f"{content_type}: key id")
    return Sign1(protected, content_type, kid, payload, signature)


def _signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure (RFC 9052, 4.4) with an empty external_aad."""
    return encode(["Signature1", protected, b"", payload])
