"""`collector bundle`: sign and look at bundles, on a machine without network that has the campaign key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from collector.cli_frame import AsJson, out, print_json, read_file, told

bundle_app = typer.Typer(no_args_is_help=True, help="Gói tin cậy · Signed bundles; needs no network and no collector.")

CampaignKey = Annotated[Path, typer.Option(help="The campaign's private key (PEM, 0600).")]
CampaignPublic = Annotated[Path, typer.Option(help="The campaign's public key, campaign.pem.")]


@bundle_app.command("sign")
@told
def sign(
    kind: Annotated[str, typer.Argument(help="policy, anchors, receipts or recipients.")],
    content: Annotated[list[Path], typer.Argument(help="Policy (JSON), certificates, public keys; see docs.")],
    campaign_key: CampaignKey,
    out_file: Annotated[Path, typer.Option("--out", help="The bundle to write; never over a file.")],
    after: Annotated[
        Path | None, typer.Option(help="The bundle that this one follows: the version is one higher.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Instead of --after, for a first bundle: 1.")] = None,
    days: Annotated[float, typer.Option(min=0.01, max=3660, help="Expires after so many days.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Ký gói · Sign a bundle. A version that is not above the one of --after is refused."""
    from collector import bundles  # noqa: PLC0415 # loads cryptography only here

    body = bundles.body_of(kind, [(path, read_file(path)) for path in content], days)
    before = None if after is None else (after, read_file(after))
    _print(bundles.sign(kind, body, campaign_key, out_file, bundles.Numbering(before, version), days), as_json=as_json)


@bundle_app.command("show")
@told
def show(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")], campaign: CampaignPublic, as_json: AsJson = False
) -> None:
    """Xem gói · Check a bundle's signature and print what it says."""
    from collector import bundles  # noqa: PLC0415

    _print(bundles.show(bundle, read_file(bundle), read_file(campaign)), as_json=as_json)


def _print(told_of: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(told_of)
        return
    for key, value in told_of.items():
        for line in value if isinstance(value, list) else [value]:
            out.print(f"{key:<10} {escape(str(line))}", soft_wrap=True)
