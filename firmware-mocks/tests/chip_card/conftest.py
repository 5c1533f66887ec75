"""A terminal's side of PACE and secure messaging, written apart from the chip's, and a chip to try it on."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec as openssl_ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from firmware_mocks.chip_card import ec
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

CURVE = ec.BRAINPOOL_P256R1
Transmit = Callable[[bytes], bytes]
Send = Callable[[str], tuple[bytes, int]]

SET_AT = "0022C1A4128 00A04007F00070202040202830102 84010D".replace(" ", "")


class Terminal:
    """Opens a chip with its card access number and then speaks secure messaging."""

    def __init__(self, transmit: Transmit, can: str) -> None:
        self._transmit = transmit
        self._can = can
        self._counter = 0
        self._encrypt = self._mac = b""

    def authenticate(self) -> int:
        """PACE with generic mapping; returns the last status word."""
        self._plain(SET_AT)
        nonce = self._nonce()
        secret = 1 + secrets.randbelow(CURVE.order - 1)
        public = CURVE.multiply(secret, CURVE.generator)
        chip = self._exchange(0x81, CURVE.encode(public), 0x82)
        shared = CURVE.multiply(secret, CURVE.decode(chip))
        generator = CURVE.add(CURVE.multiply(nonce, CURVE.generator), shared)
        mine = CURVE.encode(CURVE.multiply(secret, generator))
        theirs = self._exchange(0x83, mine, 0x84)
        agreed = CURVE.multiply(secret, CURVE.decode(theirs)).x.to_bytes(32, "big")
        self._encrypt, self._mac = _derived(agreed, 1), _derived(agreed, 2)
        token = self._token(theirs)
        data, sw = self._plain("0086 0000 0C 7C0A 8508" + token.hex() + "00")
        assert sw != 0x9000 or data.hex() == "7c0a8608" + self._token(mine).hex()
        return sw

    def send(self, command: str, *, data_tag: int = 0x87) -> tuple[bytes, int]:
        """Send a plain short or extended command protected; returns plain data and status word."""
        raw = bytes.fromhex(command)
        header, data, le = bytes([raw[0] | 0x0C]) + raw[1:4], *_body(raw[4:])
        self._counter += 1
        objects = b""
        if data:
            indicator = b"\x01" if data_tag == 0x87 else b""
            objects += _tlv(data_tag, indicator + self._cipher(_padded(data), decrypt=False))
        objects += _tlv(0x97, le) if le else b""
        message = _padded(header) + (_padded(objects) if objects else b"")
        objects += _tlv(0x8E, self._cmac(message))
        long = len(le) > 1
        size = len(objects).to_bytes(3 if long else 1, "big")
        return self._opened(self._transmit(header + size + objects + (b"\0\0" if long else b"\0")))

    def authenticate_chip(self, spki: bytes) -> None:
        """Chip authentication with the static key of DG14; from here on the new session's keys count."""
        assert self.send("002241A40C800A04007F00070202030202") == (b"", 0x9000)
        static = serialization.load_der_public_key(spki)
        assert isinstance(static, openssl_ec.EllipticCurvePublicKey)
        own = openssl_ec.generate_private_key(static.curve)
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        point = own.public_key().public_bytes(*form)
        assert self.send("00860000457C438041" + point.hex() + "00") == (b"\x7c\x00", 0x9000)
        agreed = own.exchange(openssl_ec.ECDH(), static)
        self._encrypt, self._mac, self._counter = _derived(agreed, 1), _derived(agreed, 2), 0

    def _opened(self, answer: bytes) -> tuple[bytes, int]:
        body, sw = answer[:-2], int.from_bytes(answer[-2:], "big")
        if not body:
            return b"", sw
        self._counter += 1
        assert body[-10:-8] == b"\x8e\x08"
        if body[-8:] != self._cmac(_padded(body[:-10])):
            raise AssertionError("the card's MAC is wrong")
        assert body[-14:-10] == b"\x99\x02" + answer[-2:]
        if len(body) == 14:
            return b"", sw
        skip = {0x80: 2, 0x81: 3, 0x82: 4}.get(body[1] if body[1] & 0x80 else 0x80, 2)
        ciphertext = body[skip:-14]
        if body[0] == 0x87:
            ciphertext = ciphertext[1:]
        return self._cipher(ciphertext, decrypt=True).rstrip(b"\0")[:-1], sw

    def _nonce(self) -> int:
        data, sw = self._plain("10860000027C0000")
        assert (data[:4].hex(), sw) == ("7c128010", 0x9000)
        cipher = Cipher(algorithms.AES(_derived(self._can.encode(), 3)), modes.CBC(bytes(16)))
        return int.from_bytes(cipher.decryptor().update(data[4:]), "big") % CURVE.order

    def _exchange(self, tag: int, point: bytes, answer_tag: int) -> bytes:
        data, sw = self._plain(f"10860000457C43{tag:02X}41{point.hex()}00")
        assert (data[:4], sw) == (bytes([0x7C, 0x43, answer_tag, 0x41]), 0x9000)
        return data[4:]

    def _plain(self, command: str) -> tuple[bytes, int]:
        answer = self._transmit(bytes.fromhex(command))
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def _token(self, point: bytes) -> bytes:
        body = bytes.fromhex("7F494F060A04007F000702020402028641") + point
        return _cmac(self._mac, body)

    def _cmac(self, message: bytes) -> bytes:
        return _cmac(self._mac, self._counter.to_bytes(16, "big") + message)

    def _cipher(self, data: bytes, *, decrypt: bool) -> bytes:
        counter = self._counter.to_bytes(16, "big")
        # CBC of one block under a zero IV is the ECB that the standard's IV needs
        iv = Cipher(algorithms.AES(self._encrypt), modes.CBC(bytes(16))).encryptor().update(counter)
        cipher = Cipher(algorithms.AES(self._encrypt), modes.CBC(iv))
        return (cipher.decryptor() if decrypt else cipher.encryptor()).update(data)


def _derived(secret: bytes, counter: int) -> bytes:
    return hashlib.sha1(secret + counter.to_bytes(4, "big"), usedforsecurity=False).digest()[:16]


def _cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()[:8]


def _padded(data: bytes) -> bytes:
    return data + b"\x80" + bytes(15 - len(data) % 16)


def _tlv(tag: int, value: bytes) -> bytes:
    size = bytes([len(value)]) if len(value) < 0x80 else bytes([0x81, len(value)])
    return bytes([tag]) + size + value


def _body(body: bytes) -> tuple[bytes, bytes]:
    """Return data and Le field of the forms the tests send: Le short or 2 bytes, Lc short with or without Le."""
    if len(body) < 2:
        return b"", body
    if body[0] == 0 and len(body) == 3:
        return b"", body[1:]
    return body[1 : 1 + body[0]], body[1 + body[0] :]


@pytest.fixture(scope="session")
def csca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One CSCA for all cards of the run."""
    return tmp_path_factory.mktemp("csca")


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """Draw a JPEG."""
    return drawn_portrait()


@pytest.fixture
def new_card(csca_folder: Path, portrait: bytes) -> Callable[..., Card]:
    """Make a card of the default person with the given fault words."""

    def make(*words: str) -> Card:
        faults = Faults.parse(words)
        chip = personalise(DEFAULT_PERSON, portrait, csca_folder, faults)
        return Card(chip, faults)

    return make


@pytest.fixture
def opened() -> Callable[[Transmit], Send]:
    """Open a chip with the default person's CAN, selects the application; returns the protected `send`."""

    def open_chip(transmit: Transmit) -> Send:
        terminal = Terminal(transmit, DEFAULT_PERSON.can)
        assert terminal.authenticate() == 0x9000
        assert terminal.send("00A4040C07A0000002471001") == (b"", 0x9000)
        return terminal.send

    return open_chip


@pytest.fixture
def rekey() -> Callable[[Send, bytes], None]:
    """Run chip authentication in the session whose `send` is given, with the SubjectPublicKeyInfo of DG14."""

    def run(send: Send, spki: bytes) -> None:
        terminal = getattr(send, "__self__", None)
        assert isinstance(terminal, Terminal)
        terminal.authenticate_chip(spki)

    return run


@pytest.fixture
def authenticate() -> Callable[[Transmit, str], int]:
    """Run PACE with a CAN; returns the last status word."""
    return lambda transmit, can: Terminal(transmit, can).authenticate()


@pytest.fixture
def vector() -> Callable[[str], dict[str, object]]:
    """Read a worked example by its file name."""
    folder = Path(__file__).parent.parent / "data"

    def read(name: str) -> dict[str, object]:
        content: dict[str, object] = json.loads((folder / f"{name}.json").read_text("utf-8"))
        return content

    return read
