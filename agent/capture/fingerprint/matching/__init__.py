"""Whether two prints are of one finger: found for the fingers of one person, not for identification.

The ridges are laid on each other (all rotations and shifts), the soft skin's stretch is followed, and what is left is
compared patch by patch. No minutiae, no model, one number. Error figures in `likeness.py`.
"""

from agent.capture.fingerprint.matching.likeness import DIFFERENT_BELOW, SAME_FROM, likeness
from agent.capture.fingerprint.matching.ridges import RidgeMap

__all__ = ["DIFFERENT_BELOW", "SAME_FROM", "RidgeMap", "likeness"]
