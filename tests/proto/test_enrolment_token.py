from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.proto.enrolment_token import EnrolmentToken

TOKEN = EnrolmentToken(bytes(range(16)), bytes(range(16, 32)))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@given(secret=st.binary(min_size=16, max_size=16), pin=st.binary(min_size=16, max_size=16))
def test_what_is_written_is_read(secret: bytes, pin: bytes) -> None:
    """In groups, in lower case, with blanks for hyphens."""
    token = EnrolmentToken(secret, pin)
    assert EnrolmentToken.parse(token.to_text()) == token
    assert EnrolmentToken.parse(f" {token.to_text().lower().replace('-', ' ')}\n") == token


@pytest.mark.parametrize("place", range(0, 69, 3))
def test_a_typing_error_is_noticed_here(place: int) -> None:
    """No other character in any place makes another token."""
    text = TOKEN.to_text()
    for other in ALPHABET:
        if other != text[place] and text[place] != "-":
            with pytest.raises(ValueError, match="token"):
                EnrolmentToken.parse(text[:place] + other + text[place + 1 :])


def test_a_beginning_is_no_token() -> None:
    """Nor is a token with something behind it."""
    text = TOKEN.to_text()
    for length in range(len(text)):
        with pytest.raises(ValueError, match="token"):
            EnrolmentToken.parse(text[:length])
    with pytest.raises(ValueError, match="token"):
        EnrolmentToken.parse(text + "AAAAAAAA")


@given(text=st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    """There is no third way."""
    try:
        EnrolmentToken.parse(text)
    except ValueError:
        return
    raise AssertionError("chance made a checksum")


def test_the_secret_is_not_printed() -> None:
    """Neither in logs nor in tracebacks."""
    token = EnrolmentToken(os.urandom(16), bytes(16))
    assert repr(token.secret) not in repr(token)
