"""Why records do not reach the collector: the true cause, and what to do."""

from __future__ import annotations

from agent.words import KioskError, Words


class UplinkError(KioskError):
    """Base of the uplink's errors. `fatal` ones are not retried: only people can resolve them."""

    code = "uplink.error"
    words = Words("Chưa gửi được hồ sơ về trung tâm.", "Records do not reach the collector.")
    remedy = Words("Hồ sơ vẫn an toàn tại kiosk; báo kỹ thuật viên.", "The records are safe here; tell a technician.")
    fatal = False


class CollectorDown(UplinkError):
    """Nobody answers at the collector's address, or the connection broke."""

    code = "uplink.collector_down"
    words = Words("Trung tâm chưa trả lời.", "The collector does not answer.")
    remedy = Words(
        "Không cần làm gì: hồ sơ an toàn tại kiosk và sẽ tự gửi. Nếu kéo dài, kiểm tra mạng.",
        "Nothing to do: records are safe here and go by themselves. If it lasts, check the network.",
    )


class NameNotResolved(UplinkError):
    """The collector's host name cannot be resolved."""

    code = "uplink.name_not_resolved"
    words = Words("Không tìm thấy địa chỉ của trung tâm (DNS).", "The collector's name cannot be resolved (DNS).")
    remedy = Words("Kiểm tra mạng, DNS và collector.address.", "Check network, DNS and collector.address.")


class ProxyDown(UplinkError):
    """Nobody answers at the proxy's address."""

    code = "uplink.proxy_down"
    words = Words("Máy chủ proxy không trả lời.", "The proxy does not answer.")
    remedy = Words("Kiểm tra mạng và collector.proxy.", "Check the network and collector.proxy.")


class ProxyRefused(UplinkError):
    """The proxy does not let us through to the collector; `detail` is its status line."""

    code = "uplink.proxy_refused"
    words = Words("Máy chủ proxy không cho đi qua.", "The proxy does not let us through to the collector.")
    remedy = Words(
        "Xin quản trị mạng cho phép CONNECT đến địa chỉ trung tâm.",
        "Ask the network's administrator to allow CONNECT to the collector's address.",
    )


class CollectorNotTrusted(UplinkError):
    """The certificate shown at the collector's address is not by our CA, or not for that name."""

    code = "uplink.collector_not_trusted"
    words = Words("Chứng thư của trung tâm không đáng tin cậy.", "The collector's certificate is not trusted.")
    remedy = Words(
        "Không gửi gì cả. Kiểm tra collector.address và tls/ca.pem; có thể ai đó đang giả mạo trung tâm.",
        "Nothing was sent. Check collector.address and tls/ca.pem; somebody may pose as the collector.",
    )


class CollectorSilent(UplinkError):
    """The connection stands, TLS included, but the collector's program says nothing."""

    code = "uplink.collector_silent"
    words = Words("Trung tâm nhận kết nối nhưng không trả lời.", "The collector takes the connection and says nothing.")
    remedy = Words(
        "Hồ sơ an toàn và sẽ tự gửi. Nếu kéo dài, báo trung tâm: chương trình ở đó bị treo.",
        "Records are safe and go by themselves. If it lasts, tell the centre: its program hangs.",
    )


class CollectorBusy(UplinkError):
    """The collector asked to wait; `detail` is its reason."""

    code = "uplink.collector_busy"
    words = Words("Trung tâm yêu cầu chờ.", "The collector asks to wait.")
    remedy = Words(
        "Không cần làm gì: hồ sơ an toàn và sẽ tự gửi. Nếu kéo dài, báo trung tâm.",
        "Nothing to do: records are safe and go by themselves. If it lasts, tell the centre.",
    )


class CollectorFailed(UplinkError):
    """Something answers at the collector's address, but with an error of its own."""

    code = "uplink.collector_failed"
    words = Words("Trung tâm báo lỗi bên trong.", "The collector answers with an error of its own.")
    remedy = Words(
        "Hồ sơ an toàn và sẽ gửi lại. Báo trung tâm kèm chi tiết; kiểm tra collector.address.",
        "Records are safe and are sent again. Tell the centre the detail; check collector.address.",
    )


class TlsFilesUnusable(UplinkError):
    """The kiosk's own CA, certificate or key file cannot be used; `detail` names it."""

    code = "uplink.tls_files"
    words = Words("Không dùng được tệp TLS của kiosk.", "The kiosk's own TLS files cannot be used.")
    remedy = Words(
        "Xin mã ở trung tâm rồi chạy `kiosk enrol`: lệnh tạo lại tls/ca.pem, client.pem và client.key.",
        "Get a token at the centre and run `kiosk enrol`: it makes tls/ca.pem, client.pem and client.key anew.",
    )


class ClockWrong(UplinkError):
    """By the kiosk's clock a certificate in use was not issued yet: the clock is behind."""

    code = "uplink.clock"
    words = Words("Đồng hồ của kiosk chạy sai (chậm).", "The kiosk's clock is wrong: it is behind.")
    remedy = Words(
        "Chỉnh lại ngày giờ (timedatectl). Thu nhận vẫn tiếp tục được; hồ sơ sẽ tự gửi sau đó.",
        "Set date and time (timedatectl). Intake goes on; records leave by themselves after that.",
    )


class ClockOrCertificate(UplinkError):
    """A certificate is outside its dates by the kiosk's clock: the clock or the certificate is wrong."""

    code = "uplink.clock_or_certificate"
    words = Words(
        "Đồng hồ của kiosk sai, hoặc chứng thư đã hết hạn.",
        "The kiosk's clock is wrong, or a certificate is outside its dates.",
    )
    remedy = Words(
        "Xem giờ của kiosk trước. Thu nhận vẫn tiếp tục được; hồ sơ sẽ gửi khi đã chỉnh giờ hoặc gia hạn chứng thư.",
        "Look at the kiosk's clock first. Intake goes on; records leave once clock or certificate is put right.",
    )


class KioskRefused(UplinkError):
    """The collector does not accept this kiosk's client certificate."""

    code = "uplink.kiosk_refused"
    words = Words("Trung tâm từ chối chứng thư của kiosk.", "The collector refuses this kiosk's certificate.")
    remedy = Words(
        "Hồ sơ an toàn tại kiosk. Gọi trung tâm; nếu được dùng lại: xin mã rồi chạy `kiosk enrol`.",
        "The records are safe here. Call the centre; to work again: get a token and run `kiosk enrol`.",
    )


class CertificateChanged(UplinkError):
    """The kiosk has a new certificate: the connection is taken up anew with it."""

    code = "uplink.certificate_changed"
    words = Words("Kết nối lại với chứng thư mới.", "Connecting again with the new certificate.")
    remedy = Words("Không cần làm gì.", "Nothing to do.")


class KioskNotRegistered(UplinkError):
    """The collector knows no kiosk of this name, or the certificate is for another one."""

    code = "uplink.not_registered"
    words = Words("Trung tâm chưa đăng ký kiosk này.", "This kiosk is not registered at the collector.")
    remedy = Words(
        "Hồ sơ an toàn. Báo trung tâm đăng ký kiosk, và kiểm tra kiosk.name; kiosk sẽ tự thử lại.",
        "Records are safe. Have the centre register the kiosk, check kiosk.name; it tries again by itself.",
    )


class TestRecordsRefused(UplinkError):
    """Test records (kiosk.development) at a collector that is in production."""

    code = "uplink.test_records_refused"
    words = Words("Trung tâm không nhận hồ sơ thử nghiệm.", "The collector does not take test records.")
    remedy = Words(
        "Kiosk này đang ở chế độ thử nghiệm: dùng trung tâm thử nghiệm, hoặc thiết lập kiosk mới cho thật.",
        "This kiosk is in development: use a collector for tests, or set up a new kiosk for real work.",
    )


class ReceiptNotBelieved(UplinkError):
    """A receipt that is not signed by a listed key, or names another kiosk, epoch, seq or head. Nothing is purged."""

    code = "uplink.receipt_not_believed"
    words = Words("Biên nhận của trung tâm không hợp lệ.", "The collector's receipt is not valid.")
    remedy = Words("Báo ngay cho trung tâm; hồ sơ vẫn được giữ.", "Tell the centre at once; the records are kept.")
    fatal = True


class Rejected(UplinkError):
    """The collector refused the stream for a reason that sending again cannot change."""

    code = "uplink.rejected"
    words = Words("Trung tâm từ chối nhận hồ sơ.", "The collector refuses the records.")
    remedy = Words("Báo trung tâm kèm mã lỗi; hồ sơ vẫn được giữ.", "Tell the centre the reason; the records are kept.")
    fatal = True


class Forked(UplinkError):
    """Kiosk and collector hold different records under one number: a restored disk image, or two kiosks as one."""

    code = "uplink.fork"
    words = Words(
        "Kiosk và trung tâm lệch nhau: có thể đĩa đã được khôi phục từ bản sao.",
        "Kiosk and collector disagree on the same record: the disk may be a restored copy.",
    )
    remedy = Words(
        "Gọi kỹ thuật viên: dừng kiosk, xin mã một lần, chạy `kiosk keys rotate`. Không hồ sơ nào bị ghi đè.",
        "Call a technician: stop the kiosk, get a one-time token, run `kiosk keys rotate`. No record was overwritten.",
    )
    fatal = True


class EpochNotAuthorised(UplinkError):
    """The collector does not accept the kiosk's new record key; `detail` says why."""

    code = "uplink.epoch_not_authorised"
    words = Words(
        "Trung tâm chưa chấp nhận khóa ký mới của kiosk.", "The collector does not accept the new record key."
    )
    remedy = Words(
        "Hồ sơ an toàn. Xin mã một lần của trung tâm rồi chạy `kiosk keys authorise --token`.",
        "Records are safe. Ask the centre for a one-time token, then run `kiosk keys authorise --token`.",
    )
    fatal = True


class PositionUnknown(UplinkError):
    """The collector stands in another epoch, or asks for a seq that this kiosk cannot go on from."""

    code = "uplink.position_unknown"
    words = Words(
        "Trung tâm yêu cầu vị trí mà kiosk không gửi lại được.",
        "The collector asks for a position this kiosk cannot resume from.",
    )
    remedy = Words("Gọi kỹ thuật viên; hồ sơ vẫn được giữ.", "Call a technician; the records are kept.")
    fatal = True


class OwnRecordBroken(UplinkError):
    """A stored record no longer matches its own signature; it is not sent."""

    code = "uplink.own_record_broken"
    words = Words("Một hồ sơ trên đĩa đã bị hỏng.", "A stored record is damaged.")
    remedy = Words("Gọi kỹ thuật viên: `kiosk queue status`.", "Call a technician: `kiosk queue status`.")
    fatal = True
