"""`collector kiosk`: which kiosks may connect, their one-time tokens, and who did what."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from collector.cli_frame import HERE, AsJson, ConfigPath, out, print_json, table_of, told
from collector.config import load_config

kiosk_app = typer.Typer(no_args_is_help=True, help="Kiosk được phép kết nối · The kiosks that may connect.")

Kiosk = Annotated[str, typer.Argument(help="Name of the kiosk.")]
Reason = Annotated[str, typer.Option(help="For whom and why; kept in the log.")]
Hours = Annotated[float, typer.Option(min=0.001, max=168, help="The token is good for so long.")]


@kiosk_app.command("add")
@told
def add(kiosk: Kiosk, reason: Reason, config: ConfigPath = HERE, hours: Hours = 24, as_json: AsJson = False) -> None:
    """Thêm kiosk và cấp mã · Put a kiosk on the list and issue its first one-time token; shown once."""
    from collector import kiosk_list  # noqa: PLC0415 # loads SQLite only here

    settings = load_config(config)
    kiosk_list.add(settings, kiosk)
    _print_token(kiosk_list.issue_token(settings, kiosk, reason, hours), as_json=as_json)


@kiosk_app.command("token")
@told
def token(kiosk: Kiosk, reason: Reason, config: ConfigPath = HERE, hours: Hours = 24, as_json: AsJson = False) -> None:
    """Cấp mã ghi danh mới · A new one-time token to enrol with; an older unused one is withdrawn."""
    from collector import kiosk_list  # noqa: PLC0415

    _print_token(kiosk_list.issue_token(load_config(config), kiosk, reason, hours), as_json=as_json)


@kiosk_app.command("revoke")
@told
def revoke(kiosk: Kiosk, reason: Reason, config: ConfigPath = HERE, as_json: AsJson = False) -> None:
    """Thu hồi · Accept nothing from a kiosk any more; its open stream ends within seconds."""
    from collector import kiosk_list  # noqa: PLC0415

    kiosk_list.revoke(load_config(config), kiosk, reason)
    print_json({"kiosk": kiosk, "revoked": True}) if as_json else out.print(f"✓ {escape(kiosk)}: đã thu hồi · revoked")


@kiosk_app.command("list")
@told
def list_kiosks(config: ConfigPath = HERE, as_json: AsJson = False) -> None:
    """Danh sách kiosk · Every kiosk: state, certificate, record key."""
    from collector import kiosk_list  # noqa: PLC0415

    _print_rows(kiosk_list.rows(load_config(config)), as_json=as_json)


@kiosk_app.command("log")
@told
def show_log(
    config: ConfigPath = HERE,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Nhật ký · Who added, enrolled, renewed and revoked which kiosk; refusals too."""
    from collector import kiosk_list  # noqa: PLC0415

    _print_rows(kiosk_list.log_rows(load_config(config), limit), as_json=as_json)


def _print_token(text: str, *, as_json: bool) -> None:
    print_json({"token": text}) if as_json else out.print(text, soft_wrap=True)


def _print_rows(rows: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    table = table_of(rows[0] if rows else ("—",))
    for row in rows:
        table.add_row(*(escape(cell) for cell in row.values()))
    out.print(table)
