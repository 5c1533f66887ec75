"""WSQ: what the encoder reaches, and files that would hurt the decoder."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import wsq as package
from PIL import Image

from agent.capture.fingerprint.formats import (
    BadField,
    DamagedPicture,
    DecoderTimeout,
    FingerFormatError,
    LyingLength,
    NotAFingerRecord,
    PictureTooBig,
    TruncatedFile,
    UnsupportedPicture,
    WsqUnfit,
    pack_wsq,
    read_wsq,
)
from agent.capture.fingerprint.formats.wsq_markers import wsq_size
from tests.capture.fingerprint.formats.prints import cuts, synthetic_print

FRAME = b"\xff\xa2\x00\x11"


@pytest.fixture(scope="module")
def small() -> bytes:
    """Return a WSQ file of 64 x 80 pixels."""
    return pack_wsq(synthetic_print()[100:164, 150:230].copy()).data


def frame_at(data: bytes) -> int:
    """Return where the frame header's content begins."""
    return data.index(FRAME) + len(FRAME)


class TestEncoder:
    """Size and likeness of what is packed."""

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_print_stays_within_the_fifteen_to_one_rule(self, seed: int) -> None:
        """The ratio is stated as reached, not above 15:1; 18 kB at most; 25 dB or better."""
        pixels = synthetic_print(seed)
        found = pack_wsq(pixels)
        assert found.ratio == pixels.size / len(found.data)
        assert 10 < found.ratio <= 15
        assert len(found.data) <= 18_000
        assert found.psnr_db > 25

    def test_the_stated_likeness_is_that_of_the_unpacked_print(self) -> None:
        """PSNR over the pixels that a reader gets."""
        pixels = synthetic_print()
        found = pack_wsq(pixels)
        back = read_wsq(found.data)
        error = float(((back.pixels.astype(float) - pixels) ** 2).mean())
        assert back.ppi == 500
        assert found.psnr_db == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)

    def test_pillow_reads_what_we_write(self, tmp_path: Path) -> None:
        """The package's own plug-in gives the same pixels as our reader."""
        assert package.__version__
        file = tmp_path / "print.wsq"
        file.write_bytes(pack_wsq(synthetic_print()).data)
        with Image.open(file) as picture:
            assert np.array_equal(np.asarray(picture), read_wsq(file.read_bytes()).pixels)

    @pytest.mark.parametrize("shape", [(63, 200), (200, 63), (1, 1)])
    def test_too_small_pictures_are_refused(self, shape: tuple[int, int]) -> None:
        """The encoder's tables do not fit into its own buffer then."""
        with pytest.raises(WsqUnfit, match="at least 64"):
            pack_wsq(np.zeros(shape, np.uint8))

    def test_colour_is_refused(self) -> None:
        """Height x width of 8-bit grey, nothing else."""
        with pytest.raises(UnsupportedPicture):
            pack_wsq(np.zeros((80, 80, 3), np.uint8))

    def test_too_large_pictures_are_refused(self) -> None:
        """The same limit as for reading."""
        with pytest.raises(PictureTooBig):
            pack_wsq(np.zeros((4097, 64), np.uint8))


class TestHostile:
    """Files that are cut, lie, or want all memory; the process that reads them lives on."""

    def test_a_file_cut_at_any_byte_is_refused(self, small: bytes) -> None:
        """No beginning of a file reaches the decoder: its end marker is missing."""
        for data in cuts(small):
            with pytest.raises(FingerFormatError):
                wsq_size(data)

    def test_a_file_without_one_of_its_segments_does_no_harm(self, small: bytes) -> None:
        """What the walk lets through meets the decoder in its own process: read (a comment is no loss) or refused."""
        places = [at for at in range(len(small) - 1) if small[at] == 0xFF and 0xA2 <= small[at + 1] <= 0xA8]
        for start, end in [*pairwise(places), (places[-1], len(small))]:
            try:
                found = read_wsq(small[:start] + small[end:])
            except FingerFormatError:
                continue
            assert found.pixels.shape == (64, 80)

    def test_a_broken_huffman_table_kills_only_the_worker(self, small: bytes) -> None:
        """A table that is cut short, all lengths right: the decoder's fault stays in its process."""
        at = small.index(b"\xff\xa6")
        (length,) = struct.unpack(">H", small[at + 2 : at + 4])
        table = small[at + 4 : at + 2 + length]
        for kept in (0, 1, 9, len(table) // 2):
            shorter = struct.pack(">H", kept + 2) + table[:kept]
            with pytest.raises((DamagedPicture, DecoderTimeout)):
                read_wsq(small[: at + 2] + shorter + small[at + 2 + length :])

    @pytest.mark.parametrize(("width", "height"), [(65535, 65535), (4097, 64), (64, 4097)])
    def test_a_bomb_is_not_unpacked(self, small: bytes, width: int, height: int) -> None:
        """The frame header alone says enough."""
        at = frame_at(small) + 2
        with pytest.raises(PictureTooBig):
            read_wsq(small[:at] + struct.pack(">HH", height, width) + small[at + 4 :])

    def test_no_pixels_are_no_picture(self, small: bytes) -> None:
        """Zero sizes are refused."""
        at = frame_at(small) + 2
        with pytest.raises(BadField):
            read_wsq(small[:at] + b"\0\0\0\0" + small[at + 4 :])

    def test_a_short_frame_header_is_a_lie(self, small: bytes) -> None:
        """The frame header has one length only."""
        at = small.index(FRAME)
        with pytest.raises(LyingLength):
            read_wsq(small[: at + 2] + b"\x00\x06" + small[at + 4 : at + 8] + small[at + 19 :])

    @pytest.mark.parametrize("length", [0, 1])
    def test_a_segment_shorter_than_its_length_is_a_lie(self, small: bytes, length: int) -> None:
        """A length counts its own two bytes."""
        with pytest.raises(LyingLength):
            read_wsq(small[:4] + struct.pack(">H", length) + small[6:])

    def test_a_segment_past_the_end_is_truncation(self, small: bytes) -> None:
        """65535 bytes are not there."""
        with pytest.raises(TruncatedFile):
            read_wsq(small[:4] + b"\xff\xff" + small[6:])

    def test_unknown_markers_are_refused(self, small: bytes) -> None:
        """FFA9 means nothing."""
        with pytest.raises(BadField, match="FFA9"):
            read_wsq(small[:2] + b"\xff\xa9" + small[4:])

    def test_a_file_with_nothing_in_it_names_what_is_missing(self) -> None:
        """Begin and end, no picture."""
        with pytest.raises(TruncatedFile, match="frame"):
            read_wsq(b"\xff\xa0\xff\xa1")

    def test_other_bytes_are_not_wsq(self) -> None:
        """A JPEG begins otherwise."""
        with pytest.raises(NotAFingerRecord):
            read_wsq(b"\xff\xd8\xff\xe0")

    def test_a_decoder_that_does_not_end_is_ended(self, small: bytes) -> None:
        """No time at all is too little for any file."""
        with pytest.raises(DecoderTimeout):
            read_wsq(small, timeout_s=0.0)
