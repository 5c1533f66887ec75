"""Links for chips: scripted ones, hex in and hex out, and one to the mock chip without a reader between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.chip_keys import ActiveKind
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.forgery import GROUPS, Signer, Sod
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON, Person

from agent.capture.chip import CardAccessNumber, ChipPolicy, ChipResult, RecordBinding, TrustAnchors, read_chip
from agent.capture.chip.passive_authentication import authenticate
from agent.capture.chip.passwords import AccessKey
from agent.capture.chip.pieces import PieceMemory
from agent.capture.chip.security_object import SecurityObject, parse_sod
from agent.capture.evidence import Check, Guidance
from agent.devices.errors import CardLost, NoCard

VECTORS = Path(__file__).resolve().parents[2] / "data" / "icao9303"
GUARD_S = 30.0
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class ScriptedLink:
    """A strict CardLink: every command must be the next of the script, and gets its answer (data and status word)."""

    def __init__(self, *script: tuple[str, str]) -> None:
        self._script = list(script)
        self.sent = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Compare the command and give its answer."""
        assert self._script, f"one command too many: {apdu.hex()}"
        command, answer = self._script.pop(0)
        assert apdu.hex().upper() == command.replace(" ", "").upper()
        self.sent += 1
        data = bytes.fromhex(answer)
        return data[:-2], int.from_bytes(data[-2:])

    @property
    def exhausted(self) -> bool:
        """Whether the whole script was played."""
        return not self._script


@dataclass
class MockLink:
    """A CardLink, and a ReturningCard, to the mock chip in this process.

    `lose_at` are the numbers (from 0) of commands in which the card leaves the field, `answer` may change an answer,
    `another` is the chip that comes back instead of the first.
    """

    card: Card
    lose_at: set[int] = field(default_factory=set)
    answer: Callable[[int, bytes, bytes], bytes] = lambda _number, _command, answer: answer
    comes_back: bool = True
    another: Card | None = None
    atr: bytes = ATR
    commands: list[bytes] = field(default_factory=list, repr=False)
    reconnects: int = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Hand the command to the chip."""
        number = len(self.commands)
        self.commands.append(apdu)
        if number in self.lose_at:
            raise CardLost("test")
        answer = self.answer(number, apdu, self.card.transmit(apdu))
        return answer[:-2], int.from_bytes(answer[-2:])

    def reconnect(self, deadline: float, cancelled: Event) -> None:
        """Power the chip anew, or find none."""
        assert deadline > 0
        assert not cancelled.is_set()
        self.reconnects += 1
        if not self.comes_back:
            raise NoCard
        self.card = self.another or self.card
        self.card.reset()

    @property
    def pace_runs(self) -> int:
        """How often PACE was started: MSE:Set AT with C1 A4."""
        return sum(command[1:4] == bytes.fromhex("22C1A4") for command in self.commands)

    @property
    def tokens(self) -> int:
        """How many passwords the chip was asked to judge: the last GENERAL AUTHENTICATE of PACE, CLA 00."""
        return sum(command[:2] == bytes.fromhex("0086") for command in self.commands)


@dataclass
class Reading:
    """Reads a chip with the default person's number and the test's trust anchor."""

    anchors: TrustAnchors
    told: list[Guidance] = field(default_factory=list)

    def __call__(
        self,
        link: MockLink,
        *,
        number: str = DEFAULT_PERSON.number,
        expected: str | None = DEFAULT_PERSON.number,
        policy: ChipPolicy | None = None,
        deadline: float | None = None,
        cancelled: Event | None = None,
        pieces: PieceMemory | None = None,
        key: AccessKey | None = None,
        binding: RecordBinding | None = None,
    ) -> ChipResult:
        """Read the chip."""
        return read_chip(
            link,
            key or CardAccessNumber.from_number(number),
            expected,
            self.anchors,
            policy or ChipPolicy(),
            self.told.append,
            deadline=time.monotonic() + GUARD_S if deadline is None else deadline,
            cancelled=cancelled or Event(),
            binding=binding or RecordBinding(),
            pieces=pieces or PieceMemory(),
        )


@pytest.fixture
def vector() -> Callable[[str], dict[str, object]]:
    """Return a function that reads a worked example of Doc 9303 by its file name."""

    def read(name: str) -> dict[str, object]:
        content: dict[str, object] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
        return content

    return read


@pytest.fixture
def scripted() -> type[ScriptedLink]:
    """Return the scripted link's class."""
    return ScriptedLink


@pytest.fixture(scope="session")
def csca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the CSCA that all cards of the run share."""
    return tmp_path_factory.mktemp("csca")


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """Draw the portrait in DG2."""
    return drawn_portrait()


NewLink = Callable[..., MockLink]


@pytest.fixture
def new_link(csca_folder: Path, portrait: bytes) -> NewLink:
    """Return a function that makes a card with the given fault words and a link to it."""

    def make(
        *words: str,
        person: Person = DEFAULT_PERSON,
        jpeg: bytes = portrait,
        kind: ActiveKind = "ecdsa",
        document: str = "cccd",
    ) -> MockLink:
        faults = Faults.parse(words)
        return MockLink(Card(personalise(person, jpeg, csca_folder, faults, kind, DOCUMENTS[document]), faults))

    return make


@pytest.fixture
def read(new_link: NewLink, csca_folder: Path) -> Reading:
    """Return a reader that trusts the run's CSCA."""
    new_link()  # makes the CSCA
    return Reading(TrustAnchors.from_der([(csca_folder / "csca.der").read_bytes()]))


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    """Make one RSA key for the module."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def csca() -> Signer:
    """Make a CSCA."""
    return Signer.make(ec.generate_private_key(ec.SECP384R1()), "CSCA", hash_algorithm=hashes.SHA384())


@pytest.fixture(scope="module")
def signer(csca: Signer) -> Signer:
    """Make a document signer of that CSCA."""
    return Signer.make(ec.generate_private_key(ec.BrainpoolP256R1()), issuer=csca)


@pytest.fixture(scope="module")
def sod(signer: Signer) -> bytes:
    """Make one good security object."""
    return Sod(signer).build()


Judge = Callable[..., dict[str, Check]]


@pytest.fixture
def judge(csca: Signer) -> Judge:
    """Return a function that parses and authenticates an EF.SOD and gives the checks by name."""

    def run(
        sod: bytes | SecurityObject,
        groups: Mapping[int, bytes] = GROUPS,
        anchors: list[bytes] | None = None,
        now: datetime = NOW,
        absent: tuple[int, ...] = (),
    ) -> dict[str, Check]:
        trusted = TrustAnchors.from_der([csca.der] if anchors is None else anchors)
        parsed = parse_sod(sod) if isinstance(sod, bytes) else sod
        return {check.name: check for check in authenticate(parsed, groups, trusted, now, absent)}

    return run
