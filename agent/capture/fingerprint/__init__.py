"""Fingerprints: guidance, attempts, quality, exceptions, lossless masters. No hardware in here."""

from agent.capture.fingerprint.capture import take_fingers
from agent.capture.fingerprint.exceptions import FingerException, FingerExceptions, Reason
from agent.capture.fingerprint.judgement import Judge, Judgement
from agent.capture.fingerprint.names import FINGERS
from agent.capture.fingerprint.packing import Packing
from agent.capture.fingerprint.policy import FingerprintPolicy, PreviewLimits

__all__ = [
    "FINGERS",
    "FingerException",
    "FingerExceptions",
    "FingerprintPolicy",
    "Judge",
    "Judgement",
    "Packing",
    "PreviewLimits",
    "Reason",
    "take_fingers",
]
