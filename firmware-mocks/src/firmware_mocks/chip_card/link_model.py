"""How long a contactless link takes: a bit rate, and a latency for each command (ISO/IEC 14443-3 and -4)."""

from __future__ import annotations

from dataclasses import dataclass

# 13.56 MHz / 128, / 64, / 32 and / 16.
BIT_RATES = (106, 212, 424, 848)
# Frames of 256 bytes: prologue, epilogue and guard times add about 2 ms for each command.
LATENCY_S = 0.002


@dataclass(frozen=True, slots=True)
class LinkModel:
    """A link of `kbit_s` kilobit a second, 0 for one that takes no time; `latency_s` comes to every command."""

    kbit_s: int = 0
    latency_s: float = LATENCY_S

    def seconds(self, command: bytes, answer: bytes) -> float:
        """Return what one command and its answer take on the way, both directions."""
        if not self.kbit_s:
            return 0.0
        return self.latency_s + 8 * (len(command) + len(answer)) / (self.kbit_s * 1000)
