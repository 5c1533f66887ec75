from __future__ import annotations

import struct
import unicodedata

import pytest
from firmware_mocks.chip_card import portrait as mock_portrait
from firmware_mocks.chip_card.dg13 import dg13 as mock_dg13
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError
from agent.capture.chip.faces import parse_faces
from agent.capture.chip.lds import CitizenData, parse_dg1, parse_dg13
from agent.capture.chip.tlv import encode

ZONE = b"IDVNM1990000173001199000017<<49901018F3901016VNM<<<<<<<<<<<0NGUYEN<<THI<MAU<<<<<<<<<<<<<<<"
JPEG = b"\xff\xd8\xff\xe0" + bytes(50) + b"\xff\xd9"
JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(20)
CODESTREAM = b"\xff\x4f\xff\x51" + bytes(20)


def facial_record(image: bytes, kind: int = 0, points: int = 0, faces: int = 1) -> bytes:
    """Make an ISO/IEC 19794-5:2005 record of one face."""
    block = struct.pack(">BBHHBBHH", 1, kind, 240, 320, 1, 2, 0, 0) + image
    length = 20 + 8 * points + len(block)
    face = struct.pack(">IHBBB3sH3s3s", length, points, 0, 0, 0, bytes(3), 0, bytes(3), bytes(3))
    body = face + bytes(8 * points) + block
    return b"FAC\x00010\x00" + struct.pack(">IH", 14 + len(body), faces) + body


def dg2(record: bytes, tag: int = 0x5F2E) -> bytes:
    """Wrap a record as DG2 does."""
    template = encode(0xA1, encode(0x80, b"\x01\x01")) + encode(tag, record)
    return encode(0x75, encode(0x7F61, encode(0x02, b"\x01") + encode(0x7F60, template)))


def entry(number: int, *value: bytes) -> bytes:
    """Make one field of DG13."""
    return encode(0x30, encode(0x02, bytes([number])) + b"".join(value))


def dg13(*entries: bytes) -> bytes:
    """Make a DG13 of these fields."""
    head = encode(0x02, b"\x01") + encode(0x06, bytes.fromhex("28D316010008"))
    return encode(0x6D, encode(0x30, head + encode(0x31, b"".join(entries))))


class TestDg1:
    """The machine-readable zone."""

    def test_it_is_parsed(self) -> None:
        """61 { 5F1F { zone } }."""
        assert parse_dg1(encode(0x61, encode(0x5F1F, ZONE))).personal_number == "001199000017"

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut is taken for a whole."""
        data = encode(0x61, encode(0x5F1F, ZONE))
        for cut in range(len(data)):
            with pytest.raises(ChipDataError):
                parse_dg1(data[:cut])

    @pytest.mark.parametrize(
        "data",
        [
            encode(0x61, b""),
            encode(0x61, encode(0x5F1F, b"")),
            encode(0x61, encode(0x5F1F, ZONE[:-1] + b"\xc3")),
            encode(0x75, encode(0x5F1F, ZONE)),
            encode(0x61, encode(0x5F1F, ZONE)) + b"\x00",
        ],
    )
    def test_nonsense_is_refused(self, data: bytes) -> None:
        """Empty, not ASCII, another file, trailing bytes."""
        with pytest.raises(ChipDataError):
            parse_dg1(data)


class TestDg2:
    """The portrait."""

    def test_the_mock_chips_portrait_comes_out_bit_by_bit(self) -> None:
        """Written apart from the agent."""
        jpeg = mock_portrait.drawn_portrait(7)
        image = parse_faces(mock_portrait.dg2(jpeg))[0]
        assert (image.media_type, image.data) == ("image/jpeg", jpeg)

    @pytest.mark.parametrize(
        ("image", "kind", "media_type"),
        [(JPEG, 0, "image/jpeg"), (JP2, 1, "image/jp2"), (CODESTREAM, 1, "image/jp2")],
    )
    @pytest.mark.parametrize("points", [0, 3])
    @pytest.mark.parametrize("tag", [0x5F2E, 0x7F2E])
    def test_every_kind_of_image(self, image: bytes, kind: int, media_type: str, points: int, tag: int) -> None:
        """JPEG and both forms of JPEG 2000, with feature points, primitive and constructed."""
        found = parse_faces(dg2(facial_record(image, kind, points), tag))[0]
        assert (found.media_type, found.data) == (media_type, image)

    def test_the_first_of_several_faces_is_taken(self) -> None:
        """Bytes behind its length are the next face's."""
        two = facial_record(JPEG, faces=2)
        second = facial_record(b"\xff\xd8\xff" + b"2" * 30)[14:]
        record = two[:8] + struct.pack(">I", len(two) + len(second)) + two[12:] + second
        assert parse_faces(dg2(record))[0].data == JPEG

    def test_a_portrait_is_not_printed(self) -> None:
        """Only its media type."""
        assert repr(parse_faces(dg2(facial_record(JPEG)))[0]) == "FaceImage(media_type='image/jpeg')"

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """Of the file, and of the record inside a file that is whole."""
        data, record = dg2(facial_record(JPEG)), facial_record(JPEG)
        for cut in range(len(data)):
            with pytest.raises(ChipDataError):
                parse_faces(data[:cut])
        for cut in range(len(record)):
            with pytest.raises(ChipDataError):
                parse_faces(dg2(record[:cut]))

    @pytest.mark.parametrize(
        "record",
        [
            facial_record(JPEG, 2),
            facial_record(b"?" + JPEG, 9),
            facial_record(JPEG, 1),
            facial_record(JP2, 0),
            facial_record(b"GIF89a" + bytes(20)),
            facial_record(b""),
            facial_record(JPEG, faces=0),
            facial_record(JPEG).replace(b"010\x00", b"030\x00"),
            facial_record(JPEG)[:8] + b"\x7f\xff\xff\xff" + facial_record(JPEG)[12:],
            facial_record(JPEG)[:14] + b"\x7f\xff\xff\xff" + facial_record(JPEG)[18:],
            facial_record(JPEG)[:14] + bytes(4) + facial_record(JPEG)[18:],
            facial_record(JPEG)[:18] + b"\xff\xff" + facial_record(JPEG)[20:],
            facial_record(JPEG)[:18] + b"\x00\x20" + facial_record(JPEG)[20:],
        ],
        ids=[
            "image kind 2",
            "kind 9 with a question mark",
            "JPEG as JPEG 2000",
            "JPEG 2000 as JPEG",
            "GIF",
            "no image",
            "no face",
            "another version",
            "record of 2 GiB",
            "face of 2 GiB",
            "face of nothing",
            "65,535 points",
            "points beyond the face",
        ],
    )
    def test_records_that_lie_are_refused(self, record: bytes) -> None:
        """Lengths, counts and kinds are not believed."""
        with pytest.raises(ChipDataError):
            parse_faces(dg2(record))

    @given(st.integers(0, 200), st.integers(0, 255))
    def test_a_changed_byte_is_parsed_or_refused(self, position: int, value: int) -> None:
        """Nothing but ChipDataError."""
        data = bytearray(dg2(facial_record(JPEG)))
        data[position % len(data)] = value
        try:
            image = parse_faces(bytes(data))[0]
        except ChipDataError:
            return
        assert len(image.data) <= len(data)


class TestDg13:
    """The citizen's data."""

    def test_the_mock_chips_person_comes_out(self) -> None:
        """Numbers are the keys; several texts stay several; absent fields are missing."""
        citizen = parse_dg13(mock_dg13(DEFAULT_PERSON))
        assert citizen.text(1) == DEFAULT_PERSON.number
        assert citizen.text(2) == "Nguyễn Thị Mẫu"
        assert citizen.fields[13] == ("Nguyễn Văn Kiểu", "Trần Thị Thử")
        assert citizen.text(13) == "Nguyễn Văn Kiểu Trần Thị Thử"
        assert 14 not in citizen.fields
        assert citizen.text(14) == ""

    def test_text_is_normalised(self) -> None:
        """NFC, whatever the card holds."""
        decomposed = unicodedata.normalize("NFD", "Nguyễn Đức").encode()
        assert parse_dg13(dg13(entry(2, encode(0x0C, decomposed)))).text(2) == "Nguyễn Đức"

    def test_the_order_does_not_matter(self) -> None:
        """It is a SET, and real cards leave fields out."""
        citizen = parse_dg13(dg13(entry(12, encode(0x13, b"b")), entry(1, encode(0x13, b"a"))))
        assert (citizen.text(1), citizen.text(12)) == ("a", "b")

    def test_a_field_without_value_is_absent(self) -> None:
        """Only its number stands there."""
        assert dict(parse_dg13(dg13(entry(14))).fields) == {}

    def test_values_of_other_types_are_kept_raw(self) -> None:
        """An unknown field must not make a real card unreadable."""
        citizen = parse_dg13(
            dg13(entry(1, encode(0x13, b"a")), entry(16, b"\x04\x02\x00\xff"), entry(17, b"\x01\x01\xff"))
        )
        assert dict(citizen.fields) == {1: "a"}
        assert dict(citizen.raw) == {16: b"\x04\x02\x00\xff", 17: b"\x01\x01\xff"}

    def test_control_characters_do_not_reach_the_screen(self) -> None:
        """Escape sequences and direction marks become blanks."""
        citizen = parse_dg13(dg13(entry(2, encode(0x0C, "A\x1b[2J\u202eB".encode()))))
        assert citizen.text(2) == "A [2J B"

    def test_nothing_personal_is_printed(self) -> None:
        """Neither texts nor raw values."""
        assert repr(CitizenData({2: "x"}, {16: b"y"})) == "CitizenData()"

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut is taken for a whole."""
        data = mock_dg13(DEFAULT_PERSON)
        for cut in range(len(data)):
            with pytest.raises(ChipDataError):
                parse_dg13(data[:cut])

    @pytest.mark.parametrize(
        "data",
        [
            encode(0x6D, b""),
            encode(0x6D, encode(0x30, b"")),
            encode(0x6D, encode(0x31, b"")),
            dg13(b"\x30\x00"),
            dg13(encode(0x31, encode(0x02, b"\x01"))),
            dg13(encode(0x30, encode(0x0C, b"a"))),
            dg13(entry(1, encode(0x13, b"a"), encode(0x13, b"b"))),
            dg13(entry(1, encode(0x13, b"a")), entry(1, encode(0x13, b"b"))),
            dg13(encode(0x30, encode(0x02, b"\xff" * 3000) + encode(0x13, b"a"))),
            dg13(encode(0x30, encode(0x02, b"") + encode(0x13, b"a"))),
            dg13(entry(2, encode(0x0C, b"\xff\xfe"))),
            dg13(entry(13, encode(0x30, b"\x0c\x09ab"))),
            dg13(entry(1, b"\x13\x7f")),
            dg13() + b"\x00",
        ],
        ids=[
            "empty",
            "empty sequence",
            "set for sequence",
            "empty field",
            "set for field",
            "no number",
            "two values",
            "a field twice",
            "a number of 3,000 bytes",
            "a number of none",
            "not UTF-8",
            "lying length inside",
            "lying length",
            "trailing byte",
        ],
    )
    def test_nonsense_is_refused(self, data: bytes) -> None:
        """Doubles are refused because nobody could say which counts."""
        with pytest.raises(ChipDataError):
            parse_dg13(data)

    def test_very_many_fields_are_refused_in_one_pass(self) -> None:
        """A field number has one byte, so the 257th is a double."""
        with pytest.raises(ChipDataError):
            parse_dg13(dg13(*(entry(number & 0xFF) for number in range(50_000))))

    @given(st.binary(max_size=80))
    def test_any_set_is_parsed_or_refused(self, content: bytes) -> None:
        """Nothing but ChipDataError."""
        try:
            parse_dg13(dg13(content))
        except ChipDataError:
            return
