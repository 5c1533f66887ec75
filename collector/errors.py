"""What goes wrong at the collector, in words its operators can act on."""

from __future__ import annotations

from agent.words import KioskError, Words


class CollectorError(KioskError):
    """Base of the collector's errors."""

    code = "collector.error"


class ConfigInvalid(CollectorError):
    """The collector's configuration file is missing or wrong; `detail` names file and key."""

    code = "collector.config"
    words = Words("Cấu hình trung tâm không hợp lệ.", "The collector's configuration is not valid.")
    remedy = Words(
        "Sửa mục được nêu, hoặc tạo lại bằng `collector init`.", "Correct the key named, or use `collector init`."
    )


class AlreadyExists(CollectorError):
    """A folder or file that would be written over; keys and opened records never are."""

    code = "collector.already_exists"
    words = Words("Thư mục đã có dữ liệu; không ghi đè.", "The folder is in use; nothing is written over.")
    remedy = Words("Chọn thư mục mới hoặc thư mục trống.", "Choose a new or empty folder.")


class NoSuchRecord(CollectorError):
    """No stored record matches."""

    code = "collector.no_such_record"
    words = Words("Không có hồ sơ này.", "There is no such record.")
    remedy = Words("Xem danh sách bằng `collector list`.", "See `collector list`.")


class NoEvidence(CollectorError):
    """The record has no liveness evidence: its policy did not ask for it, or the stage was not done."""

    code = "collector.no_liveness_evidence"
    words = Words("Hồ sơ không có bằng chứng người thật.", "The record holds no liveness evidence.")
    remedy = Words("Xem kết quả các bước bằng `collector show`.", "See the stages' verdicts with `collector show`.")


class StoreFailed(CollectorError):
    """The store cannot be read or written; nothing was acknowledged."""

    code = "collector.store_failed"
    words = Words("Không ghi được kho hồ sơ.", "The store cannot be read or written.")
    remedy = Words("Kiểm tra đĩa và quyền của thư mục kho.", "Check the disk and the rights of the store's folder.")


class StoreNotDurable(StoreFailed):
    """The data base answers before it is safe; `detail` names the setting."""

    code = "collector.store_not_durable"
    words = Words(
        "PostgreSQL được cấu hình không an toàn: mất điện sẽ mất hồ sơ đã ký nhận.",
        "PostgreSQL is configured so that a power cut could lose records that were acknowledged.",
    )
    remedy = Words(
        "Đặt fsync, full_page_writes và synchronous_commit là on, rồi chạy lại.",
        "Set fsync, full_page_writes and synchronous_commit to on, then start again.",
    )


class AddressInUse(CollectorError):
    """The collector cannot listen at its address."""

    code = "collector.address"
    words = Words("Không mở được địa chỉ lắng nghe.", "The collector cannot listen at its address.")
    remedy = Words(
        "Đổi `address` hoặc dừng chương trình đang dùng cổng đó.", "Change `address` or stop what uses the port."
    )


class StoreInUse(CollectorError):
    """Another collector appends to this store; two would not know of each other."""

    code = "collector.store_in_use"
    words = Words("Kho hồ sơ đang được một trung tâm khác dùng.", "Another collector is using this store.")
    remedy = Words("Dừng chương trình kia trước.", "Stop the other program first.")


class TlsUnusable(CollectorError):
    """The collector's own certificate, key or CA file cannot be used; `detail` says which and why."""

    code = "collector.tls"
    words = Words("Không dùng được chứng thư hoặc khóa TLS của trung tâm.", "The collector's TLS files cannot be used.")
    remedy = Words(
        "Kiểm tra server.pem, server.key và ca.pem trong thư mục tls.",
        "Check server.pem, server.key and ca.pem in tls.",
    )


class SeveralRecords(CollectorError):
    """More than one stored record matches; none was opened."""

    code = "collector.several_records"
    words = Words("Có nhiều hồ sơ khớp.", "Several records match.")
    remedy = Words("Nhập mã hồ sơ dài hơn, xem `collector list`.", "Give more of the id, see `collector list`.")


class SetupFailed(CollectorError):
    """A first set-up stopped half way; `detail` names the file or the value."""

    code = "collector.setup"
    words = Words("Không thiết lập được trung tâm.", "The collector could not be set up.")
    remedy = Words(
        "Sửa điều được nêu, xóa hai thư mục dở dang rồi chạy lại `collector init`.",
        "Correct what is named, remove the two unfinished folders and run `collector init` again.",
    )


class ImportRefused(CollectorError):
    """A record from a disk was refused as the stream would refuse it; those before it are stored. `detail` says why."""

    code = "collector.import_refused"
    words = Words("Không nhận được hồ sơ từ ổ rời.", "A record on the disk was refused.")
    remedy = Words(
        "Giữ ổ. Kiểm tra kiosk đã nêu: những hồ sơ trước đó đã được lưu, chạy lại không sinh bản trùng.",
        "Keep the disk and look at the kiosk named: what came before is stored, and running again doubles nothing.",
    )


class PlanInvalid(CollectorError):
    """The campaign plan cannot be read; `detail` names file and key."""

    code = "collector.plan"
    words = Words("Kế hoạch chiến dịch không hợp lệ.", "The campaign plan is not valid.")
    remedy = Words("Sửa mục được nêu; xem docs/collector.md.", "Correct what is named; see docs/collector.md.")


class NoSuchKiosk(CollectorError):
    """No kiosk of this name is registered."""

    code = "collector.no_such_kiosk"
    words = Words("Chưa đăng ký kiosk này.", "No kiosk of this name is registered.")
    remedy = Words("Kiểm tra tên, hoặc dùng `collector register`.", "Check the name, or use `collector register`.")


class RegisteredOtherwise(StoreFailed):
    """The kiosk is registered with another key or epoch; `detail` names the kiosk."""

    code = "collector.registered_otherwise"
    words = Words("Kiosk này đã đăng ký với khóa khác.", "The kiosk is registered with another key.")
    remedy = Words(
        "Kiểm tra tên và tệp khóa. Khóa mới của kiosk đã đăng ký: `kiosk keys rotate`, hoặc `collector token`.",
        "Check name and key file. A registered kiosk gets a new key by `kiosk keys rotate` or `collector token`.",
    )


class IssuerUnusable(CollectorError):
    """The files of the CA that issues kiosks' certificates do not fit together; `detail` names the file."""

    code = "collector.issuer"
    words = Words("Không dùng được CA cấp chứng thư cho kiosk.", "The CA for kiosks' certificates cannot be used.")
    remedy = Words(
        "Kiểm tra issuing_certificate, issuing_key và tls/ca.pem (docs/enrolment.md).",
        "Check issuing_certificate, issuing_key and tls/ca.pem (docs/enrolment.md).",
    )


class KioskNotAdmitted(CollectorError):
    """A kiosk is not on the list, or was revoked; `detail` says which."""

    code = "collector.kiosk_not_admitted"
    words = Words("Kiosk không có trong danh sách hoặc đã bị thu hồi.", "The kiosk is not on the list, or was revoked.")
    remedy = Words(
        "Xem `collector kiosk list`; thêm bằng `collector kiosk add`.",
        "See `collector kiosk list`; add it with `collector kiosk add`.",
    )


class BundleRefused(CollectorError):
    """A bundle that is not signed, or not believed; `detail` says why. Nothing was written."""

    code = "collector.bundle_refused"
    words = Words("Không ký hoặc không tin gói này.", "The bundle is not signed, or not believed.")
    remedy = Words(
        "Sửa điều được nêu; số phiên bản phải cao hơn gói trước.",
        "Correct what is named; the version must be above the one before.",
    )
