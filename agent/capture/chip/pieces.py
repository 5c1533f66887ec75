"""How many bytes one READ BINARY asks for: a ladder, climbed down when a chip or its reader refuses a rung."""

from __future__ import annotations

# 256 in the short form means "as much as fits". 223 is what fits a short answer under AES: 87 81 E1 01 <224>, 99 02 SW,
# 8E 08 MAC make 242 bytes, the next block would make 258; one byte of the 224 is padding.
RUNGS = (16384, 4096, 256, 223, 160, 128)


class PieceMemory:
    """The rung that worked, by the card's answer to reset (ATR); lasts as long as the process."""

    def __init__(self) -> None:
        self._rungs: dict[bytes, int] = {}

    def recall(self, atr: bytes) -> int:
        """Return the rung to start with: an index into RUNGS."""
        return self._rungs.get(atr, 0)

    def remember(self, atr: bytes, rung: int) -> None:
        """Keep the rung that a whole chip was read with."""
        self._rungs[atr] = rung


class Ladder:
    """The size of the pieces of one reading."""

    def __init__(self, rung: int = 0) -> None:
        self.rung = rung

    @property
    def piece(self) -> int:
        """Bytes to ask for at once."""
        return RUNGS[self.rung]

    def descend(self) -> bool:
        """Take the next smaller piece; False at the end of the ladder."""
        if self.rung + 1 == len(RUNGS):
            return False
        self.rung += 1
        return True
