"""What goes wrong with hardware, in words an operator can act on."""

from __future__ import annotations

from agent.words import KioskError, Words


class DeviceError(KioskError):
    """A device did not do what was asked."""

    code = "device.error"
    words = Words("Thiết bị gặp lỗi.", "A device met an error.")
    remedy = Words("Rút thiết bị ra, cắm lại và thử lại.", "Unplug the device, plug it in again and retry.")


class DeviceTimeout(DeviceError):
    """The deadline passed before the device answered."""

    code = "device.timeout"
    words = Words("Thiết bị không trả lời kịp thời.", "The device did not answer in time.")


class Cancelled(DeviceError):
    """The operator, or the daemon on its way out, cancelled the wait."""

    code = "device.cancelled"
    words = Words("Đã hủy thao tác.", "The action was cancelled.")
    remedy = Words("Bắt đầu lại khi sẵn sàng.", "Start again when ready.")


class NoPcscd(DeviceError):
    """The smart-card service does not answer."""

    code = "card.no_pcscd"
    words = Words("Dịch vụ đầu đọc thẻ (pcscd) không chạy.", "The card-reader service (pcscd) is not running.")
    remedy = Words("Chạy `systemctl start pcscd.socket`.", "Run `systemctl start pcscd.socket`.")


class CardServiceNotPermitted(DeviceError):
    """The card-reader service runs and refuses this user (polkit)."""

    code = "card.not_permitted"
    words = Words("Không có quyền dùng dịch vụ đầu đọc thẻ.", "This user may not use the card-reader service.")
    remedy = Words(
        "Cài deploy/60-kiosk-pcsc.rules vào /etc/polkit-1/rules.d rồi `systemctl restart polkit pcscd`.",
        "Install deploy/60-kiosk-pcsc.rules in /etc/polkit-1/rules.d, then `systemctl restart polkit pcscd`.",
    )


class NoReader(DeviceError):
    """The service runs, but no (matching) reader is connected."""

    code = "card.no_reader"
    words = Words("Không tìm thấy đầu đọc thẻ.", "No card reader is connected.")
    remedy = Words("Cắm đầu đọc; kiểm tra card.reader.", "Plug the reader in; check card.reader.")


class NoCard(DeviceTimeout):
    """Nobody placed a card before the deadline."""

    code = "card.no_card"
    words = Words("Chưa thấy thẻ trên đầu đọc.", "No card was placed on the reader.")
    remedy = Words("Đặt thẻ sát giữa đầu đọc và thử lại.", "Place the card flat on the reader and retry.")


class CardLost(DeviceError):
    """The card left the field, or the reader was unplugged, in the middle."""

    code = "card.lost"
    words = Words("Thẻ bị nhấc ra khi đang đọc.", "The card was taken away while it was being read.")
    remedy = Words("Đặt thẻ lại và giữ yên đến khi báo xong.", "Place it again and leave it until told.")


class ReaderBusy(DeviceError):
    """Another program holds the card."""

    code = "card.busy"
    words = Words("Một chương trình khác đang dùng thẻ.", "Another program is using the card.")
    remedy = Words("Đóng chương trình kia rồi thử lại.", "Close the other program and retry.")


class NoCamera(DeviceError):
    """No camera is there: not plugged in, or a network camera that does not answer."""

    code = "camera.none"
    words = Words("Không tìm thấy máy ảnh.", "No camera is connected.")
    remedy = Words("Cắm lại máy ảnh; kiểm tra camera.source.", "Plug the camera in again; check camera.source.")


class CameraNotPermitted(DeviceError):
    """The camera is there, but this user may not open it; `detail` names it."""

    code = "camera.not_permitted"
    words = Words("Không có quyền mở máy ảnh.", "The camera may not be opened by this user.")
    remedy = Words(
        "Thêm người dùng của dịch vụ vào nhóm `video` rồi khởi động lại dịch vụ.",
        "Add the service's user to the group `video` and restart the service.",
    )


class CameraBusy(DeviceError):
    """The camera is there and may be opened, but cannot be: mostly another program holds it."""

    code = "camera.busy"
    words = Words("Không mở được máy ảnh.", "The camera cannot be opened.")
    remedy = Words(
        "Đóng chương trình khác đang dùng máy ảnh; rút ra và cắm lại.",
        "Close other programs that use it; unplug it and plug it in again.",
    )


class CameraFrozen(DeviceTimeout):
    """The camera is connected but gives no new pictures."""

    code = "camera.frozen"
    words = Words("Máy ảnh bị treo, không có hình mới.", "The camera is frozen: no new pictures come.")
    remedy = Words(
        "Kiosk đang tự khởi động lại máy ảnh. Nếu kéo dài, rút ra và cắm lại.",
        "The kiosk is restarting it. If it lasts, unplug it and plug it in again.",
    )


class CameraNotAllowed(DeviceError):
    """A network camera outside development."""

    code = "camera.not_allowed"
    words = Words("Chỉ dùng máy ảnh mạng khi thử nghiệm.", "A network camera is for development only.")
    remedy = Words("Đặt camera.source là số hoặc /dev/…", "Set camera.source to an index or /dev/…")


class NoPad(DeviceError):
    """No fingerprint reader that we can drive is connected."""

    code = "pad.none"
    words = Words("Không tìm thấy đầu đọc vân tay.", "No fingerprint reader is connected.")
    remedy = Words("Cắm đầu đọc vân tay vào cổng USB.", "Plug the fingerprint reader into a USB port.")


class PadLost(DeviceError):
    """The fingerprint reader was unplugged, or its connection broke, in the middle."""

    code = "pad.lost"
    words = Words("Đầu đọc vân tay bị rút ra hoặc mất kết nối.", "The fingerprint reader was unplugged.")
    remedy = Words(
        "Cắm lại đầu đọc vân tay; nếu lặp lại, thay cáp hoặc đổi cổng USB.",
        "Plug the fingerprint reader in again; if it repeats, change the cable or the USB port.",
    )


class PadBusy(DeviceError):
    """Another program holds the fingerprint reader."""

    code = "pad.busy"
    words = Words(
        "Một chương trình khác đang giữ đầu đọc vân tay (thường là fprintd).",
        "Another program holds the fingerprint reader (often fprintd).",
    )
    remedy = Words(
        "Chạy `systemctl mask --now fprintd`, đóng chương trình kia rồi thử lại.",
        "Run `systemctl mask --now fprintd`, close the other program and retry.",
    )


class PadNotPermitted(DeviceError):
    """The kiosk's user may not open the fingerprint reader."""

    code = "pad.not_permitted"
    words = Words(
        "Không có quyền mở đầu đọc vân tay.", "The kiosk's user is not permitted to open the fingerprint reader."
    )
    remedy = Words(
        "Cài deploy/60-kiosk.rules vào /etc/udev/rules.d, thêm người dùng vào nhóm `plugdev`, rồi cắm lại đầu đọc.",
        "Install deploy/60-kiosk.rules in /etc/udev/rules.d, add the user to the group `plugdev`, plug in again.",
    )


class PadFault(DeviceError):
    """The fingerprint reader is connected but does not do what its protocol says; `detail` says what."""

    code = "pad.fault"
    words = Words("Đầu đọc vân tay hoạt động sai.", "The fingerprint reader does not work properly.")
    remedy = Words(
        "Rút đầu đọc vân tay, đợi 5 giây rồi cắm lại; nếu lặp lại, thay đầu đọc.",
        "Unplug the fingerprint reader, wait 5 seconds, plug it in; if it repeats, replace it.",
    )


class PadPictureDamaged(PadFault):
    """The fingerprint reader's pictures arrive damaged, one after the other."""

    code = "pad.picture_damaged"
    words = Words("Ảnh từ đầu đọc vân tay bị hỏng.", "The fingerprint reader's pictures arrive damaged.")


class NoLibusb(DeviceError):
    """The library that reaches USB devices is not installed."""

    code = "pad.no_libusb"
    words = Words("Chưa cài thư viện libusb.", "The library libusb is not installed.")
    remedy = Words("Chạy `apt-get install libusb-1.0-0`.", "Run `apt-get install libusb-1.0-0`.")


class UsbBackendMissing(DeviceError):
    """The configured way to the reader is not installed, not allowed here, or has an unusable address."""

    code = "pad.no_backend"
    words = Words("Không dùng được pad.backend đã cấu hình.", "The configured pad.backend cannot be used.")
    remedy = Words(
        'Đặt pad.backend = "libusb"; "usbip" chỉ dùng khi thử nghiệm và cần gói firmware-mocks.',
        'Set pad.backend = "libusb"; "usbip" is for development only and needs the package firmware-mocks.',
    )
