"""Why a record, a receipt or a bundle cannot be sealed, opened or believed."""

from __future__ import annotations

from agent.words import KioskError, Words


class SealingError(KioskError):
    """Base of the sealing layer's errors."""

    code = "sealing.error"
    words = Words("Lỗi khi niêm phong hồ sơ.", "A record could not be sealed or checked.")


class KeyUnusable(SealingError):
    """A key file is missing, not the expected kind of key, or readable to others; `detail` names file and reason."""

    code = "sealing.key_unusable"
    words = Words("Không dùng được tệp khóa.", "A key file cannot be used.")
    remedy = Words(
        "Kiểm tra đường dẫn và loại khóa; khóa riêng cần quyền 0600, đúng chủ (chmod 600, chown); hoặc xin cấp lại.",
        "Check path and kind of key; a private one needs mode 0600 and its owner (chmod, chown). Or get it anew.",
    )


class Malformed(SealingError):
    """Bytes that are not what their layout demands; `detail` names the field."""

    code = "sealing.malformed"
    words = Words("Dữ liệu không đúng định dạng.", "The data are not in the expected form.")


class SignatureInvalid(SealingError):
    """A signature does not verify, or is by another key."""

    code = "sealing.signature_invalid"
    words = Words("Chữ ký không hợp lệ.", "A signature is not valid.")
    remedy = Words("Không dùng dữ liệu này; báo cho trung tâm.", "Do not use the data; report it to the centre.")


class SealBroken(SealingError):
    """The ciphertext does not open with this key and this core: changed, or meant for someone else."""

    code = "sealing.seal_broken"
    words = Words("Không mở được niêm phong.", "The seal does not open.")
    remedy = Words("Dùng đúng khóa của trung tâm.", "Use the collector's right key.")


class WrongBundle(SealingError):
    """A bundle of another kind than asked for."""

    code = "sealing.wrong_bundle"
    words = Words("Sai loại gói tin cậy.", "The bundle is of another kind.")
    remedy = Words("Chép lại thư mục tin cậy.", "Copy the trust folder again.")


class NoCurrentRecipient(SealingError):
    """The recipients' bundle lists no key to seal for."""

    code = "sealing.no_recipient"
    words = Words("Không có khóa nhận hồ sơ.", "There is no recipient key to seal for.")
    remedy = Words("Yêu cầu trung tâm gửi gói khóa mới.", "Ask the centre for a new bundle of keys.")
