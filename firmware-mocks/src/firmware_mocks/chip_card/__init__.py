"""A Vietnamese citizen card's chip: an eMRTD (ICAO Doc 9303) behind a virtual contactless reader."""

from firmware_mocks.chip_card.made_up import made_up_person
from firmware_mocks.chip_card.profile import DEFAULT_PERSON, Person, ProfileError

__all__ = ["DEFAULT_PERSON", "Person", "ProfileError", "made_up_person"]
