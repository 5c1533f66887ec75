"""Signing, sealing, the hash chain, receipts, signed bundles and keys. Knows nothing of people or pictures."""

from agent.sealing.bundle import Bundle, open_bundle, sign_bundle
from agent.sealing.core import ClockState, Core
from agent.sealing.epoch import (
    EpochClaims,
    EpochProof,
    PreviousEpoch,
    epoch_start,
    sign_epoch,
    verify_epoch,
)
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
from agent.sealing.key_settings import InFile, InTpm, OnToken, PinSource, RecordKeySettings
from agent.sealing.keys import (
    FileRecordKey,
    FileSigningKey,
    RecordKey,
    SigningKey,
    key_id,
    point_of,
    public_key_from_point,
    signing_key_from_pem,
)
from agent.sealing.keyset import AnchorCertificates, PolicyDocument, ReceiptKeys, RecipientKeys, Validity
from agent.sealing.receipt import Receipt, sign_receipt, verify_receipt
from agent.sealing.recipient import RecipientKey, RecipientPrivateKey, Suite
from agent.sealing.record import RecordClaims, SignedRecord, peek_record, reissue_record, sign_record, verify_record
from agent.sealing.record_key import (
    KeyDescription,
    create_record_key,
    delete_record_key,
    load_record_key,
    release,
    show_record_key,
)
from agent.sealing.registered_key import public_pem as public_key_pem
from agent.sealing.renewal import RenewalClaims, sign_renewal, verify_renewal
from agent.sealing.statements import (
    CheckpointClaims,
    LostRangeClaims,
    TombstoneClaims,
    sign_checkpoint,
    sign_lost_range,
    sign_tombstone,
    verify_checkpoint,
    verify_lost_range,
    verify_tombstone,
)
from agent.sealing.time_answer import TimeAnswer, sign_time, verify_time

__all__ = [
    "AnchorCertificates",
    "Bundle",
    "CheckpointClaims",
    "ClockState",
    "Core",
    "EpochClaims",
    "EpochProof",
    "FileRecordKey",
    "FileSigningKey",
    "InFile",
    "InTpm",
    "KeyDescription",
    "KeyUnusable",
    "LostRangeClaims",
    "Malformed",
    "NoCurrentRecipient",
    "OnToken",
    "PinSource",
    "PolicyDocument",
    "PreviousEpoch",
    "Receipt",
    "ReceiptKeys",
    "RecipientKey",
    "RecipientKeys",
    "RecipientPrivateKey",
    "RecordClaims",
    "RecordKey",
    "RecordKeySettings",
    "RenewalClaims",
    "SealBroken",
    "SealingError",
    "SignatureInvalid",
    "SignedRecord",
    "SigningKey",
    "Suite",
    "TimeAnswer",
    "TombstoneClaims",
    "Validity",
    "WrongBundle",
    "create_record_key",
    "delete_record_key",
    "epoch_start",
    "key_id",
    "load_record_key",
    "open_bundle",
    "open_content",
    "peek_record",
    "point_of",
    "public_key_from_point",
    "public_key_pem",
    "reissue_record",
    "release",
    "seal_content",
    "show_record_key",
    "sign_bundle",
    "sign_checkpoint",
    "sign_epoch",
    "sign_lost_range",
    "sign_receipt",
    "sign_record",
    "sign_renewal",
    "sign_time",
    "sign_tombstone",
    "signing_key_from_pem",
    "verify_checkpoint",
    "verify_epoch",
    "verify_lost_range",
    "verify_receipt",
    "verify_record",
    "verify_renewal",
    "verify_time",
    "verify_tombstone",
]
