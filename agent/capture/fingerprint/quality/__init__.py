"""How good a fingerprint is: NIST's native measures, a score of our own, hard gates, a map, a preview's judgement.

Pictures are height x width, 8-bit grey, dark ridges on light, 500 x 500 ppi (`resample` brings them there).
"""

from agent.capture.fingerprint.quality.assessment import Assessment, assess
from agent.capture.fingerprint.quality.errors import (
    BlankPrint,
    Nfiq2Failed,
    PrintQualityError,
    PrintTooLarge,
    PrintTooSmall,
    TooLittlePrint,
    WrongPixels,
    WrongResolution,
)
from agent.capture.fingerprint.quality.gates import GateLimits, gates
from agent.capture.fingerprint.quality.measures import measure
from agent.capture.fingerprint.quality.nfiq2_program import Nfiq2Score, find_nfiq2, nfiq2_check, nfiq2_score
from agent.capture.fingerprint.quality.preview import Preview, judge_preview
from agent.capture.fingerprint.quality.quality_map import QualityMap, annotate, quality_map
from agent.capture.fingerprint.quality.resolution import resample
from agent.capture.fingerprint.quality.score import SCORE_NAME, kiosk_fingerprint_score, score_model

__all__ = [
    "SCORE_NAME",
    "Assessment",
    "BlankPrint",
    "GateLimits",
    "Nfiq2Failed",
    "Nfiq2Score",
    "Preview",
    "PrintQualityError",
    "PrintTooLarge",
    "PrintTooSmall",
    "QualityMap",
    "TooLittlePrint",
    "WrongPixels",
    "WrongResolution",
    "annotate",
    "assess",
    "find_nfiq2",
    "gates",
    "judge_preview",
    "kiosk_fingerprint_score",
    "measure",
    "nfiq2_check",
    "nfiq2_score",
    "quality_map",
    "resample",
    "score_model",
]
