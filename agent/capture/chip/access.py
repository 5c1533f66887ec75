"""How a chip is opened: PACE; BAC only where document and policy allow it, and then it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.capture.chip import apdu, bac, pace, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.documents import DocumentProfile
from agent.capture.chip.domain_parameters import STANDARDISED
from agent.capture.chip.errors import AccessDenied, ChipDataError, StatusError
from agent.capture.chip.files import CARD_SECURITY, EMRTD_APPLICATION, FileReader, PartialFile
from agent.capture.chip.pace import MappingProof
from agent.capture.chip.passwords import Password, Reference
from agent.capture.chip.pieces import RUNGS, Ladder
from agent.capture.chip.secure_messaging import SecureSession
from agent.capture.chip.security_infos import PaceInfo, parse_security_infos
from agent.devices.seams import CardLink

SELECT_CARD_ACCESS = Command(apdu.SELECT, 0x02, 0x0C, bytes.fromhex("011C"))
MAX_CARD_ACCESS_BYTES = 4096
SAFE_PIECE = 223
SELECT_APPLICATION = Command(apdu.SELECT, 0x04, 0x0C, EMRTD_APPLICATION)


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """How the chip was opened.

    `method` names protocol, parameters and password; `weak` says why it was only BAC. `offered` are the PACE variants
    that EF.CardAccess listed, `stood_in` whether the profile's constant took that file's place. `proof` and
    `card_security` are those of chip authentication mapping.
    """

    method: str
    weak: str = ""
    offered: tuple[PaceInfo, ...] = ()
    stood_in: bool = False
    proof: MappingProof | None = field(repr=False, default=None)
    card_security: bytes | None = field(repr=False, default=None)


class AccessControl:
    """Opens one chip, as often as it is lost, each time in the same way.

    `proved` says whether the chip has accepted the password once.
    """

    def __init__(
        self, password: Password, profile: DocumentProfile, *, allow_bac: bool, random: Callable[[int], bytes]
    ) -> None:
        self._password, self._random = password, random
        self._profile = profile
        self._may_fall = allow_bac and not profile.requires_pace and password.reference is Reference.MRZ
        self._record = AccessRecord("none")
        self._chosen: PaceInfo | None = None
        self.proved = False

    @property
    def record(self) -> AccessRecord:
        """How the chip was opened."""
        return self._record

    def begin(self, link: CardLink) -> None:
        """Read what the chip offers, and choose; raise AccessDenied, ChipDataError or DeviceError."""
        content = read_card_access(link)
        stood_in = content is None and self._profile.card_access is not None
        content = content or self._profile.card_access
        offered = parse_security_infos(content).pace if content else ()
        self._chosen = pace.choose(offered)
        self._record = AccessRecord("none", offered=offered, stood_in=stood_in)
        if self._chosen is None:
            why = "the chip offers no PACE variant that this version has" if offered else "the chip offers no PACE"
            self._fall(AccessDenied(why))

    def open(self, link: CardLink, ladder: Ladder) -> FileReader:
        """Open the channel and select the application.

        Raises WrongCan, WrongMrz, WrongPin, AccessDenied, ChipDataError, StatusError, SessionBroken or DeviceError.
        """
        if self._record.weak or self._chosen is None:
            return self._open_weakly(link, ladder)
        try:
            channel = pace.establish(link, self._chosen, self._password, self._random)
        except AccessDenied as error:
            self._fall(error)
            return self._open_weakly(link, ladder)
        files = FileReader(channel.session, ladder)
        self.proved = True
        group = STANDARDISED[channel.info.parameter_id or 0]
        method = f"{channel.info}, {group.title}, {self._password.reference.name}"
        self._record = replace(self._record, method=method, proof=channel.proof)
        if channel.proof is not None:
            self._record = replace(self._record, card_security=_card_security(channel.session))
        files.select_application()
        return files

    def _fall(self, error: AccessDenied) -> None:
        """Note why it is only BAC, or raise when that is not allowed."""
        if not self._may_fall:
            raise error
        self._record = replace(self._record, weak=error.detail)

    def _open_weakly(self, link: CardLink, ladder: Ladder) -> FileReader:
        _, sw = link.transmit(SELECT_APPLICATION.encode())
        if sw != apdu.OK:
            raise StatusError("SELECT eMRTD", sw)
        try:
            session = bac.establish(link, self._password, self._random)
        except AccessDenied as error:
            raise AccessDenied(f"{self._record.weak}; then BAC: {error.detail}") from error
        self.proved = True
        self._record = replace(self._record, method="BAC, MRZ")
        return FileReader(session, ladder)


def _card_security(session: SecureSession) -> bytes | None:
    """Return EF.CardSecurity, which lies beside the application; None when the chip has or shows none.

    In pieces that every chip can carry: a refused length would end the channel before anything was read.
    """
    files = FileReader(session, Ladder(RUNGS.index(SAFE_PIECE)))
    partial = PartialFile(CARD_SECURITY)
    try:
        return bytes(partial.data) if files.read(partial, lambda _done, _total: None) else None
    except StatusError:
        return None


def read_card_access(link: CardLink) -> bytes | None:
    """Read EF.CardAccess without SELECT MF, which CCCDs refuse; None when the chip does not show it."""
    _, sw = link.transmit(SELECT_CARD_ACCESS.encode())
    data = _plain_piece(link, 0) if sw == apdu.OK else b""
    if not data:
        return None
    header = tlv.read_header(data)
    total = header.header_bytes + header.length
    if total > MAX_CARD_ACCESS_BYTES:
        raise ChipDataError(f"EF.CardAccess claims {total} bytes")
    while len(data) < total:
        piece = _plain_piece(link, len(data))
        if not piece:
            raise ChipDataError(f"EF.CardAccess ends at {len(data)} of {total} bytes")
        data += piece
    return data[:total]


def _plain_piece(link: CardLink, offset: int) -> bytes:
    data, sw = link.transmit(Command(apdu.READ_BINARY, offset >> 8, offset & 0xFF, expected=apdu.SHORT_MAX).encode())
    return data if sw in (apdu.OK, apdu.END_OF_FILE) else b""
