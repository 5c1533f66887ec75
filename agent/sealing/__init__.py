"""Signing, sealing, the hash chain, receipts, signed bundles and keys. Knows nothing of people or pictures."""

from agent.sealing.bundle import Bundle, open_bundle, sign_bundle
from agent.sealing.core import ClockState, Core
from agent.sealing.errors import (
    KeyUnusable,
    Malformed,
    NoCurrentRecipient,
    SealBroken,
    SealingError,
    SignatureInvalid,
    WrongBundle,
)
from agent.sealing.hpke import open_content, seal_content
from agent.sealing.keys import (
    FileRecordKey,
    FileSigningKey,
    RecipientKey,
    RecipientPrivateKey,
    RecordKey,
    SigningKey,
    key_id,
    point_of,
    public_key_from_point,
    signing_key_from_pem,
)
from agent.sealing.keyset import AnchorCertificates, PolicyDocument, ReceiptKeys, RecipientKeys
from agent.sealing.receipt import Receipt, sign_receipt, verify_receipt
from agent.sealing.record import RecordClaims, SignedRecord, epoch_start, peek_record, sign_record, verify_record

__all__ = [
    "AnchorCertificates",
    "Bundle",
    "ClockState",
    "Core",
    "FileRecordKey",
    "FileSigningKey",
    "KeyUnusable",
    "Malformed",
    "NoCurrentRecipient",
    "PolicyDocument",
    "Receipt",
    "ReceiptKeys",
    "RecipientKey",
    "RecipientKeys",
    "RecipientPrivateKey",
    "RecordClaims",
    "RecordKey",
    "SealBroken",
    "SealingError",
    "SignatureInvalid",
    "SignedRecord",
    "SigningKey",
    "WrongBundle",
    "epoch_start",
    "key_id",
    "open_bundle",
    "open_content",
    "peek_record",
    "point_of",
    "public_key_from_point",
    "seal_content",
    "sign_bundle",
    "sign_receipt",
    "sign_record",
    "signing_key_from_pem",
    "verify_receipt",
    "verify_record",
]
