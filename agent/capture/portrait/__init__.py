"""The portrait: quality by ISO/IEC 29794-5 on frames, guidance, best frame, 35x45 crop. No hardware in here."""

from agent.capture.evidence import Check
from agent.capture.portrait.by_hand import ByHand, Reason
from agent.capture.portrait.capture import GuideAll, capture_portrait
from agent.capture.portrait.errors import (
    FrameNotTaken,
    GateNotRelaxable,
    ModelMissing,
    ModelsNotInstalled,
    ModelWrong,
    NoFace,
    NoTriesLeft,
    PortraitError,
    SizeLimitTooSmall,
    TooFewPixels,
    VisionFailed,
)
from agent.capture.portrait.measures import SizeLimits
from agent.capture.portrait.policy import PortraitPolicy, Range
from agent.capture.portrait.special_cases import Relaxation, SpecialCase
from agent.capture.portrait.tries import Tries
from agent.capture.portrait.vision import VisionWorker
from agent.devices.seams import FrameSource

__all__ = [
    "ByHand",
    "Check",
    "FrameNotTaken",
    "FrameSource",
    "GateNotRelaxable",
    "GuideAll",
    "ModelMissing",
    "ModelWrong",
    "ModelsNotInstalled",
    "NoFace",
    "NoTriesLeft",
    "PortraitError",
    "PortraitPolicy",
    "Range",
    "Reason",
    "Relaxation",
    "SizeLimitTooSmall",
    "SizeLimits",
    "SpecialCase",
    "TooFewPixels",
    "Tries",
    "VisionFailed",
    "VisionWorker",
    "capture_portrait",
]
