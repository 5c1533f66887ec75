"""Signed records, receipts and bundles: verified by an independent library, refused when one byte is changed."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cwt import COSE, COSEKey

from agent.sealing import (
    AnchorCertificates,
    Bundle,
    Core,
    FileSigningKey,
    Malformed,
    NoCurrentRecipient,
    PolicyDocument,
    Receipt,
    ReceiptKeys,
    RecipientKeys,
    SealingError,
    SignatureInvalid,
    Validity,
    WrongBundle,
    epoch_start,
    open_bundle,
    peek_record,
    sign_bundle,
    sign_receipt,
    sign_record,
    verify_receipt,
    verify_record,
)
from agent.sealing import bundle as bundle_module
from agent.sealing import receipt as receipt_module
from agent.sealing import record as record_module
from agent.sealing.cose import ES256, parse_sign1, sign1
from agent.sealing.encoding import decode, encode
from agent.sealing.errors import KeyUnusable
from tests.sealing.material import Keys, core_for, cuts, flips, start_of

CIPHERTEXT = bytes(range(256)) * 4
RECEIPT = Receipt("collector-1", "kiosk-1", 1, 41, hashlib.sha256(b"41").digest(), (3, 17), 1_700_000_000_000_000_000)
BUNDLE = Bundle("policy", 3, 1_700_000_000_000_000_000, 1_800_000_000_000_000_000, b'{"version": "3"}')
TYPE = "application/test"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return one key of each kind."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def signed(keys: Keys) -> bytes:
    """Return a record's COSE_Sign1."""
    return sign_record(core_for(keys), 1, 0, start_of(keys), CIPHERTEXT, keys.record).cose_sign1


class TestRecord:
    """One COSE_Sign1 over core, place in the chain and ciphertext hash."""

    def test_an_independent_library_verifies_the_signature(self, keys: Keys, signed: bytes) -> None:
        """`cwt`, from the public point and key id alone."""
        point = keys.record.public_key.public_numbers()
        members = {1: 2, 2: keys.record.key_id, 3: ES256, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        payload = COSE.new().decode(signed, COSEKey.new(members))
        assert hashlib.sha256(payload).digest() == peek_record(signed).payload_sha256

    def test_the_claims_come_back(self, keys: Keys, signed: bytes) -> None:
        """Everything that was signed."""
        claims = verify_record(signed, CIPHERTEXT, keys.record.public_key)
        assert claims.core == core_for(keys)
        assert (claims.epoch, claims.seq, claims.prev) == (1, 0, start_of(keys))
        assert claims.ciphertext_sha256 == hashlib.sha256(CIPHERTEXT).digest()
        assert claims == peek_record(signed)

    def test_the_chain_is_over_payloads_not_signatures(self, keys: Keys) -> None:
        """ECDSA signatures differ each time, payload hashes do not."""
        first, second = (sign_record(core_for(keys), 1, 0, start_of(keys), CIPHERTEXT, keys.record) for _ in range(2))
        assert first.cose_sign1 != second.cose_sign1
        assert first.payload_sha256 == second.payload_sha256
        assert first.ciphertext_sha256 == hashlib.sha256(CIPHERTEXT).digest()

    def test_a_change_in_any_byte_is_refused(self, keys: Keys, signed: bytes) -> None:
        """Tag, headers, payload, signature."""
        for changed in flips(signed):
            with pytest.raises(SealingError):
                verify_record(changed, CIPHERTEXT, keys.record.public_key)

    def test_a_record_cut_at_any_byte_or_with_more_behind_it_is_malformed(self, keys: Keys, signed: bytes) -> None:
        """No other kind of exception."""
        for cut in (*cuts(signed), signed + b"\0"):
            with pytest.raises(Malformed):
                verify_record(cut, CIPHERTEXT, keys.record.public_key)

    def test_another_ciphertext_is_refused(self, keys: Keys, signed: bytes) -> None:
        """Changed, cut or longer."""
        for other in (CIPHERTEXT[:-1], CIPHERTEXT + b"\0", b"", bytes([1]) + CIPHERTEXT[1:]):
            with pytest.raises(SignatureInvalid):
                verify_record(signed, other, keys.record.public_key)

    def test_another_kiosks_key_is_refused(self, keys: Keys, signed: bytes) -> None:
        """By its id, before any arithmetic."""
        with pytest.raises(SignatureInvalid, match="another key"):
            verify_record(signed, CIPHERTEXT, keys.receipt.public_key)

    def test_the_start_of_an_epoch_binds_kiosk_epoch_and_key(self, keys: Keys) -> None:
        """None of them can be exchanged before the first record."""
        start = epoch_start("kiosk-1", 1, keys.record.key_id)
        others = {
            epoch_start("kiosk-2", 1, keys.record.key_id),
            epoch_start("kiosk-1", 2, keys.record.key_id),
            epoch_start("kiosk-1", 1, keys.receipt.key_id),
        }
        assert start not in others
        assert len(others) == 3

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("v", 0),
            ("v", 2),
            ("v", True),
            ("test", 1),
            ("kiosk", ""),
            ("kiosk", "k" * 64),
            ("kiosk", b"kiosk-1"),
            ("record_id", bytes(15)),
            ("recipient", bytes(17)),
            ("manifest", bytes(31)),
            ("manifest", None),
            ("captured_at", -1),
            ("captured_at", 2**63),
            ("clock", {"monotonic": 1}),
            ("clock", {"monotonic": 1, "offset": 2**63}),
            ("clock", {"monotonic": -1, "offset": None}),
            ("clock", [1, None]),
            ("more", 1),
        ],
    )
    def test_a_core_with_a_wrong_field_is_malformed(self, keys: Keys, key: str, value: object) -> None:
        """Even when it is signed."""
        with pytest.raises(Malformed):
            Core.from_bytes(encode(core_for(keys).to_map() | {key: value}))
        for missing in core_for(keys).to_map():
            left = {name: item for name, item in core_for(keys).to_map().items() if name != missing}
            with pytest.raises(Malformed):
                Core.from_bytes(encode(left))

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("epoch", -1),
            ("seq", 2**63),
            ("seq", True),
            ("prev", bytes(31)),
            ("ciphertext", b""),
            ("length", -1),
            ("core", {"v": 1}),
            ("core", b""),
            ("more", 0),
        ],
    )
    def test_a_payload_with_a_wrong_field_is_malformed(self, keys: Keys, key: str, value: object) -> None:
        """Even when it is signed."""
        payload = decode(parse_sign1(self._signed(keys), record_module.CONTENT_TYPE).payload, "payload") | {key: value}
        again = sign1(encode(payload), record_module.CONTENT_TYPE, keys.record)
        with pytest.raises(Malformed):
            verify_record(again, CIPHERTEXT, keys.record.public_key)

    def _signed(self, keys: Keys) -> bytes:
        return sign_record(core_for(keys), 1, 0, start_of(keys), CIPHERTEXT, keys.record).cose_sign1


class TestReceipt:
    """What a kiosk purges on."""

    def test_it_comes_back_from_a_listed_key(self, keys: Keys) -> None:
        """Every field."""
        trusted = ReceiptKeys.of(keys.campaign.public_key, keys.receipt.public_key)
        assert verify_receipt(sign_receipt(RECEIPT, keys.receipt), trusted) == RECEIPT

    def test_a_change_in_any_byte_is_refused(self, keys: Keys) -> None:
        """And every cut."""
        data, trusted = sign_receipt(RECEIPT, keys.receipt), ReceiptKeys.of(keys.receipt.public_key)
        for changed in (*flips(data), *cuts(data), data + b"\0"):
            with pytest.raises(SealingError):
                verify_receipt(changed, trusted)

    def test_a_key_that_is_not_listed_is_refused(self, keys: Keys) -> None:
        """A kiosk's own record key least of all."""
        with pytest.raises(SignatureInvalid, match="not in the bundle"):
            verify_receipt(sign_receipt(RECEIPT, keys.record), ReceiptKeys.of(keys.receipt.public_key))

    def test_a_listed_key_id_with_another_keys_signature_is_refused(self, keys: Keys) -> None:
        """The id is only a name."""
        posing = _Posing(keys.record, keys.receipt.key_id)
        with pytest.raises(SignatureInvalid):
            verify_receipt(sign_receipt(RECEIPT, posing), ReceiptKeys.of(keys.receipt.public_key))

    @pytest.mark.parametrize(
        "change",
        [
            {"through_seq": -1},
            {"epoch": 2**63},
            {"head": bytes(31)},
            {"quarantined": (42,)},
            {"quarantined": (-1,)},
            {"quarantined": (True,)},
            {"time_ns": -1},
        ],
        ids=str,
    )
    def test_a_signed_receipt_with_a_wrong_field_is_malformed(self, keys: Keys, change: dict[str, object]) -> None:
        """A quarantined seq cannot lie above the receipted ones."""
        data = sign_receipt(replace(RECEIPT, **change), keys.receipt)  # type: ignore[arg-type]
        with pytest.raises(Malformed):
            verify_receipt(data, ReceiptKeys.of(keys.receipt.public_key))


class TestBundle:
    """What the campaign key signs."""

    def test_it_comes_back(self, keys: Keys) -> None:
        """Every field; expiry is told, not enforced."""
        opened = open_bundle(sign_bundle(BUNDLE, keys.campaign), keys.campaign.public_key, "policy")
        assert opened == BUNDLE
        assert not opened.expired(BUNDLE.expires_at_ns - 1)
        assert opened.expired(BUNDLE.expires_at_ns)

    def test_a_change_in_any_byte_is_refused(self, keys: Keys) -> None:
        """And every cut."""
        data = sign_bundle(BUNDLE, keys.campaign)
        for changed in (*flips(data), *cuts(data), data + b"\0"):
            with pytest.raises(SealingError):
                open_bundle(changed, keys.campaign.public_key, "policy")

    def test_another_kind_is_refused(self, keys: Keys) -> None:
        """A receipt-key bundle in the recipients' place would be two lists of keys mixed up."""
        with pytest.raises(WrongBundle):
            open_bundle(sign_bundle(BUNDLE, keys.campaign), keys.campaign.public_key, "recipients")

    def test_another_signer_is_refused(self, keys: Keys) -> None:
        """The collector's receipt key is online; the campaign key is not."""
        with pytest.raises(SignatureInvalid):
            open_bundle(sign_bundle(BUNDLE, keys.receipt), keys.campaign.public_key, "policy")

    def test_bodies_come_back(self, keys: Keys) -> None:
        """Keys, anchors, policy."""
        recipients = RecipientKeys(((keys.recipient.public, Validity(1, 2)),))
        assert RecipientKeys.from_bundle(_with(recipients.to_body())) == recipients
        trusted = ReceiptKeys.of(keys.receipt.public_key)
        assert set(ReceiptKeys.from_bundle(_with(trusted.to_body())).by_id) == {keys.receipt.key_id}
        anchors = AnchorCertificates((b"one", b"two"))
        assert AnchorCertificates.from_bundle(_with(anchors.to_body())) == anchors
        policy = PolicyDocument.from_bundle(BUNDLE)
        assert policy.sha256 == hashlib.sha256(BUNDLE.body).digest()
        with pytest.raises(NoCurrentRecipient):
            RecipientKeys.from_bundle(_with(RecipientKeys(()).to_body()))

    @pytest.mark.parametrize("body", [b"", b"\x00", encode({}), encode([1]), encode(["a"]), encode([b""] * 1001)])
    def test_a_body_that_is_no_list_of_byte_strings_is_malformed(self, body: bytes) -> None:
        """Or a list without end."""
        with pytest.raises(Malformed):
            AnchorCertificates.from_bundle(_with(body))

    @pytest.mark.parametrize("key", [b"", bytes(65), bytes(31), b"\x04" + bytes(64), b"\x02" + bytes(32)])
    def test_a_body_with_something_that_is_no_key_is_refused(self, key: bytes) -> None:
        """Points that are not on the curve, compressed or short ones."""
        with pytest.raises(KeyUnusable):
            ReceiptKeys.from_bundle(_with(encode([key])))
        with pytest.raises(KeyUnusable):
            RecipientKeys.from_bundle(_with(encode([{"suite": 0x20, "key": key, "from": 0, "until": 1}])))


class TestHeader:
    """The COSE header says exactly what we expect, or the bytes are refused before the signature is looked at."""

    @pytest.mark.parametrize(
        "header",
        [
            {1: -35},
            {1: 5},
            {1: -8},
            {1: None},
            {1: "ES256"},
            {3: "application/other"},
            {3: 60},
            {4: bytes(15)},
            {4: "kid"},
            {2: [1]},
            {5: b"iv"},
            {-70001: 1},
        ],
        ids=str,
    )
    def test_any_other_header_is_malformed(self, keys: Keys, header: dict[int, object]) -> None:
        """Other algorithms, content types and key ids; critical, private and unknown parameters."""
        usual: dict[int, object] = {1: ES256, 3: TYPE, 4: keys.record.key_id}
        with pytest.raises(Malformed):
            parse_sign1(_sign(keys, encode(usual | header)), TYPE)
        for missing in usual:
            left = {name: value for name, value in usual.items() if name != missing}
            with pytest.raises(Malformed):
                parse_sign1(_sign(keys, encode(left)), TYPE)

    def test_a_mac_over_the_public_key_is_no_signature(self, keys: Keys) -> None:
        """Algorithm confusion: the verifier never lets the message choose."""
        protected = encode({1: 5, 3: TYPE, 4: keys.record.key_id})
        point = keys.record.public_key.public_numbers().x.to_bytes(32)
        tag = hmac.digest(point, encode(["MAC0", protected, b"", b"payload"]), "sha256")
        for number in (17, 18):
            with pytest.raises(Malformed):
                parse_sign1(encode([protected, {}, b"payload", tag], number), TYPE)

    def test_other_shapes_are_malformed(self, keys: Keys) -> None:
        """An unprotected header, a detached payload, more or fewer parts, another tag, no tag."""
        protected = encode({1: ES256, 3: TYPE, 4: keys.record.key_id})
        signature = bytes(64)
        shapes: list[object] = [
            [protected, {4: b"kid"}, b"p", signature],
            [protected, {}, None, signature],
            [protected, {}, b"p"],
            [protected, {}, b"p", signature, b""],
            [protected, {}, b"p", signature[:63]],
            [protected, {}, b"p", signature + b"\0"],
            [b"", {}, b"p", signature],
            [{1: ES256}, {}, b"p", signature],
            {},
            b"",
        ]
        for shape in shapes:
            with pytest.raises(Malformed):
                parse_sign1(encode(shape, 18), TYPE)
        for tag in (None, 17, 98):
            with pytest.raises(Malformed):
                parse_sign1(encode([protected, {}, b"p", signature], tag), TYPE)

    @pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, bytes(32) + b"\x01" * 32])
    def test_degenerate_signatures_are_invalid(self, keys: Keys, signature: bytes) -> None:
        """Numbers r or s of zero, or above the group's order."""
        protected = encode({1: ES256, 3: TYPE, 4: keys.record.key_id})
        parsed = parse_sign1(encode([protected, {}, b"p", signature], 18), TYPE)
        with pytest.raises(SignatureInvalid):
            parsed.verify(keys.record.public_key)

    def test_one_kind_of_message_never_passes_for_another(self, keys: Keys) -> None:
        """A key that signs several kinds binds each by its content type."""
        types = {module.CONTENT_TYPE for module in (bundle_module, receipt_module, record_module)}
        assert len(types) == 3
        receipt = sign_receipt(RECEIPT, keys.campaign)
        with pytest.raises(Malformed):
            open_bundle(receipt, keys.campaign.public_key, "policy")


def test_nothing_secret_or_personal_is_in_a_repr(keys: Keys, signed: bytes) -> None:
    """Keys, bodies, signed bytes."""
    secret = keys.record._key.private_numbers().private_value
    shown = repr([keys.record, keys.recipient, keys.recipient.public, BUNDLE, PolicyDocument(BUNDLE.body)])
    shown += repr(sign_record(core_for(keys), 1, 0, start_of(keys), CIPHERTEXT, keys.record))
    assert isinstance(keys.recipient.private, X25519PrivateKey)
    raw = keys.recipient.private.private_bytes_raw()
    for form in (str(secret), f"{secret:x}", repr(raw), raw.hex(), '"version"', repr(CIPHERTEXT)[2:40]):
        assert form not in shown


def _with(body: bytes) -> Bundle:
    return replace(BUNDLE, body=body)


def _sign(keys: Keys, protected: bytes) -> bytes:
    signature = keys.record.sign(encode(["Signature1", protected, b"", b"payload"]))
    return encode([protected, {}, b"payload", signature], 18)


class _Posing:
    """Signs with one key under another's id."""

    def __init__(self, key: FileSigningKey, key_id: bytes) -> None:
        self._key, self.key_id = key, key_id

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The true one."""
        return self._key.public_key

    def sign(self, data: bytes) -> bytes:
        """Sign with the true key."""
        return self._key.sign(data)


def test_the_posing_key_is_otherwise_good(keys: Keys, tmp_path: Path) -> None:
    """The test above fails for the right reason: under its own id the signature verifies."""
    honest = FileSigningKey.create(tmp_path / "honest.key")
    trusted = ReceiptKeys.of(honest.public_key)
    assert verify_receipt(sign_receipt(RECEIPT, _Posing(honest, honest.key_id)), trusted) == RECEIPT
