"""Opening records: a process of its own, with the sealing keys that accepting records never needs."""

from collector.opening.opener import Opener, OpenerFolder, Outcome

__all__ = ["Opener", "OpenerFolder", "Outcome"]
