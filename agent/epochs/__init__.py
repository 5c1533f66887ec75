"""A kiosk's epochs: the life of each record key, and what goes over from one to the next."""

from agent.epochs.book import FIRST, Epoch, EpochBook, Token
from agent.epochs.errors import (
    EpochError,
    EpochsNotReadable,
    EpochUnreadable,
    RotatedBefore,
    TokenMalformed,
    TokenNeeded,
)
from agent.epochs.opening import Epochs

__all__ = [
    "FIRST",
    "Epoch",
    "EpochBook",
    "EpochError",
    "EpochUnreadable",
    "Epochs",
    "EpochsNotReadable",
    "RotatedBefore",
    "Token",
    "TokenMalformed",
    "TokenNeeded",
]
