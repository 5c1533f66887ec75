"""A private PC/SC daemon with a virtual contactless reader, for cards of `firmware_mocks.chip_card`."""

from firmware_mocks.card_reader.errors import NotInstalled, ReaderError
from firmware_mocks.card_reader.reader import CardProcess, CardReader
from firmware_mocks.card_reader.requirements import READER_NAME

__all__ = ["READER_NAME", "CardProcess", "CardReader", "NotInstalled", "ReaderError"]
