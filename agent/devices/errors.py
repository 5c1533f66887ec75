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
