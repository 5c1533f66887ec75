"""A first set-up: TLS CA, the three keys, and for a pilot one folder of trust per kiosk."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing import (
    AnchorCertificates,
    Bundle,
    FileSigningKey,
    InFile,
    ReceiptKeys,
    RecipientKeys,
    RecipientPrivateKey,
    RecordKey,
    Suite,
    Validity,
    create_record_key,
    epoch_start,
    point_of,
    sign_bundle,
)
from collector.certificates import CA_DAYS, CLIENT, LEAF_DAYS, SERVER, Authority, Leaf, Period
from collector.config import FILE_NAME, CollectorConfig, check_config
from collector.embedded_registry import EmbeddedRegistry
from collector.errors import AlreadyExists, SetupFailed
from collector.recipients import public_line
from collector.stores import open_store

FIRST_EPOCH = 1
BUNDLE_DAYS = 365
DAY_NS = 86_400 * 10**9
# As the kiosk's own configuration demands it; the name is a folder's name too.
KIOSK_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set up: the collector's folder, its name and address, the kiosks, and what their bundles hold."""

    folder: Path
    kiosk_folder: Path
    name: str
    address: str
    kiosks: tuple[str, ...]
    anchors: tuple[bytes, ...]
    policy: bytes = field(repr=False)
    development: bool
    suite: Suite = Suite.X25519
    enrolment_address: str = ""
    database: str = ""


def set_up(plan: Plan) -> None:
    """Make everything of `plan`.

    Raises ConfigInvalid, SetupFailed or AlreadyExists before the first file is written when the plan is wrong or a
    folder is in use, and StoreFailed when the data base is not there; later SetupFailed when the disk refuses.
    """
    _check(plan)
    try:
        _make(plan)
    except OSError as error:
        raise SetupFailed(f"{error.filename or plan.folder}: {error.strerror}") from error


def _check(plan: Plan) -> None:
    settings = _checked(plan)
    wrong = [kiosk for kiosk in plan.kiosks if not KIOSK_NAME.fullmatch(kiosk)]
    if wrong or len(set(plan.kiosks)) != len(plan.kiosks):
        raise SetupFailed(f"kiosk {', '.join(wrong) or 'names'}: each once, of a-z, 0-9 and -, at most 63 characters")
    try:
        json.loads(plan.policy)
    except ValueError as error:
        raise SetupFailed(f"policy: not JSON: {error}") from error
    for folder in (plan.folder, *(plan.kiosk_folder / kiosk for kiosk in plan.kiosks)):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyExists(str(folder))
    if plan.database:
        open_store(settings, create=True).__exit__(None, None, None)


def _checked(plan: Plan) -> CollectorConfig:
    return check_config(FILE_NAME, _settings(plan) | {"store": plan.folder / "store"})


def _settings(plan: Plan) -> dict[str, object]:
    settings = {"name": plan.name, "address": plan.address, "development": plan.development}
    settings["enrolment_address"] = plan.enrolment_address
    return settings | ({"database": plan.database} if plan.database else {})


def _make(plan: Plan) -> None:
    now = datetime.datetime.now(datetime.UTC)
    for sub in ("keys", "tls", "campaign", "bundles", "anchors"):
        (plan.folder / sub).mkdir(mode=0o700, parents=True)
    for anchor in plan.anchors:
        # As `kiosk trust` keeps them: whoever opens records here checks their chips against these.
        _write(plan.folder / "anchors" / f"{hashlib.sha256(anchor).hexdigest()}.cer", anchor)
    authority = Authority.create(f"{plan.name} TLS CA", Period.of_days(CA_DAYS, now))
    _write(plan.folder / "campaign" / "tls-ca.key", authority.key_pem)
    _write(plan.folder / "tls" / "ca.pem", authority.pem)
    issuing = authority.for_kiosks(f"{plan.name} kiosk CA", Period.of_days(CA_DAYS, now))
    _write_leaf(plan.folder / "tls", "issuing", Leaf(issuing.pem, issuing.key_pem))
    period = Period.of_days(LEAF_DAYS, now)
    _write_leaf(plan.folder / "tls", "server", authority.issue(plan.address.rpartition(":")[0], SERVER, period))
    campaign = FileSigningKey.create(plan.folder / "campaign" / "campaign.key")
    _write(plan.folder / "campaign" / "campaign.pem", _public_pem(campaign.public_key))
    bundles = _bundles(plan, campaign)
    for kind, data in bundles.items():
        _write(plan.folder / "bundles" / f"{kind}.bundle", data)
    with (
        open_store(_checked(plan), create=True) as store,
        EmbeddedRegistry(plan.folder / "store", create=True) as registry,
    ):
        for kiosk in plan.kiosks:
            registry.add(kiosk, "collector init", time.time_ns())
            key = _kiosk(plan.kiosk_folder / kiosk, authority.issue(kiosk, CLIENT, period), bundles)
            _write(plan.kiosk_folder / kiosk / "campaign.pem", _public_pem(campaign.public_key))
            _write(plan.kiosk_folder / kiosk / "tls" / "ca.pem", authority.pem)
            head = epoch_start(kiosk, FIRST_EPOCH, key.key_id)
            store.register(kiosk, FIRST_EPOCH, point_of(key.public_key), head)
    # A JSON string is a TOML string.
    settings = "".join(f"{key} = {json.dumps(value)}\n" for key, value in _settings(plan).items())
    _write(plan.folder / FILE_NAME, settings.encode())


def _bundles(plan: Plan, campaign: FileSigningKey) -> Mapping[str, bytes]:
    receipt = FileSigningKey.create(plan.folder / "keys" / "receipt.key")
    recipient = RecipientPrivateKey.create(plan.folder / "keys" / "recipient.key", plan.suite)
    _write(plan.folder / "keys" / "recipient.pub", public_line(recipient.public))
    now = time.time_ns()
    expires = now + BUNDLE_DAYS * DAY_NS
    # Valid from a day ago on: a kiosk whose clock is a little behind must not think that there is no key.
    validity = Validity(now - DAY_NS, expires)
    bodies = {
        "recipients": RecipientKeys(((recipient.public, validity),)).to_body(),
        "receipts": ReceiptKeys.of(receipt.public_key).to_body(),
        "anchors": AnchorCertificates(plan.anchors).to_body(),
        "policy": plan.policy,
    }
    return {kind: sign_bundle(Bundle(kind, 1, now, expires, body), campaign) for kind, body in bodies.items()}


def _kiosk(folder: Path, client: Leaf, bundles: Mapping[str, bytes]) -> RecordKey:
    for sub in ("tls", "bundles"):
        (folder / sub).mkdir(mode=0o700, parents=True)
    for kind, data in bundles.items():
        _write(folder / "bundles" / f"{kind}.bundle", data)
    _write_leaf(folder / "tls", "client", client)
    return create_record_key(InFile(), folder)


def _write_leaf(folder: Path, stem: str, leaf: Leaf) -> None:
    _write(folder / f"{stem}.key", leaf.key)
    _write(folder / f"{stem}.pem", leaf.certificate)


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
