"""The chip's state and its answers: bytes of a command APDU in, bytes of the answer out, whatever comes in."""

from __future__ import annotations

from collections.abc import Callable

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.apdu import Command, Ins, Refused, Sw
from firmware_mocks.chip_card.bac import Bac
from firmware_mocks.chip_card.chip import Chip
from firmware_mocks.chip_card.chip_keys import CHALLENGE_BYTES, AgreementKey
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.files import APPLICATION
from firmware_mocks.chip_card.pace import Pace, Passwords
from firmware_mocks.chip_card.secure_messaging import SHORT_ANSWER_BYTES, Session
from firmware_mocks.chip_card.transmission import Transmission

ATR = bytes.fromhex("3B80800101")  # a contactless card without historical bytes
# vpcd carries 65,533 bytes of answer; secure messaging adds up to 34
LONG_ANSWER_BYTES = 65_488

Answer = tuple[bytes, int]


class ExactLength(Exception):
    """Le asks for more than the file has left; `length` is what there is, and goes into 6Cxx."""

    def __init__(self, length: int) -> None:
        super().__init__(str(length))
        self.length = length


class Card:
    """One powered chip."""

    def __init__(
        self,
        chip: Chip,
        faults: Faults | None = None,
        new_pace: Callable[[Passwords], Pace] | None = None,
        new_bac: Callable[[str], Bac] = Bac,
    ) -> None:
        self._chip = chip
        self._faults = faults or Faults()
        self._new_pace = new_pace or self._pace_of_chip
        self._new_bac = new_bac
        self._protected_answers = 0
        self._transmission = Transmission(self._answer)
        self._handlers: dict[int, Callable[[Command], Answer]] = {
            Ins.SELECT: self._select,
            Ins.READ_BINARY: self._read_binary,
            Ins.READ_BINARY_ODD: self._read_binary_odd,
            Ins.MANAGE_SECURITY_ENVIRONMENT: self._manage_security,
            Ins.GENERAL_AUTHENTICATE: self._general_authenticate,
            Ins.INTERNAL_AUTHENTICATE: self._internal_authenticate,
            Ins.GET_CHALLENGE: self._get_challenge,
            Ins.EXTERNAL_AUTHENTICATE: self._external_authenticate,
        }
        self.reset()

    def reset(self) -> None:
        """Power off, power on: nothing is selected, nobody is authenticated."""
        self._session: Session | None = None
        self._next_session: Session | None = None
        self._pace = self._new_pace(self._chip.passwords)
        self._bac = self._new_bac(self._chip.passwords.mrz_information)
        self._in_application = False
        self._agreeing = False
        self._current: bytes | None = None
        self._transmission.reset()

    def become(self, chip: Chip, faults: Faults) -> None:
        """Go on as another chip with other faults, in the middle of whatever is going on."""
        self._chip, self._faults = chip, faults
        self._protected_answers = 0

    def _pace_of_chip(self, passwords: Passwords) -> Pace:
        static = self._chip.agreement.private if self._chip.agreement else 0
        return Pace(passwords, variants=self._chip.pace, static=static)

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU; every input gets at least a status word."""
        try:
            return self._transmission.transmit(raw, self._faults)
        except Refused as refusal:
            self._session = None
            return refusal.sw.to_bytes(2, "big")

    def _answer(self, command: Command) -> bytes:
        if command.cla & 0x0C:
            return self._protected(command)
        # a plain command ends secure messaging (9303-11, 9.8), but not the selection
        self._session = None
        data, sw = self._execute(command)
        return data + sw.to_bytes(2, "big")

    def _protected(self, command: Command) -> bytes:
        session = self._session
        if command.cla & 0x0C != 0x0C:
            raise Refused(Sw.UNKNOWN_CLA)
        if session is None:
            raise Refused(Sw.NO_SECURE_MESSAGING)
        data, sw = self._execute(session.unprotect(command))
        limit = self._faults.wrong_mac_after
        spoil = limit is not None and self._protected_answers >= limit
        self._protected_answers += 1
        answer = session.protect(command, data, sw, spoil_mac=spoil)
        if self._next_session is not None:
            # the answer to chip authentication still goes out under the old keys (9303-11, 6.2)
            self._session, self._next_session = self._next_session, None
        return answer

    def _execute(self, command: Command) -> Answer:
        if command.cla & ~0x10:
            return b"", Sw.UNKNOWN_CLA
        handler = self._handlers.get(command.ins)
        if handler is None:
            return b"", Sw.UNKNOWN_INS
        try:
            return handler(command)
        except Refused as refusal:
            return b"", refusal.sw
        except ExactLength as exact:
            return b"", 0x6C00 | exact.length

    def _select(self, command: Command) -> Answer:
        match command.p1:
            case 0x02 if command.p2 == 0x0C and len(command.data) == 2:
                self._current = None
                self._current = self._find(int.from_bytes(command.data, "big"))
            case 0x04 if command.p2 in (0x00, 0x0C):
                if command.data != APPLICATION:
                    raise Refused(Sw.FILE_NOT_FOUND)
                self._in_application, self._current = True, None
            case 0x00:  # no citizen card found so far lets its master file be selected
                raise Refused(Sw.UNKNOWN_INS)
            case _:
                raise Refused(Sw.WRONG_P1_P2)
        return b"", Sw.OK

    def _find(self, identifier: int) -> bytes:
        return self._chip.files.find(
            identifier, in_application=self._in_application, authenticated=self._session is not None
        )

    def _read_binary(self, command: Command) -> Answer:
        offset = command.p1 << 8 | command.p2
        if command.p1 & 0x80:
            if command.p1 & 0x60:
                raise Refused(Sw.WRONG_P1_P2)
            offset = command.p2
            self._current = self._find(0x0100 | command.p1 & 0x1F)
        return self._slice(command, offset, self._space(command))

    def _read_binary_odd(self, command: Command) -> Answer:
        identifier = command.p1 << 8 | command.p2
        if identifier:
            self._current = self._find(0x0100 | identifier if identifier <= 0x1E else identifier)
        try:
            offset = int.from_bytes(tlv.single(command.data, 0x54), "big")
        except tlv.TlvError as error:
            raise Refused(Sw.WRONG_DATA) from error
        space = self._space(command)  # here Le counts the data object's tag and length too
        data, sw = self._slice(command, offset, space - 1 - len(tlv.length(max(0, space - 4))))
        return tlv.encode(0x53, data), sw

    def _space(self, command: Command) -> int:
        """How many bytes the answer may have; raises Refused (6700) when Le asks for none or too many."""
        largest = LONG_ANSWER_BYTES if command.extended else SHORT_ANSWER_BYTES if self._session else 256
        if not command.le or (command.le > largest and not command.wants_all):
            raise Refused(Sw.WRONG_LENGTH)
        return min(command.le, largest)

    def _slice(self, command: Command, offset: int, size: int) -> Answer:
        if self._current is None:
            raise Refused(Sw.NO_CURRENT_FILE)
        if size <= 0:
            raise Refused(Sw.WRONG_LENGTH)
        if offset >= len(self._current):
            raise Refused(Sw.WRONG_OFFSET)
        data = self._current[offset : offset + size]
        if self._faults.exact_le and len(data) < min(size, 256):
            raise ExactLength(len(data))
        data = data[: self._faults.short_read]
        short = offset + len(data) == len(self._current) and len(data) < size and not command.wants_all
        return data, Sw.END_OF_FILE if short else Sw.OK

    def _manage_security(self, command: Command) -> Answer:
        self._agreeing = False
        match (command.p1, command.p2):
            case (0xC1, 0xA4):  # PACE
                self._pace.set_at(command.data)
            case (0x41, 0xA4):  # chip authentication
                self._require_access()
                agreement = self._agreement()
                self._agreeing = _objects(command.data).get(0x80) == agreement.variant.oid
                if not self._agreeing:
                    raise Refused(Sw.WRONG_DATA)
            case (0x41, 0xA6):  # chip authentication with 3DES: the key comes at once
                self._require_access()
                keys = self._agreement().agree(_objects(command.data).get(0x91, b""))
                self._next_session = Session(keys)
            case _:
                raise Refused(Sw.WRONG_P1_P2)
        return b"", Sw.OK

    def _general_authenticate(self, command: Command) -> Answer:
        if command.p1 or command.p2:
            raise Refused(Sw.WRONG_P1_P2)
        if self._agreeing:
            return self._agree(command)
        data = self._pace.general_authenticate(command.data, last=not command.cla & 0x10)
        if self._pace.keys:
            self._session = Session(self._pace.keys)
        return data, Sw.OK

    def _agree(self, command: Command) -> Answer:
        """Chip authentication."""
        self._agreeing = False
        try:
            terminal = tlv.single(tlv.single(command.data, 0x7C), 0x80)
        except tlv.TlvError as error:
            raise Refused(Sw.WRONG_DATA) from error
        self._next_session = Session(self._agreement().agree(terminal))
        return tlv.encode(0x7C, b""), Sw.OK

    def _agreement(self) -> AgreementKey:
        if self._chip.agreement is None:
            raise Refused(Sw.WRONG_DATA)
        return self._chip.agreement

    def _get_challenge(self, command: Command) -> Answer:
        if not self._chip.bac or not self._in_application or self._session:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        if command.le not in (8, 256):
            raise Refused(Sw.WRONG_LENGTH)
        return self._bac.challenge(), Sw.OK

    def _external_authenticate(self, command: Command) -> Answer:
        if not self._chip.bac or not self._in_application or self._session:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        answer, keys = self._bac.authenticate(command.data)
        self._session = Session(keys)
        return answer, Sw.OK

    def _internal_authenticate(self, command: Command) -> Answer:
        self._require_access()
        if self._chip.active is None:
            raise Refused(Sw.UNKNOWN_INS)
        if len(command.data) != CHALLENGE_BYTES:
            raise Refused(Sw.WRONG_LENGTH)
        return self._chip.active.sign(command.data), Sw.OK

    def _require_access(self) -> None:
        if not self._in_application or self._session is None:
            raise Refused(Sw.NOT_AUTHENTICATED)


def _objects(data: bytes) -> dict[int, bytes]:
    try:
        return dict(tlv.decode(data))
    except tlv.TlvError as error:
        raise Refused(Sw.WRONG_DATA) from error
