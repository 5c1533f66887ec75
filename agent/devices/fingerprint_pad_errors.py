"""What goes wrong with a fingerprint reader's calibration and with libfprint, in words a technician can act on."""

from __future__ import annotations

from agent.devices.errors import DeviceError
from agent.words import Words


class NoPadSerial(DeviceError):
    """The fingerprint reader states no serial number, so that its calibration cannot be told from another's."""

    code = "pad.no_serial"
    words = Words("Đầu đọc vân tay không có số sê-ri.", "The fingerprint reader states no serial number.")
    remedy = Words(
        "Đặt pad.x_ppi và pad.y_ppi trong tệp cấu hình.", "Set pad.x_ppi and pad.y_ppi in the configuration."
    )


class CalibrationUnreadable(DeviceError):
    """The fingerprint reader's calibration file is damaged or for another reader; `detail` says where."""

    code = "pad.calibration_unreadable"
    words = Words(
        "Không đọc được tệp hiệu chuẩn của đầu đọc vân tay.", "The fingerprint reader's calibration cannot be read."
    )
    remedy = Words("Chạy lại `kiosk pad calibrate`.", "Run `kiosk pad calibrate` again.")


class CalibrationUnwritten(DeviceError):
    """The fingerprint reader's calibration file cannot be written; `detail` has the system's word."""

    code = "pad.calibration_unwritten"
    words = Words("Không ghi được tệp hiệu chuẩn.", "The calibration file cannot be written.")
    remedy = Words("Kiểm tra quyền ghi và dung lượng đĩa.", "Check the right to write there and the disk's space.")


class DrivenByLibfprint(DeviceError):
    """Only our own driver can do this, and the configuration gives the reader to libfprint."""

    code = "pad.driven_by_libfprint"
    words = Words(
        "Đầu đọc này do libfprint điều khiển, không hiệu chuẩn hay tự kiểm tra được.",
        "libfprint drives this reader: it can be neither calibrated nor tested.",
    )
    remedy = Words(
        'Với U.are.U 4000/4500, đặt pad.backend = "libusb".', 'For a U.are.U 4000/4500 set pad.backend = "libusb".'
    )


class NoLibfprint(DeviceError):
    """libfprint, or the system's PyGObject, is not installed; `detail` says which."""

    code = "pad.no_libfprint"
    words = Words("Chưa cài libfprint.", "libfprint is not installed.")
    remedy = Words(
        "Chạy `apt-get install gir1.2-fprint-2.0 python3-gi`.", "Run `apt-get install gir1.2-fprint-2.0 python3-gi`."
    )


class PictureRefused(DeviceError):
    """libfprint finds no usable print on a picture; `detail` has its reason."""

    code = "pad.picture_refused"
    words = Words("libfprint không nhận ảnh vân tay này.", "libfprint does not accept this fingerprint picture.")
    remedy = Words("Đặt lại ngón tay.", "Place the finger again.")
