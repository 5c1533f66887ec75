"""A whole chip read, against the same number of bare command round trips through the same pcscd."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from firmware_mocks.card_reader import CardReader as MockReader

from agent.capture.chip import CardAccessNumber, ChipPolicy, TrustAnchors, read_chip
from agent.devices.smartcard import CardReader
from bench.measure import Figure, median_ms

RUNS = 15
WITHIN_S = 20.0
SELECT_MISSING = bytes.fromhex("00A4020C020000")


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the whole read of the mock citizen card: PACE, SOD, DG1, DG2, DG13, passive authentication."""
    with MockReader(folder / "reader") as mock:
        os.environ["PCSCLITE_CSOCK_NAME"] = str(mock.socket)
        card = mock.insert(None, "--csca-folder", str(folder / "csca"))
        can = CardAccessNumber.from_number(card.number)
        anchors = TrustAnchors.from_der([(folder / "csca" / "csca.der").read_bytes()])
        apdus = 0

        def read() -> None:
            nonlocal apdus
            with CardReader().wait_for_card(time.monotonic() + WITHIN_S, Event()) as link:
                result = read_chip(
                    link,
                    can,
                    card.number,
                    anchors,
                    ChipPolicy(),
                    lambda _: None,
                    deadline=time.monotonic() + WITHIN_S,
                    cancelled=Event(),
                )
            apdus = int(result.evidence.facts["apdus"])

        read_ms = median_ms(read, RUNS)

        def bare() -> None:
            with CardReader().wait_for_card(time.monotonic() + WITHIN_S, Event()) as link:
                for _ in range(apdus):
                    link.transmit(SELECT_MISSING)

        yield Figure("whole chip read", read_ms, f"{apdus} bare round trips", median_ms(bare, RUNS), RUNS)
