"""Why a record key in a token or a TPM cannot be made, found or used. No message ever holds a PIN."""

from __future__ import annotations

from agent.sealing.errors import SealingError
from agent.words import Words


class RecordKeyError(SealingError):
    """Base of everything that goes wrong with a record key in hardware."""

    code = "key.error"
    words = Words("Lỗi khóa ký hồ sơ.", "The record key met an error.")


class KeyLibraryMissing(RecordKeyError):
    """The optional library for this kind of key is not installed; `detail` names it."""

    code = "key.library_missing"
    words = Words("Chưa cài thư viện cho loại khóa này.", "The library for this kind of key is not installed.")
    remedy = Words(
        "Cài gói phần mềm nêu trong chi tiết, hoặc chọn loại khóa khác trong mục [keys].",
        "Install the package that the detail names, or choose another kind of key in [keys].",
    )


class KeyModuleNotFound(RecordKeyError):
    """The PKCS#11 module is not there, or the file is not such a module."""

    code = "key.module_not_found"
    words = Words("Không nạp được trình điều khiển PKCS#11.", "The PKCS#11 module cannot be loaded.")
    remedy = Words(
        "Cài trình điều khiển của token và ghi đúng đường dẫn trong mục [keys].",
        "Install the token's driver and set its path in [keys].",
    )


class KeyDeviceAbsent(RecordKeyError):
    """The token or TPM is not there, may not be opened, or went away."""

    code = "key.device_absent"
    words = Words("Không thấy thiết bị giữ khóa.", "The device that holds the key is not there.")
    remedy = Words(
        "Cắm lại token, hoặc bật TPM trong BIOS và cho người dùng kiosk vào nhóm tss.",
        "Plug the token in again, or switch the TPM on in the firmware and put the kiosk's user into group tss.",
    )


class KeyDeviceFailed(RecordKeyError):
    """The token or TPM refused or answered nonsense; `detail` has its own code."""

    code = "key.device_failed"
    words = Words("Thiết bị giữ khóa báo lỗi.", "The device that holds the key reported an error.")
    remedy = Words(
        "Khởi động lại kiosk; nếu còn lỗi, thay thiết bị và cấp khóa mới.",
        "Restart the kiosk; if the error stays, replace the device and have a new key issued.",
    )


class KeyTimeout(RecordKeyError):
    """The token or TPM did not answer before the deadline."""

    code = "key.timeout"
    words = Words("Thiết bị giữ khóa không trả lời kịp.", "The device that holds the key did not answer in time.")
    remedy = Words(
        "Thử lại; nếu lặp lại, khởi động lại kiosk hoặc rút và cắm lại token.",
        "Try again; if it repeats, restart the kiosk or unplug the token and plug it in again.",
    )


class PinUnreadable(RecordKeyError):
    """The PIN's file is missing, empty, or open to others; `detail` names file and reason."""

    code = "key.pin_unreadable"
    words = Words("Không đọc được tệp mã PIN.", "The PIN's file cannot be used.")
    remedy = Words(
        "Đặt mã PIN vào tệp quyền 0600 của người dùng kiosk, hoặc dùng LoadCredential của systemd.",
        "Put the PIN into a file of mode 0600 that the kiosk's user owns, or use systemd's LoadCredential.",
    )


class PinWrong(RecordKeyError):
    """The device refused the PIN. `tries_left` is None when the device does not tell how many are left."""

    code = "key.pin_wrong"
    words = Words("Sai mã PIN của thiết bị giữ khóa.", "The PIN of the device that holds the key is wrong.")
    remedy = Words(
        "Sửa tệp mã PIN trước khi khởi động lại; mỗi lần sai làm thiết bị gần bị khóa hơn.",
        "Correct the PIN's file before you restart; every wrong try brings the device closer to its lock.",
    )

    def __init__(self, detail: str = "", tries_left: int | None = None) -> None:
        left = "tries left: not told by the device" if tries_left is None else f"tries left: {tries_left}"
        super().__init__(f"{detail}, {left}" if detail else left)
        self.tries_left = tries_left


class PinLastTry(RecordKeyError):
    """One try is left, and the kiosk never uses the last one by itself."""

    code = "key.pin_last_try"
    words = Words(
        "Chỉ còn một lần thử mã PIN; kiosk không tự dùng lần cuối.",
        "One PIN try is left; the kiosk does not use the last one by itself.",
    )
    remedy = Words(
        "Kỹ thuật viên nhập đúng mã PIN bằng công cụ của thiết bị (docs/keys.md), rồi sửa tệp mã PIN.",
        "A technician enters the right PIN with the device's own tool (docs/keys.md), then corrects the PIN's file.",
    )


class KeyLockedOut(RecordKeyError):
    """Too many wrong PINs: the token is locked, or the TPM's dictionary-attack protection is on."""

    code = "key.locked_out"
    words = Words("Thiết bị giữ khóa đã bị khóa do sai mã PIN.", "The device that holds the key is locked.")
    remedy = Words(
        "TPM: chờ hết thời gian khóa hoặc mở khóa bằng tpm2_dictionarylockout; token: mở khóa bằng mã SO.",
        "TPM: wait for the lock to end or clear it with tpm2_dictionarylockout; token: unlock it with the SO PIN.",
    )


class KeyMissing(RecordKeyError):
    """The device is there and holds no such key, or the key's file is gone."""

    code = "key.missing"
    words = Words("Không có khóa ký hồ sơ.", "The record key is not there.")
    remedy = Words(
        "Kiểm tra mục [keys]; nếu khóa mất thật, tạo khóa mới bằng `kiosk keys create` và mã của kỹ thuật viên.",
        "Check [keys]; if the key is really lost, make one with `kiosk keys create` and a technician's token.",
    )


class KeyExists(RecordKeyError):
    """A key of this name is already there; nothing was made or changed."""

    code = "key.exists"
    words = Words("Khóa tên này đã có.", "A key of this name is already there.")
    remedy = Words("Dùng `kiosk keys show`, hoặc tạo khóa tên khác.", "Use `kiosk keys show`, or create another name.")


class KeyMismatch(RecordKeyError):
    """The device's key is not the one that was registered for this kiosk."""

    code = "key.mismatch"
    words = Words(
        "Khóa trong thiết bị không phải khóa đã đăng ký.", "The device's key is not the one that was registered."
    )
    remedy = Words(
        "Gắn đúng token hoặc khôi phục thư mục tin cậy của kiosk này; nếu không được, đăng ký khóa mới.",
        "Attach this kiosk's token or restore its trust folder; failing that, register a new key.",
    )


class KeyOfAnotherDevice(RecordKeyError):
    """The TPM cannot open the key's file: another TPM made it, this TPM was cleared, or the file was changed."""

    code = "key.other_device"
    words = Words(
        "Tệp khóa do TPM khác tạo, TPM đã bị xóa, hoặc tệp bị sửa.",
        "The key's file is from another TPM, the TPM was cleared, or the file was changed.",
    )
    remedy = Words(
        "Khôi phục tệp khóa của chính kiosk này; nếu TPM đã bị xóa hay thay, tạo và đăng ký khóa mới.",
        "Restore this kiosk's own key file; if the TPM was cleared or replaced, make and register a new key.",
    )
