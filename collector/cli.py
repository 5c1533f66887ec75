"""`collector`: serve, set up, list and open records."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from collector.bundle_cli import bundle_app
from collector.cli_frame import EXIT_FAILED, HERE, AsJson, ConfigPath, table_of, told
from collector.cli_frame import err as _err
from collector.cli_frame import out as _out
from collector.cli_frame import print_json as _print_json
from collector.cli_frame import read_file as _read
from collector.config import load_config
from collector.fleet_cli import fleet
from collector.kiosk_cli import kiosk_app

if TYPE_CHECKING:
    from collector.importing import Imported
    from collector.progress import Progress

app = typer.Typer(no_args_is_help=True, help="Trung tâm thu nhận · The collector.", pretty_exceptions_enable=False)

app.command("fleet")(fleet)
app.add_typer(kiosk_app, name="kiosk")
app.add_typer(bundle_app, name="bundle")


@app.command()
@told
def serve(config: ConfigPath = HERE, as_json: AsJson = False) -> None:
    """Nhận hồ sơ cho đến khi dừng · Accept records until SIGTERM or Ctrl-C."""
    # gRPC takes a moment to load; the other commands do without it.
    from agent.log import set_up_logging  # noqa: PLC0415
    from collector.server import ready_line  # noqa: PLC0415
    from collector.server import serve as serve_until_stopped  # noqa: PLC0415

    set_up_logging("json" if as_json else "auto")
    settings = load_config(config)
    if settings.development:
        _err.print(" CHẾ ĐỘ THỬ NGHIỆM · DEVELOPMENT: test records are accepted ", style="bold white on red")
    serve_until_stopped(settings, lambda address: print(ready_line(address), flush=True) if as_json else None)


@app.command()
@told
def init(
    folder: Annotated[Path, typer.Option(help="The collector's folder; must be empty or new.")],
    policy: Annotated[Path, typer.Option(help="Policy document (JSON) to sign.")],
    csca: Annotated[list[Path], typer.Option(help="CSCA certificate (PEM or DER); repeat for more.")],
    kiosk: Annotated[
        list[str] | None, typer.Option(help="A kiosk whose whole folder of trust is made here; repeat for more.")
    ] = None,
    kiosk_folder: Annotated[Path | None, typer.Option(help="Where --kiosk puts its folders.")] = None,
    name: Annotated[str, typer.Option(help="The collector's name in receipts.")] = "collector",
    address: Annotated[str, typer.Option(help="HOST:PORT to listen at; kiosks connect to it.")] = "127.0.0.1:8443",
    enrolment_address: Annotated[
        str, typer.Option(help="HOST:PORT of the second port, where kiosks enrol and renew; `none` for none.")
    ] = "127.0.0.1:8444",
    development: Annotated[bool, typer.Option(help="Accept test records.")] = False,
    database: Annotated[str, typer.Option(help="PostgreSQL connection string; without it records are in FOLDER.")] = "",
    suite: Annotated[str, typer.Option(help="Suite of the sealing key: x25519 or mlkem768-x25519.")] = "x25519",
    as_json: AsJson = False,
) -> None:
    """Tạo khóa và gói tin cậy lần đầu · Make the collector's keys, certificates and first bundles.

    It leaves the campaign key and the TLS CA's key in FOLDER/campaign: move them to a machine without network. Kiosks
    enrol afterwards (`collector kiosk add`); for a pilot, --kiosk makes a kiosk's folder at once.
    """
    from collector.recipients import suite_named  # noqa: PLC0415
    from collector.setup import Plan, set_up  # noqa: PLC0415 # only this command makes certificates

    anchors = tuple(_certificate(path) for path in csca)
    chosen, second = suite_named(suite), "" if enrolment_address == "none" else enrolment_address
    kiosks, folders, document = tuple(kiosk or ()), kiosk_folder or Path(), _read(policy)
    if kiosks and kiosk_folder is None:
        raise typer.BadParameter("--kiosk needs --kiosk-folder")
    set_up(Plan(folder, folders, name, address, kiosks, anchors, document, development, chosen, second, database))
    made = [folder, *(folders / one for one in kiosks)]
    if as_json:
        _print_json({"folder": str(folder), "kiosk_folders": [str(one) for one in made[1:]]})
    else:
        _out.print(f"✓ {escape(', '.join(map(str, made)))}")


@app.command()
@told
def migrate(config: ConfigPath = HERE, as_json: AsJson = False) -> None:
    """Tạo, nâng cấp bảng PostgreSQL · Make or upgrade the tables in PostgreSQL; back up first."""
    from collector import stores  # noqa: PLC0415 # loads the data base's library only here

    steps = stores.migrate(load_config(config))
    _print_json({"steps": steps}) if as_json else _out.print(f"✓ {steps} bước · steps")


@app.command("import")
@told
def import_records(
    folder: Annotated[Path, typer.Argument(help="The folder that `kiosk queue export` wrote to.")],
    config: ConfigPath = HERE,
    as_json: AsJson = False,
) -> None:
    """Nhận hồ sơ từ ổ rời · Verify and store records that were carried here; stop `collector serve` first."""
    from agent.log import log_to_standard_error  # noqa: PLC0415
    from collector.importing import import_folder  # noqa: PLC0415 # loads gRPC only here

    log_to_standard_error()

    with _err.status("…") as status:
        for done in import_folder(
            load_config(config), folder, lambda kiosk, seq: status.update(f"{escape(kiosk)}: {seq}")
        ):
            if as_json:
                print(json.dumps(asdict(done)), flush=True)
            else:
                _print_imported(done)


@app.command("list")
@told
def list_records(
    config: ConfigPath = HERE,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Danh sách hồ sơ · The stored records, newest first."""
    from collector import showing  # noqa: PLC0415 # loads SQLite and sealing only here

    rows = showing.rows(load_config(config), limit)
    if as_json:
        _print_json(rows)
        return
    table = table_of(("record", "kiosk", "epoch", "seq", "bytes", "received (UTC)", "test", "quarantined"))
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row.values()))
    _out.print(table)


@app.command()
@told
def show(
    record: Annotated[str, typer.Argument(help="Record id (hex), its beginning, or `latest`.")],
    config: ConfigPath = HERE,
    out: Annotated[Path | None, typer.Option(help="New folder for record.json and the pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Mở một hồ sơ · Verify and open one record (needs the sealing key)."""
    from agent import opening  # noqa: PLC0415
    from collector import showing  # noqa: PLC0415 # loads SQLite and sealing only here

    opened, files = showing.show(load_config(config), record, out)
    if as_json:
        _print_json(opening.as_json(opened) | {"files": [str(file) for file in files]})
        return
    table = table_of(opening.COLUMNS)
    for cells in opening.verdict_rows(opened.manifest, opened.again):
        table.add_row(*(escape(cell) for cell in cells))
    _out.print(table)
    for file in files:
        _out.print(escape(str(file)), soft_wrap=True)


@app.command()
@told
def backup(
    to: Annotated[Path, typer.Argument(help="A new folder for the copy of the store.")],
    config: ConfigPath = HERE,
    as_json: AsJson = False,
) -> None:
    """Sao lưu kho hồ sơ · Copy the store while the collector serves; docs/collector.md says how to restore."""
    from collector.backup import back_up  # noqa: PLC0415 # loads SQLite only here
    from collector.stores import embedded_folder  # noqa: PLC0415

    count = back_up(embedded_folder(load_config(config)), to)
    _print_json({"folder": str(to), "records": count}) if as_json else _out.print(f"✓ {escape(str(to))}: {count}")


@app.command("open")
@told
def open_records(
    folder: Annotated[Path, typer.Option(help="The opener's folder: keys/, log, book and the opened records.")],
    who: Annotated[str, typer.Option(help="Who opens; kept in the log.")],
    why: Annotated[str, typer.Option(help="Why; kept in the log.")],
    record: Annotated[list[str] | None, typer.Argument(help="Record ids (hex) or their beginnings; none: all.")] = None,
    config: ConfigPath = HERE,
    as_json: AsJson = False,
) -> None:
    """Mở hồ sơ và kiểm tra lại · Open records, judge their chips again, write them out; every opening is logged."""
    from agent.log import log_to_standard_error  # noqa: PLC0415
    from collector.opening.command import open_stored  # noqa: PLC0415 # loads the chip's parsers only here

    log_to_standard_error()
    failed = False
    for done in open_stored(load_config(config), folder, who, why, record or []):
        failed = failed or done.code not in {"", "double"}
        if as_json:
            print(json.dumps(asdict(done)), flush=True)
        elif done.code != "double":
            _out.print(f"{'✗' if done.code else '✓'} {escape(done.kiosk)} {done.epoch}/{done.seq} {done.code}")
            for alarm in done.alarms:
                _out.print(f"  [bold red]! {escape(alarm.code)}: {escape(alarm.detail)}[/]")
    if failed:
        raise typer.Exit(EXIT_FAILED)


@app.command()
@told
def verify(
    record: Annotated[str, typer.Argument(help="Record id (hex), its beginning, or `latest`.")],
    config: ConfigPath = HERE,
    as_json: AsJson = False,
) -> None:
    """Kiểm lại người thật · Decide a record's liveness again from its evidence (needs the sealing key)."""
    from collector import liveness, showing  # noqa: PLC0415 # loads SQLite and sealing only here

    opened, _ = showing.show(load_config(config), record, None)
    again = liveness.decide_again(opened)
    if as_json:
        _print_json(again)
    else:
        table = table_of(("lần · try", "kiểm tra · check", "kết quả · verdict", "trị số · native", "lý do · reason"))
        for number, one in enumerate(again["tries"], 1):
            for check in one["checks"]:
                native = "" if check["native"] is None else f"{check['native']:.3g} {check['unit']}"
                table.add_row(str(number), check["name"], check["verdict"], native, escape(check["reason"]))
        _out.print(table)
        _out.print("Khớp với kiosk · Agrees with the kiosk" if again["agrees"] else "KHÔNG KHỚP · DOES NOT AGREE")
    if not again["agrees"]:
        raise typer.Exit(EXIT_FAILED)


@app.command()
@told
def support(
    file: Annotated[Path, typer.Argument(help="A support bundle that a kiosk sealed.")],
    out: Annotated[Path, typer.Option(help="Where the opened bundle (tar.gz) goes.")],
    config: ConfigPath = HERE,
    as_json: AsJson = False,
) -> None:
    """Mở gói hỗ trợ · Open a sealed support bundle (needs the sealing key)."""
    from collector import support as opening  # noqa: PLC0415

    size = opening.open_bundle_file(load_config(config), file, out)
    if as_json:
        _print_json({"file": str(out), "size_bytes": size})
        return
    _out.print(escape(str(out)), soft_wrap=True)


def _print_imported(done: Imported) -> None:
    kiosk = escape(done.kiosk)
    counted = f"{done.stored} hồ sơ mới · new, {done.known} đã có · known"
    _out.print(f"✓ {kiosk}: {counted}, đến số · through {done.through_seq}")
    if done.quarantined:
        _out.print(f"[bold red]✗ {kiosk}: cách ly · quarantined {', '.join(map(str, done.quarantined))}[/]")
    if done.lost:
        _out.print(f"[bold red]✗ {kiosk}: mất ở kiosk · lost {', '.join(map(str, done.lost))}[/]")
    if done.receipt_written:
        _out.print("  Mang ổ về kiosk: `kiosk queue import`. [dim]The receipt is on the disk.[/]")
    else:
        _out.print("  [yellow]Không ghi được biên nhận lên ổ. The receipt could not be written to the disk.[/]")


@app.command()
@told
def token(
    kiosk: Annotated[str, typer.Argument(help="Name of the kiosk.")],
    reason: Annotated[str, typer.Option(help="For whom and why; kept with the token.")],
    config: ConfigPath = HERE,
    hours: Annotated[int, typer.Option(min=1, max=168, help="Valid for so long.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Cấp mã một lần cho khóa mới · A one-time token for a kiosk's new record key; shown once."""
    from collector import administering  # noqa: PLC0415 # loads SQLite only here

    issued = administering.issue_token(load_config(config), kiosk, reason, hours)
    _print_json({"token": issued}) if as_json else _out.print(issued, soft_wrap=True)


@app.command()
@told
def register(
    kiosk: Annotated[str, typer.Argument(help="Name of a new kiosk.")],
    record_key: Annotated[Path, typer.Option(help="Its public record key (PEM), from `kiosk keys create`.")],
    config: ConfigPath = HERE,
    as_json: AsJson = False,
) -> None:
    """Đăng ký kiosk mới · Register a new kiosk's first record key."""
    from collector import administering  # noqa: PLC0415

    key = administering.register(load_config(config), kiosk, _read(record_key))
    _print_json({"kiosk": kiosk, "key_id": key}) if as_json else _out.print(f"✓ {escape(kiosk)} {key}")


@app.command()
@told
def alarms(
    config: ConfigPath = HERE,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Cảnh báo · Lost records, new epochs, forks and quarantined records, newest first."""
    from collector import administering  # noqa: PLC0415

    rows = administering.alarm_rows(load_config(config), limit)
    if as_json:
        _print_json(rows)
        return
    table = table_of(("raised (UTC)", "kiosk", "epoch", "code", "detail"))
    for row in rows:
        table.add_row(*(escape(str(row[column])) for column in ("raised_at", "kiosk", "epoch", "code", "detail")))
    _out.print(table)


@app.command()
@told
def progress(
    config: ConfigPath = HERE,
    plan: Annotated[Path | None, typer.Option(help="Campaign plan (JSON): deadline, stations, rosters.")] = None,
    serve_at: Annotated[str, typer.Option("--serve", help="HOST:PORT: show it as a web page until stopped.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tiến độ chiến dịch · How far the campaign is: by station, ward and hour, with a forecast."""
    from collector import progress as numbers  # noqa: PLC0415
    from collector import progress_server  # noqa: PLC0415 # loads the web server only here

    if serve_at:
        progress_server.serve_page(load_config(config), plan, serve_at)
        return
    now = progress_server.current(load_config(config), plan)
    _print_json(numbers.as_json(now)) if as_json else _print_progress(now)


def _print_progress(now: Progress) -> None:
    from collector.progress_page import done_of, forecast  # noqa: PLC0415

    table = table_of(("", "đã xong · done", "mỗi giờ · per hour", "cách ly · quarantined", "dự kiến xong · forecast"))
    for line in (*now.stations, *now.wards, now.whole):
        style = "bold red" if line.in_time is False else None
        cells = (done_of(line), f"{line.per_hour:,.1f}", f"{line.quarantined:,}", forecast(line))
        table.add_row(escape(line.name or "Tất cả · all"), *cells, style=style)
    _out.print(table)
    if now.silent:
        names = ", ".join(escape(kiosk) for kiosk, _ in now.silent)
        _out.print(f"[yellow]Im lặng hơn một giờ · silent for more than an hour: {names}[/]")


@app.command()
@told
def announce(
    vi: Annotated[str, typer.Argument(help="The message in Vietnamese; never about a person.")],
    en: Annotated[str, typer.Argument(help="The same in English.")],
    config: ConfigPath = HERE,
    kiosk: Annotated[str, typer.Option(help="One kiosk only; all of them without it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Gửi thông báo đến kiosk · A message for the people at a kiosk, or at all."""
    from collector import administering  # noqa: PLC0415

    number = administering.announce(load_config(config), kiosk, vi, en)
    _print_json({"number": number}) if as_json else _out.print(f"✓ {number}")


def _certificate(path: Path) -> bytes:
    from cryptography import x509  # noqa: PLC0415 # only `init` reads certificates
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    from collector.errors import SetupFailed  # noqa: PLC0415

    data = _read(path)
    try:
        is_pem = b"-----BEGIN" in data
        certificate = x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise SetupFailed(f"{path}: not a certificate in PEM or DER") from error
    return certificate.public_bytes(Encoding.DER)


def main() -> None:
    """Entry point of `collector`."""
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
