"""Data blocks of ISO/IEC 39794-4: bytes by hand, another DER decoder, round trips, and blocks that lie."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.fingerprint.formats import (
    Annotation,
    AnnotationReason,
    BadField,
    DataBlockImage,
    FingerFormatError,
    ImageFormat,
    LyingLength,
    NotAFingerRecord,
    Position,
    QualityBlock,
    pack_jpeg2000,
    read_data_block,
    read_file,
    write_data_block,
)
from agent.capture.fingerprint.formats.data_block import Contact
from tests.capture.fingerprint.formats.prints import cuts, grey_png, small_picture

# By hand from the standard's ASN.1 (implicit tags; a CHOICE keeps its own): version 3 of 2019, one right index finger.
ONE = bytes.fromhex("642a a007800103810207e3 a11f 301d a003800102 a103800100 a203800104 8303010203 a707800201f4810100")


def one(**more: Any) -> DataBlockImage:
    """Return the image of those bytes, or one with more in it."""
    return DataBlockImage(**{"position": Position.RIGHT_INDEX, "format": ImageFormat.PNG, "image": b"\1\2\3", **more})


def patched(before: str, after: str) -> bytes:
    """Return the bytes by hand with a lie in them."""
    assert bytes.fromhex(before) in ONE
    return ONE.replace(bytes.fromhex(before), bytes.fromhex(after), 1)


images = st.builds(
    DataBlockImage,
    position=st.sampled_from(Position),
    format=st.sampled_from(ImageFormat),
    image=st.binary(min_size=1, max_size=300),
    ppi=st.none() | st.integers(1, 65535).map(float),
    impression=st.sampled_from(Contact),
    qualities=st.lists(
        st.builds(QualityBlock, st.integers(0, 100), st.integers(1, 65535), st.integers(1, 65535)), max_size=3
    ).map(tuple),
    annotations=st.lists(
        st.builds(Annotation, st.sampled_from(Position), st.sampled_from(AnnotationReason)), max_size=3
    ).map(tuple),
)


class TestBytes:
    """What is written is what the standard's ASN.1 says."""

    def test_written_as_by_hand(self) -> None:
        """Every byte."""
        assert write_data_block((one(),)).hex() == ONE.hex()

    def test_read_as_by_hand(self) -> None:
        """The other way."""
        assert read_data_block(ONE) == (one(),)

    def test_another_decoder_finds_every_member(self) -> None:
        """asn1crypto, told the same ASN.1, agrees, about quality and annotation too."""
        marked = one(
            qualities=(QualityBlock(63, 0x0101, 0x39),),
            annotations=(Annotation(Position.LEFT_INDEX, AnnotationReason.AMPUTATED),),
        )
        found = DataBlock.load(write_data_block((marked,)), strict=True).native
        (block,) = found["representations"]
        assert found["version"] == {"generation": 3, "year": 2019}
        assert (block["position"], block["format"], block["image"]) == (2, 4, b"\1\2\3")
        assert block["rate"] == {"samples": 500, "unit": 0}
        assert block["qualities"] == [{"algorithm": {"organization": 0x0101, "id": 0x39}, "score": 63}]
        assert block["annotations"] == [{"position": 7, "reason": 2}]

    @given(made=st.lists(images, min_size=1, max_size=4).map(tuple))
    def test_what_is_written_is_read_back(self, made: tuple[DataBlockImage, ...]) -> None:
        """Any block survives the round trip, and its bytes too."""
        data = write_data_block(made)
        assert read_data_block(data) == made
        assert write_data_block(read_data_block(data)) == data

    def test_pixels_per_centimetre(self) -> None:
        """197 a centimetre are 500 an inch."""
        (found,) = read_data_block(patched("800201f4 810100", "800200c5 810101"))
        assert found.ppi == pytest.approx(500.4, abs=0.1)

    def test_an_extension_is_read_by_its_fallback(self) -> None:
        """A position that a later edition adds carries one that we know."""
        longer = patched("a003800102", "a005a103800102").replace(b"\x64\x2a", b"\x64\x2c")
        assert read_data_block(longer.replace(bytes.fromhex("a11f301d"), bytes.fromhex("a121301f"))) == (one(),)

    def test_what_we_do_not_keep_is_passed_over(self) -> None:
        """Here [8], a BOOLEAN of the standard's."""
        more = ONE.replace(bytes.fromhex("a11f301d"), bytes.fromhex("a1223020")) + bytes.fromhex("8801ff")
        assert read_data_block(more.replace(b"\x64\x2a", b"\x64\x2d")) == (one(),)

    def test_files_of_it_are_read(self) -> None:
        """As `kiosk fingerprint check` takes them: PNG, PGM and JPEG 2000 inside."""
        picture = small_picture()
        packed = {
            ImageFormat.PNG: grey_png(picture),
            ImageFormat.PGM: b"P5\n12 9\n255\n" + picture.tobytes(),
            ImageFormat.JPEG2000_LOSSLESS: pack_jpeg2000(picture),
        }
        made = tuple(one(format=kind, image=data) for kind, data in packed.items())
        for found, kind in zip(read_file(write_data_block(made)), packed, strict=True):
            assert np.array_equal(found.pixels, picture)
            assert (found.kind, found.ppi) == (f"ISO/IEC 39794-4 {kind.name}", (500.0, 500.0))
            assert found.position is Position.RIGHT_INDEX

    def test_pictures_stay_out_of_the_repr(self) -> None:
        """Nothing that prints a block prints a finger."""
        assert "image=" not in repr(one())


class TestHostile:
    """Blocks that lie, are cut short, or are not DER."""

    def test_cut_at_any_byte(self) -> None:
        """Every beginning is an error of ours."""
        for data in cuts(write_data_block((one(qualities=(QualityBlock(1, 1, 1),)), one()))):
            with pytest.raises(FingerFormatError):
                read_data_block(data)

    @given(data=st.binary(max_size=120))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        """No other exception than ours."""
        for begun in (data, b"\x64" + data, ONE[:11] + data):
            try:
                read_data_block(begun)
            except FingerFormatError:
                continue

    @given(at=st.integers(0, len(ONE) - 1), value=st.integers(0, 255))
    def test_one_changed_byte_is_read_or_refused(self, at: int, value: int) -> None:
        """What is read after a change can be written again."""
        try:
            found = read_data_block(ONE[:at] + bytes([value]) + ONE[at + 1 :])
        except FingerFormatError:
            return
        assert read_data_block(write_data_block(found))

    @pytest.mark.parametrize(
        ("before", "after", "error"),
        [
            ("642a", "302a", NotAFingerRecord),
            ("642a", "6429", FingerFormatError),
            ("800103", "800104", BadField),
            ("800102", "800113", BadField),
            ("800102", "8001ff", BadField),
            ("800201f4", "80020000", BadField),
            ("800201f4", "8002007f", BadField),
            ("810100", "810107", BadField),
            ("8303", "a303", BadField),
            ("a203", "a103", BadField),
            ("301d", "311d", BadField),
            ("8303010203", "8383ffffff", FingerFormatError),
            ("8303010203", "8381020203", LyingLength),
            ("8303010203", "8380010203", LyingLength),
        ],
    )
    def test_lies(self, before: str, after: str, error: type[FingerFormatError]) -> None:
        """Each wrong place has its error."""
        with pytest.raises(error):
            read_data_block(patched(before, after))

    def test_bytes_after_the_block(self) -> None:
        """Nothing hides behind it."""
        with pytest.raises(LyingLength):
            read_data_block(ONE + b"\0")

    @pytest.mark.parametrize(
        "wrong",
        [{"image": b""}, {"ppi": 0.0}, {"ppi": 70000.0}, {"qualities": (QualityBlock(255, 1, 1),)}],
        ids=["no picture", "no rate", "huge rate", "no score"],
    )
    def test_what_cannot_be_written_cannot_be_made(self, wrong: dict[str, Any]) -> None:
        """By the field's name."""
        with pytest.raises(BadField):
            one(**wrong)

    def test_no_image(self) -> None:
        """A block without any is none."""
        with pytest.raises(BadField):
            write_data_block(())


class Code(core.Choice):  # type: ignore[misc]
    """A code, as the standard's CHOICEs have it."""

    _alternatives: ClassVar[list[Any]] = [("code", core.Integer, {"implicit": 0})]


class Version(core.Sequence):  # type: ignore[misc]
    """VersionBlock."""

    _fields: ClassVar[list[Any]] = [
        ("generation", core.Integer, {"implicit": 0}),
        ("year", core.Integer, {"implicit": 1}),
    ]


class Rate(core.Sequence):  # type: ignore[misc]
    """SpatialSamplingRateBlock."""

    _fields: ClassVar[list[Any]] = [("samples", core.Integer, {"implicit": 0}), ("unit", core.Integer, {"implicit": 1})]


class Registry(core.Sequence):  # type: ignore[misc]
    """RegistryIdBlock."""

    _fields: ClassVar[list[Any]] = [
        ("organization", core.Integer, {"implicit": 0}),
        ("id", core.Integer, {"implicit": 1}),
    ]


class Quality(core.Sequence):  # type: ignore[misc]
    """QualityBlock."""

    _fields: ClassVar[list[Any]] = [("algorithm", Registry, {"implicit": 0}), ("score", Code, {"explicit": 1})]


class Qualities(core.SequenceOf):  # type: ignore[misc]
    """QualityBlocks."""

    _child_spec = Quality


class Mark(core.Sequence):  # type: ignore[misc]
    """AnnotationBlock."""

    _fields: ClassVar[list[Any]] = [("position", Code, {"explicit": 0}), ("reason", Code, {"explicit": 1})]


class Marks(core.SequenceOf):  # type: ignore[misc]
    """AnnotationBlocks."""

    _child_spec = Mark


class Block(core.Sequence):  # type: ignore[misc]
    """RepresentationBlock, the members that we write."""

    _fields: ClassVar[list[Any]] = [
        ("position", Code, {"explicit": 0}),
        ("impression", Code, {"explicit": 1}),
        ("format", Code, {"explicit": 2}),
        ("image", core.OctetString, {"implicit": 3}),
        ("qualities", Qualities, {"implicit": 6, "optional": True}),
        ("rate", Rate, {"implicit": 7, "optional": True}),
        ("annotations", Marks, {"implicit": 13, "optional": True}),
    ]


class Blocks(core.SequenceOf):  # type: ignore[misc]
    """RepresentationBlocks."""

    _child_spec = Block


class DataBlock(core.Sequence):  # type: ignore[misc]
    """FingerImageDataBlock."""

    class_ = 1
    tag = 4
    _fields: ClassVar[list[Any]] = [("version", Version, {"implicit": 0}), ("representations", Blocks, {"implicit": 1})]
