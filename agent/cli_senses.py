"""The tools of `kiosk` that judge one sense by itself: chip, trust, portrait, fingerprint, pad. They need no daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, TypeVar

import structlog
import typer

from agent.cli_frame import AsJson, ConfigPath, ModelsFolder, SocketPath, told
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import DEFAULT_MODELS, DEFAULT_PATH, DEFAULT_SOCKET, load_config

if TYPE_CHECKING:
    from agent.capture.chip import ChipPolicy
    from agent.config import Config
    from agent.devices.fingerprint_pad_hotplug import HotplugPad

# Every command loads the libraries of its own sense only: the others start faster without them.

T = TypeVar("T")
Ask = Callable[[], str] | None

DEFAULT_ANCHORS = Path("/etc/kiosk/anchors")

chip_app = typer.Typer(no_args_is_help=True, help="Chip của giấy tờ · Read and judge an eMRTD chip (ICAO 9303).")
trust_app = typer.Typer(no_args_is_help=True, help="Neo tin cậy của công cụ · Trust anchors for `kiosk chip`.")
portrait_app = typer.Typer(no_args_is_help=True, help="Ảnh chân dung · Portrait quality (ISO/IEC 29794-5).")
fingerprint_app = typer.Typer(no_args_is_help=True, help="Vân tay · Fingerprint quality.")
pad_app = typer.Typer(no_args_is_help=True, help="Đầu đọc vân tay · The fingerprint reader.")

Out = Annotated[Path | None, typer.Option(help="Folder for what was read or drawn. It then holds personal data.")]
Anchors = Annotated[Path, typer.Option("--trust", envvar="KIOSK_ANCHORS", help="Folder of `kiosk trust`.")]
Can = Annotated[str | None, typer.Option(help="Card access number, 6 digits.")]
Number = Annotated[str | None, typer.Option(help="12-digit personal number; its last six digits are the CAN.")]
MrzLines = Annotated[str | None, typer.Option(help="The MRZ's lines.")]
QrText = Annotated[str | None, typer.Option(help="Text of the card's QR code.")]
QrPicture = Annotated[Path | None, typer.Option(readable=False, help="Picture (JPEG, PNG) of the card's QR code.")]
Scan = Annotated[bool, typer.Option("--scan", help="Take QR text, zone or number from a scanner that types.")]
Secret = Annotated[str, typer.Option("--ask", help="Ask for the holder's secret number: pin or puk.")]
Reader = Annotated[str, typer.Option(help="Part of the reader's name; empty takes the first.")]
Bac = Annotated[bool, typer.Option("--allow-bac", help="Let BAC take the place of PACE.")]
Passport = Annotated[bool, typer.Option("--any-document", help="Any ICAO document, not only the citizen card.")]


@chip_app.command("read")
@told
def chip_read(
    can: Can = None,
    number: Number = None,
    mrz: MrzLines = None,
    qr: QrText = None,
    qr_picture: QrPicture = None,
    scan: Scan = False,
    ask: Secret = "",
    trust: Anchors = DEFAULT_ANCHORS,
    reader: Reader = "",
    allow_bac: Bac = False,
    any_document: Passport = False,
    out: Out = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Đọc chip · Read one chip, print every verdict, write its files to --out."""
    from agent.capture.chip.trust_store import TrustStore  # noqa: PLC0415
    from agent.commands import chip  # noqa: PLC0415
    from agent.devices.smartcard import CardReader  # noqa: PLC0415

    source = _usage(chip.Given(can, number, mrz, qr, qr_picture, *_asking(scan, ask)).source)
    opener = CardReader(reader or None).wait_for_card
    anchors, policy = TrustStore(trust).anchors(), _chip_policy(allow_bac, any_document)
    return chip.read(Screen(as_json=as_json), opener, source, anchors, policy, out=out)


@chip_app.command("trace")
@told
def chip_trace(
    can: Can = None,
    number: Number = None,
    mrz: MrzLines = None,
    qr: QrText = None,
    qr_picture: QrPicture = None,
    scan: Scan = False,
    ask: Secret = "",
    reader: Reader = "",
    allow_bac: Bac = False,
    any_document: Passport = False,
) -> ExitCode:
    """Ghi lệnh APDU · Read one chip and tell of every command, without keys and personal data."""
    from agent.commands import chip  # noqa: PLC0415
    from agent.devices.smartcard import CardReader  # noqa: PLC0415

    source = _usage(chip.Given(can, number, mrz, qr, qr_picture, *_asking(scan, ask)).source)
    return chip.trace(Screen(), CardReader(reader or None).wait_for_card, source, _chip_policy(allow_bac, any_document))


@chip_app.command("inspect")
@told
def chip_inspect(
    folder: Annotated[Path, typer.Argument(help="Folder with EF_COM, EF_SOD, DG1 … or file ids, .bin or none.")],
    trust: Anchors = DEFAULT_ANCHORS,
    any_document: Passport = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Kiểm tra ngoại tuyến · Judge a folder of a chip's files, read by whatever software."""
    from agent.capture.chip.trust_store import TrustStore  # noqa: PLC0415
    from agent.commands import chip  # noqa: PLC0415

    policy = _chip_policy(allow_bac=False, any_document=any_document)
    anchors = TrustStore(trust).anchors()
    return _usage(lambda: chip.inspect_folder(Screen(as_json=as_json), folder, anchors, policy))


@trust_app.command("import")
@told
def trust_import(
    file: Annotated[Path, typer.Argument(help="CSCA certificate, master list, link certificate or CRL.")],
    trust: Anchors = DEFAULT_ANCHORS,
    as_json: AsJson = False,
) -> ExitCode:
    """Thêm neo tin cậy · Check a file and keep what it brings."""
    from agent.commands import trust as command  # noqa: PLC0415

    return _usage(lambda: command.import_file(Screen(as_json=as_json), trust, file))


@trust_app.command("list")
@told
def trust_list(trust: Anchors = DEFAULT_ANCHORS, as_json: AsJson = False) -> ExitCode:
    """Liệt kê · Everything that is trusted."""
    from agent.commands import trust as command  # noqa: PLC0415

    return command.list_all(Screen(as_json=as_json), trust)


Fingerprint = Annotated[str, typer.Argument(help="The beginning of the entry's SHA-256.")]


@trust_app.command("show")
@told
def trust_show(fingerprint: Fingerprint, trust: Anchors = DEFAULT_ANCHORS, as_json: AsJson = False) -> ExitCode:
    """Xem một mục · One entry in full."""
    from agent.commands import trust as command  # noqa: PLC0415

    return command.show(Screen(as_json=as_json), trust, fingerprint)


@trust_app.command("remove")
@told
def trust_remove(fingerprint: Fingerprint, trust: Anchors = DEFAULT_ANCHORS, as_json: AsJson = False) -> ExitCode:
    """Bỏ một mục · Stop trusting one entry."""
    from agent.commands import trust as command  # noqa: PLC0415

    return command.remove(Screen(as_json=as_json), trust, fingerprint)


@portrait_app.command("check")
@told
def portrait_check(
    files: Annotated[list[Path] | None, typer.Argument(readable=False, help="Pictures.")] = None,
    camera: Annotated[bool, typer.Option("--camera", help="Take one live still instead.")] = False,
    folder: ModelsFolder = DEFAULT_MODELS,
    config: ConfigPath = DEFAULT_PATH,
    out: Out = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Kiểm tra ảnh · Every measure of each picture with its verdict; annotated pictures with --out."""
    from agent.capture.portrait import PortraitPolicy  # noqa: PLC0415
    from agent.commands import portrait  # noqa: PLC0415
    from agent.devices.camera import Camera  # noqa: PLC0415

    if camera == bool(files):
        raise typer.BadParameter("give picture files, or --camera")
    screen = Screen(as_json=as_json)
    if files:
        return portrait.check_files(screen, files, folder, out, PortraitPolicy())
    _logs_to_stderr()
    settings = load_config(config)
    wanted, development = settings.camera, settings.kiosk.development
    return portrait.check_camera(
        screen,
        lambda: Camera(wanted.source, wanted.width, wanted.height, wanted.fps, development=development),
        folder,
        out,
        PortraitPolicy(),
    )


@portrait_app.command("export")
@told
def portrait_export(
    files: Annotated[list[Path], typer.Argument(help="Pictures, or face records of ISO/IEC 19794-5 or 39794-5.")],
    out: Annotated[Path, typer.Option(help="Folder to write to. It then holds personal data.")],
    kind: Annotated[str, typer.Option("--format", help="jpg, jp2, 19794-5 or 39794-5.")] = "39794-5",
    jpeg2000: Annotated[bool, typer.Option("--jpeg2000", help="JPEG 2000 inside a face record.")] = False,
    most_bytes: Annotated[int, typer.Option(min=1000, help="The most bytes of the picture.")] = 200_000,
    folder: ModelsFolder = DEFAULT_MODELS,
    as_json: AsJson = False,
) -> ExitCode:
    """Xuất ảnh 35x45 · Write the 35x45 portrait as a picture or a face record."""
    from agent.capture.portrait.exporting import Format  # noqa: PLC0415
    from agent.capture.portrait.measures import JPEG, JPEG_2000, SizeLimits  # noqa: PLC0415
    from agent.commands import portrait_export as command  # noqa: PLC0415

    wanted = _usage(lambda: Format(kind))
    limits = SizeLimits(crop=most_bytes, crop_type=JPEG_2000 if jpeg2000 else JPEG)
    return command.export(Screen(as_json=as_json), files, folder, out, wanted, limits)


@portrait_app.command("by-hand")
@told
def portrait_by_hand(
    reason: Annotated[str, typer.Argument(help="cannot_hold_still, cannot_pose, light, background or judged_good.")],
    socket: SocketPath = DEFAULT_SOCKET,
    as_json: AsJson = False,
) -> ExitCode:
    """Chụp tay · Have the open visit's portrait taken as it is, with the reason."""
    from agent.commands import portrait_orders  # noqa: PLC0415
    from agent.console.client import KioskClient  # noqa: PLC0415

    with KioskClient(socket) as client:
        return portrait_orders.by_hand(client, Screen(as_json=as_json), reason)


@portrait_app.command("special-case")
@told
def portrait_special_case(
    case: Annotated[str, typer.Argument(help="closed_eye, tremor, head_tilt, head_covering or medical_device.")],
    supervisor: Annotated[str, typer.Option(help="Name of the supervisor who allows it; it goes into the record.")],
    socket: SocketPath = DEFAULT_SOCKET,
    as_json: AsJson = False,
) -> ExitCode:
    """Trường hợp đặc biệt · Relax the gates that the open visit's person cannot meet."""
    from agent.commands import portrait_orders  # noqa: PLC0415
    from agent.console.client import KioskClient  # noqa: PLC0415

    with KioskClient(socket) as client:
        return portrait_orders.special_case(client, Screen(as_json=as_json), case, supervisor)


@fingerprint_app.command("check")
@told
def fingerprint_check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(readable=False, help="PNG, PGM, JPEG 2000, WSQ, FIR (ISO/IEC 19794-4) or ISO/IEC 39794-4."),
    ] = None,
    from_pad: Annotated[bool, typer.Option("--pad", help="Take one touch of the reader instead.")] = False,
    ppi: Annotated[float, typer.Option(help="Resolution of files that state none.")] = 500,
    least: Annotated[int, typer.Option(min=0, max=100, help="Lowest score that passes.")] = 30,
    config: ConfigPath = DEFAULT_PATH,
    out: Out = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Kiểm tra vân tay · Native measures, score and gates of each print; annotated pictures with --out."""
    from agent.capture.fingerprint import FingerprintPolicy  # noqa: PLC0415
    from agent.capture.fingerprint.judgement import Judge  # noqa: PLC0415
    from agent.commands import fingerprint  # noqa: PLC0415
    from agent.devices.fingerprint_pad_drivers import open_pad  # noqa: PLC0415
    from agent.devices.fingerprint_pad_libfprint import Mindtct  # noqa: PLC0415
    from agent.diagnostics.devices import pad_choice  # noqa: PLC0415

    if from_pad == bool(files):
        raise typer.BadParameter("give picture files, or --pad")
    screen, policy = Screen(as_json=as_json), FingerprintPolicy()
    with Mindtct() as mindtct:
        judge = Judge(policy, minutiae=mindtct.count)
        if files:
            return fingerprint.check(screen, fingerprint.from_files(files, ppi), judge, least, out)
        _logs_to_stderr()
        with open_pad(pad_choice(load_config(config))) as pad:
            touch = fingerprint.from_pad(screen, pad, policy, Event())
            return fingerprint.check(screen, touch, judge, least, out)


@pad_app.command("calibrate")
@told
def pad_calibrate(
    pitch_mm: Annotated[float | None, typer.Option(min=0.2, max=5, help="Pitch of the lines of a target, mm.")] = None,
    x_ppi: Annotated[float | None, typer.Option(min=250, max=1100, help="Known resolution across.")] = None,
    y_ppi: Annotated[float | None, typer.Option(min=250, max=1100, help="Known resolution down.")] = None,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> ExitCode:
    """Hiệu chuẩn · Measure this reader (resolution, dead lines, background) and keep the result by its serial."""
    from agent.commands import pad as command  # noqa: PLC0415

    settings = load_config(config)
    wanted = command.Wanted(pitch_mm, x_ppi or settings.pad.x_ppi, y_ppi or settings.pad.y_ppi)
    with _own_pad(settings, calibrated=False) as pad:
        folder = settings.kiosk.data_folder / "pad"
        return command.calibrate(Screen(as_json=as_json), pad, wanted, folder, Event())


@pad_app.command("test")
@told
def pad_test(
    picture: Annotated[Path | None, typer.Option(help="Write what the reader sees as a picture.")] = None,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> ExitCode:
    """Tự kiểm tra · Noise, dead pixels, evenness and latency of the reader, with verdicts."""
    from agent.commands import pad as command  # noqa: PLC0415

    with _own_pad(load_config(config)) as pad:
        return command.self_test(Screen(as_json=as_json), pad, picture, Event())


def _asking(scan: bool, wanted: str) -> tuple[Ask, Ask, Ask]:
    """Return what asks for a scan, a PIN and a PUK, where wanted. Secrets are typed unseen and never an argument."""
    if wanted not in ("", "pin", "puk"):
        raise typer.BadParameter("--ask takes pin or puk")

    def hidden() -> str:
        return str(typer.prompt(wanted.upper(), hide_input=True))

    return input if scan else None, hidden if wanted == "pin" else None, hidden if wanted == "puk" else None


def _chip_policy(allow_bac: bool, any_document: bool) -> ChipPolicy:
    """Return a technician's policy: everything is shown, and written whole with --out; nothing else is kept."""
    from agent.capture.chip import CITIZEN_CARD, OPTIONAL_GROUPS, TRAVEL_DOCUMENT, ChipPolicy  # noqa: PLC0415

    document = TRAVEL_DOCUMENT if any_document else CITIZEN_CARD
    return ChipPolicy(keep_raw_dg13=True, allow_bac=allow_bac, document=document, optional_groups=OPTIONAL_GROUPS)


def _own_pad(config: Config, *, calibrated: bool = True) -> HotplugPad:
    from agent.devices.fingerprint_pad_drivers import open_own_pad  # noqa: PLC0415
    from agent.diagnostics.devices import pad_choice  # noqa: PLC0415

    _logs_to_stderr()
    return open_own_pad(pad_choice(config), calibrated=calibrated)


def _logs_to_stderr() -> None:
    """Keep standard output for the answer."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _usage(work: Callable[[], T]) -> T:
    """Turn what a person typed wrongly into a usage error."""
    try:
        return work()
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
