"""A citizen card as a program: `python -m firmware_mocks.chip_card --port 35963`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import typing
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from firmware_mocks.chip_card import faults
from firmware_mocks.chip_card.card import ATR, Card
from firmware_mocks.chip_card.chip import Chip
from firmware_mocks.chip_card.chip_keys import ActiveKind
from firmware_mocks.chip_card.documents import DOCUMENTS
from firmware_mocks.chip_card.issuer import CERTIFICATE_PEM
from firmware_mocks.chip_card.link import Field, NoReader
from firmware_mocks.chip_card.link_model import LinkModel
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import PortraitError, drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON, Person, ProfileError


def main(arguments: list[str] | None = None) -> int:
    """Lie on the virtual reader until removed; the exit status is 2 for unusable arguments, 3 without reader."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        chosen = faults.Faults.parse(options.fault)
        personalised = _personaliser(options)
        chip = personalised(chosen)
    except (faults.FaultError, ProfileError, PortraitError, OSError) as error:
        parser.error(str(error))
    card = Card(chip, chosen)
    field = Field(
        card,
        options.port,
        slow_ms=chosen.slow_ms,
        vanish_after=chosen.vanish_after,
        lost_at=chosen.lost_at,
        link=LinkModel(chosen.kbit_s),
        on_powered=lambda: _say(_ready(options, chip)),
    )
    if options.control:
        threading.Thread(target=_obey, args=(field, card, personalised), daemon=True).start()
    try:
        field.serve()
    except NoReader as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        pass
    return 0


Personalise = Callable[[faults.Faults], Chip]


def _personaliser(options: argparse.Namespace) -> Personalise:
    """Return what makes the card of one person with any faults."""
    person = Person.from_json(options.profile.read_text("utf-8")) if options.profile else DEFAULT_PERSON
    jpeg = options.portrait.read_bytes() if options.portrait else drawn_portrait(int(person.number))
    document, kind = DOCUMENTS[options.document], options.active_authentication
    return lambda chosen: personalise(person, jpeg, options.csca_folder, chosen, kind, document)


def _ready(options: argparse.Namespace, chip: Chip) -> dict[str, object]:
    person = Person.from_json(options.profile.read_text("utf-8")) if options.profile else DEFAULT_PERSON
    return {
        "ready": "chip-card",
        "port": options.port,
        "atr": ATR.hex(),
        "number": person.number,
        "can": person.can,
        "mrz_information": chip.passwords.mrz_information,
        "csca": str(options.csca_folder / CERTIFICATE_PEM),
    }


def _say(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


def _obey(field: Field, card: Card, personalised: Personalise) -> None:
    """Lines on standard input move and change the card; its end means that whoever started us is gone."""
    for line in sys.stdin:
        match line.split():
            case ["remove"]:
                field.leave()
            case ["insert"]:
                field.come_back()
            case ["report"]:
                _say({"report": asdict(field.report)})
            case ["fault", *words]:
                _change(field, card, personalised, words)
    field.end()


def _change(field: Field, card: Card, personalised: Personalise, words: list[str]) -> None:
    """Give the card these faults instead of those it has, at once; none makes it sound."""
    try:
        chosen = faults.Faults.parse(words)
    except faults.FaultError as error:
        _say({"error": str(error)})
        return
    card.become(personalised(chosen), chosen)
    field.suffer(
        slow_ms=chosen.slow_ms,
        vanish_after=chosen.vanish_after,
        lost_at=chosen.lost_at,
        link=LinkModel(chosen.kbit_s),
    )
    _say({"fault": words})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mock-chip-card", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the port vpcd listens on")
    parser.add_argument("--profile", type=Path, help="the person as JSON; default: a made-up one")
    parser.add_argument("--portrait", type=Path, help="JPEG for DG2; default: a drawn one")
    parser.add_argument(
        "--csca-folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "mock-csca",
        help="where the CSCA is kept and reused",
    )
    parser.add_argument(
        "--active-authentication", choices=typing.get_args(ActiveKind), default="ecdsa", help="the key in DG15"
    )
    parser.add_argument("--document", choices=tuple(DOCUMENTS), default="cccd", help="the kind of document")
    parser.add_argument("--fault", action="append", default=[], help="one of: " + ", ".join(faults.NAMES))
    parser.add_argument(
        "--control",
        action="store_true",
        help="obey the lines 'remove', 'insert', 'fault WORD ...' and 'report' on standard input, leave at its end",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
