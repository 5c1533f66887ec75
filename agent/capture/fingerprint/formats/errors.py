"""What is wrong with a finger record or a picture file. `detail` names the place, never the person."""

from __future__ import annotations

from agent.words import KioskError, Words


class FingerFormatError(KioskError):
    """Base of everything that keeps a fingerprint file from being read or written."""

    code = "fingerprint.format"
    words = Words("Tệp vân tay không dùng được.", "The fingerprint file cannot be used.")
    remedy = Words("Lấy lại tệp từ nơi tạo ra nó.", "Get the file again from where it was made.")


class NotAFingerRecord(FingerFormatError):
    """The bytes are of another kind or version; `detail` has what they begin with."""

    code = "fingerprint.not_a_record"
    words = Words("Đây không phải tệp vân tay mà kiosk đọc được.", "This is no fingerprint file that the kiosk reads.")
    remedy = Words(
        "Đưa vào tệp PNG, PGM, WSQ, JPEG 2000 hoặc bản ghi ISO/IEC 19794-4:2011, ISO/IEC 39794-4.",
        "Give a PNG, PGM, WSQ or JPEG 2000 file or a record of ISO/IEC 19794-4:2011 or ISO/IEC 39794-4.",
    )


class TruncatedFile(FingerFormatError):
    """The bytes end before what they announce; `detail` says where."""

    code = "fingerprint.truncated"
    words = Words("Tệp vân tay bị cắt cụt.", "The fingerprint file is cut short.")


class LyingLength(FingerFormatError):
    """Two lengths in the file contradict each other; `detail` names both."""

    code = "fingerprint.lying_length"
    words = Words(
        "Độ dài ghi trong tệp vân tay mâu thuẫn.", "The lengths in the fingerprint file contradict each other."
    )


class BadField(FingerFormatError):
    """A field has a value that the standard does not know or that does not fit; `detail` names field and value."""

    code = "fingerprint.bad_field"
    words = Words("Tệp vân tay có trường không hợp lệ.", "A field of the fingerprint file is invalid.")


class PictureTooBig(FingerFormatError):
    """The picture claims more pixels than a hand has; `detail` has the claim. Nothing of it was unpacked."""

    code = "fingerprint.picture_too_big"
    words = Words("Ảnh trong tệp quá lớn.", "The picture in the file is too large.")


class UnsupportedPicture(FingerFormatError):
    """The picture is well announced, but of a kind that is not read here; `detail` names it."""

    code = "fingerprint.unsupported_picture"
    words = Words("Kiểu ảnh trong tệp không được hỗ trợ.", "The kind of picture in the file is not supported.")
    remedy = Words(
        "Đưa vào ảnh xám 8 bit: thô, PNG, JPEG 2000 hoặc WSQ.",
        "Give 8-bit grey pictures: raw, PNG, JPEG 2000 or WSQ.",
    )


class DamagedPicture(FingerFormatError):
    """The picture cannot be unpacked; `detail` has the decoder's word."""

    code = "fingerprint.damaged_picture"
    words = Words("Ảnh trong tệp bị hỏng.", "The picture in the file is damaged.")


class WsqUnfit(FingerFormatError):
    """The picture cannot be packed as WSQ, or comes back as another one; `detail` says why."""

    code = "fingerprint.wsq_unfit"
    words = Words("Không nén được ảnh vân tay bằng WSQ.", "The fingerprint cannot be compressed with WSQ.")
    remedy = Words("Lấy lại dấu vân tay; bản gốc không nén vẫn được giữ.", "Take the print again; the master is kept.")


class DecoderTimeout(FingerFormatError):
    """The decoder did not finish in time and was ended; `detail` has the time."""

    code = "fingerprint.decoder_timeout"
    words = Words("Giải nén ảnh vân tay quá lâu.", "Unpacking the fingerprint picture took too long.")
