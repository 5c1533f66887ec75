"""The commands of PACE and what a chip's refusals mean (Doc 9303-11, 4.4.4)."""

from __future__ import annotations

from collections.abc import Callable

from agent.capture.chip import apdu, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.errors import AccessDenied
from agent.capture.chip.passwords import Password
from agent.capture.chip.security_infos import PaceInfo
from agent.devices.seams import CardLink

Random = Callable[[int], bytes]
# A public value of 2048 bits fits neither a short command nor a short answer.
LONG_BYTES = 65536
AUTHENTICATION_BLOCKED = 0x6983
COUNTED = 0x63C0  # 63Cx: x tries are left


class Steps:
    """Sends PACE's commands; `long` asks for long answers, as 2048-bit public values need them."""

    def __init__(self, link: CardLink, *, long: bool) -> None:
        self._link = link
        self._expected = LONG_BYTES if long else apdu.SHORT_MAX

    def choose(self, info: PaceInfo, password: Password) -> None:
        """MSE:Set AT; raise AccessDenied."""
        data = tlv.encode(0x80, info.protocol) + tlv.encode(0x83, bytes([password.reference]))
        if info.parameter_id is not None:
            data += tlv.encode(0x84, bytes([info.parameter_id]))
        _, sw = self._link.transmit(Command(apdu.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, data).encode())
        # A chip that counts tells here how many tries its password has left, which is no refusal.
        if sw != apdu.OK and not (password.counted and sw & 0xFFF0 == COUNTED and sw & 0x0F):
            raise AccessDenied(f"MSE:Set AT: {sw:04X}")

    def step(self, content: bytes, answer_tag: int) -> bytes:
        """Do one of the first three GENERAL AUTHENTICATE commands, chained by CLA 10; raise AccessDenied."""
        answer, sw = self._send(content, 0x10)
        if sw != apdu.OK:
            raise AccessDenied(f"GENERAL AUTHENTICATE: {sw:04X}")
        return tlv.need(answer, answer_tag)

    def last(self, content: bytes, password: Password) -> bytes:
        """Do the command that judges the password; raise what the password's refusal is, or AccessDenied."""
        answer, sw = self._send(content, 0x00)
        if sw >> 4 in (apdu.AUTHENTICATION_FAILED >> 4, COUNTED >> 4) or sw == AUTHENTICATION_BLOCKED:
            raise password.refused(sw)
        if sw != apdu.OK:
            raise AccessDenied(f"mutual authentication: {sw:04X}")
        return answer

    def _send(self, content: bytes, cla: int) -> tuple[bytes, int]:
        command = Command(apdu.GENERAL_AUTHENTICATE, 0, 0, tlv.encode(0x7C, content), self._expected, cla=cla)
        answer, sw = self._link.transmit(command.encode())
        return tlv.only(answer, 0x7C) if sw == apdu.OK else b"", sw
