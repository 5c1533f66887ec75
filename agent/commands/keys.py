"""`kiosk keys`: the record key and its epochs. The daemon must be stopped for everything but `show`."""

from __future__ import annotations

from pathlib import Path

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config, load_config
from agent.epochs import Epoch, EpochBook, Epochs, Token
from agent.provisioning import epoch_book, queue_settings
from agent.sealing import create_record_key, public_key_pem, release, show_record_key


def show(screen: Screen, path: Path) -> ExitCode:
    """Print where the present key lives, its id, epoch and public half. Raises EpochError or SealingError."""
    config = load_config(path)
    book = epoch_book(config)
    epoch = book.current()
    key = show_record_key(book.keys(epoch.number), config.trust.folder)
    told = {"epoch": str(epoch.number), "kind": key.kind, "place": key.place, "key_id": key.key_id}
    if screen.as_json:
        screen.json(told | {"public_pem": key.public_pem})
    else:
        screen.table("Khóa ký · Record key", ("Mục · Item", "Giá trị · Value"), list(told.items()))
        screen.line(key.public_pem, "")
    return ExitCode.OK


def create(screen: Screen, path: Path, token: str, reason: str) -> ExitCode:
    """Make the first key; with a token, the key of a kiosk whose disk was lost. Raises KeyExists or TokenMalformed."""
    config = load_config(path)
    if token:
        epoch = _epochs(config, epoch_book(config)).begin_after_a_lost_disk(reason or "disk lost", Token.parse(token))
        return _opened(screen, epoch)
    key = create_record_key(epoch_book(config).keys(1), config.trust.folder)
    pem = public_key_pem(key.public_key).decode()
    release(key)
    if screen.as_json:
        screen.json({"epoch": 1, "key_id": key.key_id.hex(), "public_pem": pem})
    else:
        screen.line(
            "✓ Đã tạo khóa. Đăng ký phần công khai ở trung tâm: `collector register`.",
            "The key is made. Register its public half at the centre: `collector register`.",
            "green",
        )
        screen.line(pem, "")
    return ExitCode.OK


def rotate(screen: Screen, path: Path, token: str, reason: str) -> ExitCode:
    """Open the next epoch with a new key. Raises TokenNeeded, RotatedBefore, QueueLocked or SealingError."""
    config = load_config(path)
    parsed = Token.parse(token) if token else None
    return _opened(screen, _epochs(config, epoch_book(config)).rotate(reason or "rotated", parsed))


def authorise(screen: Screen, path: Path, token: str) -> ExitCode:
    """Give an epoch that the collector refused a token. Raises TokenMalformed."""
    config = load_config(path)
    return _opened(screen, _epochs(config, epoch_book(config)).authorise(Token.parse(token)))


def _epochs(config: Config, book: EpochBook) -> Epochs:
    return Epochs(book, config.kiosk.name, config.trust.folder, queue_settings(config))


def _opened(screen: Screen, epoch: Epoch) -> ExitCode:
    lost = list(epoch.claims.lost) if epoch.claims else []
    if screen.as_json:
        screen.json({"epoch": epoch.number, "lost": lost})
        return ExitCode.OK
    screen.line(
        f"✓ Kỳ khóa {epoch.number} đã mở; khởi động kiosk để gửi tiếp.",
        f"Epoch {epoch.number} is open; start the kiosk to go on sending.",
        "green",
    )
    if lost:
        seqs = ", ".join(map(str, lost))
        screen.line(f"✗ Hồ sơ đã mất: {seqs}; trung tâm được báo.", f"Lost records: {seqs}; the centre is told.", "red")
    return ExitCode.OK
