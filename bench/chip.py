"""The chip: cost per command and of PACE on the host, a whole read through pcscd, and a read over a modelled link."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from firmware_mocks.card_reader import CardReader as MockReader
from firmware_mocks.chip_card.apdu import Command as ChipCommand
from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.link_model import BIT_RATES, LinkModel
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from firmware_mocks.chip_card.secure_messaging import Session
from firmware_mocks.chip_card.secure_messaging import SessionKeys as ChipKeys

from agent.capture.chip import CardAccessNumber, ChipPolicy, TrustAnchors, read_chip
from agent.capture.chip.active_authentication import Transcript
from agent.capture.chip.apdu import Command
from agent.capture.chip.documents import CCCD_CARD_ACCESS
from agent.capture.chip.folder import Folder, inspect
from agent.capture.chip.pace import choose, establish
from agent.capture.chip.passwords import Password
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys
from agent.capture.chip.security_infos import parse_security_infos
from agent.capture.evidence import Evidence
from agent.devices.seams import CardLink
from agent.devices.smartcard import CardReader
from bench.measure import Figure, median_ms

RUNS = 15
COMMANDS, PACE_RUNS, JUDGEMENTS = 2000, 60, 100
WITHIN_S = 20.0
SELECT_MISSING = bytes.fromhex("00A4020C020000")
# Budgets of the design, in milliseconds.
READ_256_MS, READ_4096_MS, PACE_MS = 0.015, 0.020, 6.5


def figures(folder: Path) -> Iterator[Figure]:
    """Yield every figure of the chip."""
    yield _read_binary(223, READ_256_MS)
    yield _read_binary(4096, READ_4096_MS)
    yield _pace(folder)
    yield _judgement(folder)
    yield from _modelled(folder)
    yield from _through_pcscd(folder)


class ChipSide:
    """A CardLink to secure messaging of a chip that answers READ BINARY; `took_s` is what the chip itself took."""

    def __init__(self, size: int) -> None:
        self._session, self._data = Session(ChipKeys(bytes(16), bytes(16))), bytes(size)
        self.took_s = 0.0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Unprotect, answer, protect."""
        started = time.perf_counter()
        command = self._session.unprotect(ChipCommand.parse(apdu))
        answer = self._session.protect(command, self._data, 0x9000)
        self.took_s = time.perf_counter() - started
        return answer[:-2], 0x9000


def _read_binary(size: int, budget_ms: float) -> Figure:
    chip = ChipSide(size)
    session = SecureSession(chip, SessionKeys(bytes(16), bytes(16)))
    times = []
    for _ in range(COMMANDS):
        started = time.perf_counter()
        session.send(Command(0xB0, 0, 0, expected=size))
        times.append((time.perf_counter() - started - chip.took_s) * 1000)
    return Figure(f"READ BINARY of {size} bytes, host", statistics.median(times), "budget", budget_ms, COMMANDS)


@dataclass
class ModelledLink:
    """A ReturningCard to a chip in this process. What the chip took and what the link would take are added up."""

    card: Card
    link: LinkModel = LinkModel()  # noqa: RUF009 # immutable
    atr: bytes = ATR
    chip_s: float = 0.0
    link_s: float = field(default=0.0)

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Hand the command to the chip."""
        started = time.perf_counter()
        answer = self.card.transmit(apdu)
        self.chip_s += time.perf_counter() - started
        self.link_s += self.link.seconds(apdu, answer)
        return answer[:-2], int.from_bytes(answer[-2:])

    def reconnect(self, deadline: float, cancelled: Event) -> None:
        """Power the chip anew."""
        assert deadline
        assert not cancelled.is_set()
        self.card.reset()


def _new_card(folder: Path) -> Card:
    return Card(personalise(DEFAULT_PERSON, drawn_portrait(), folder / "csca"))


def _pace(folder: Path) -> Figure:
    link = ModelledLink(_new_card(folder))
    info = choose(parse_security_infos(CCCD_CARD_ACCESS).pace)
    assert info is not None
    password = Password.from_can(CardAccessNumber(DEFAULT_PERSON.can))
    times = []
    for _ in range(PACE_RUNS):
        link.chip_s, started = 0.0, time.perf_counter()
        establish(link, info, password, os.urandom)
        times.append((time.perf_counter() - started - link.chip_s) * 1000)
    return Figure("PACE on brainpoolP256r1, host", statistics.median(times), "budget", PACE_MS, PACE_RUNS)


def _judgement(folder: Path) -> Figure:
    """Time parsing, passive and active authentication and cross-checks against the three signature checks in them."""
    anchors = TrustAnchors.from_der([(folder / "csca" / "csca.der").read_bytes()])
    evidence = _evidence(ModelledLink(_new_card(folder)), DEFAULT_PERSON.number, anchors)
    parts = {part.name: part.data for part in evidence.parts}
    groups = {number: parts[f"chip/dg{number}"] for number in (1, 2, 14, 15)}
    files = Folder({0x1D: parts["chip/sod"], **groups}, Transcript.from_json(parts["chip/active_authentication"]))
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    signature, public = key.sign(b"x", ec.ECDSA(hashes.SHA256())), key.public_key()
    floor = 3 * median_ms(lambda: public.verify(signature, b"x", ec.ECDSA(hashes.SHA256())), JUDGEMENTS)
    took = median_ms(lambda: inspect(files, anchors, ChipPolicy(), datetime.now(UTC)), JUDGEMENTS)
    return Figure("judgement of a chip's files, host", took, "its three signature checks", floor, JUDGEMENTS)


def _modelled(folder: Path) -> Iterator[Figure]:
    """Yield a whole read against the same bytes over the bare link; the chip's own time is in neither."""
    card = _new_card(folder)
    anchors = TrustAnchors.from_der([(folder / "csca" / "csca.der").read_bytes()])
    for bit_rate in BIT_RATES:
        totals, bare = [], 0.0
        for _ in range(RUNS):
            card.reset()
            link = ModelledLink(card, LinkModel(bit_rate))
            started = time.perf_counter()
            _read(link, DEFAULT_PERSON.number, anchors)
            host_s = time.perf_counter() - started - link.chip_s
            bare = link.link_s * 1000
            totals.append(host_s * 1000 + bare)
        name = f"whole chip read at {bit_rate} kbit/s (model)"
        yield Figure(name, statistics.median(totals), "the same bytes over the bare link", bare, RUNS)


def _read(link: CardLink, number: str, anchors: TrustAnchors) -> int:
    return int(_evidence(link, number, anchors).facts["apdus"])


def _evidence(link: CardLink, number: str, anchors: TrustAnchors) -> Evidence:
    result = read_chip(
        link,
        CardAccessNumber.from_number(number),
        number,
        anchors,
        ChipPolicy(),
        lambda _: None,
        deadline=time.monotonic() + WITHIN_S,
        cancelled=Event(),
    )
    return result.evidence


def _through_pcscd(folder: Path) -> Iterator[Figure]:
    with MockReader(folder / "reader") as mock:
        os.environ["PCSCLITE_CSOCK_NAME"] = str(mock.socket)
        card = mock.insert(None, "--csca-folder", str(folder / "csca"))
        anchors = TrustAnchors.from_der([(folder / "csca" / "csca.der").read_bytes()])
        apdus = 0

        def read() -> None:
            nonlocal apdus
            with CardReader().wait_for_card(time.monotonic() + WITHIN_S, Event()) as link:
                apdus = _read(link, card.number, anchors)

        read_ms = median_ms(read, RUNS)
        yield Figure("whole chip read", read_ms, f"{apdus} bare round trips", median_ms(_bare(apdus), RUNS), RUNS)


def _bare(apdus: int) -> Callable[[], None]:
    def run() -> None:
        with CardReader().wait_for_card(time.monotonic() + WITHIN_S, Event()) as link:
            for _ in range(apdus):
                link.transmit(SELECT_MISSING)

    return run
