"""One conversation over PC/SC by pyscard's low-level interface: JSON in, JSON out; a program, not a test."""

from __future__ import annotations

import json
import sys
import time

from smartcard import scard

GUARD_S = 20.0


def main() -> None:
    """Wait for a card (or its absence), send the APDUs, print states and answers."""
    order = json.load(sys.stdin)
    context = _connected_context()
    name = scard.SCardListReaders(context, [])[1][0]
    wanted = scard.SCARD_STATE_EMPTY if order.get("empty") else scard.SCARD_STATE_PRESENT
    seen: dict[str, object] = {"reader": name, "reached": _wait(context, name, wanted), "answers": []}
    if order.get("apdus"):
        seen["answers"] = _answers(context, name, order["apdus"])
    print(json.dumps(seen))


def _connected_context() -> int:
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code:
        sys.exit(scard.SCardGetErrorMessage(code))
    return int(context)


def _wait(context: int, name: str, wanted: int) -> bool:
    deadline = time.monotonic() + GUARD_S
    state = scard.SCARD_STATE_UNAWARE
    while time.monotonic() < deadline:
        _, [(_, state, _)] = scard.SCardGetStatusChange(context, 500, [(name, state)])
        if state & wanted:
            return True
        state &= ~scard.SCARD_STATE_CHANGED
    return False


def _answers(context: int, name: str, apdus: list[str]) -> list[str]:
    code, card, protocol = scard.SCardConnect(
        context, name, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    )
    if code:
        return [f"connect {code & 0xFFFFFFFF:08x}"]
    pci = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
    answers = []
    for apdu in apdus:
        code, answer = scard.SCardTransmit(card, pci, list(bytes.fromhex(apdu)))
        answers.append(f"error {code & 0xFFFFFFFF:08x}" if code else bytes(answer).hex())
    return answers


if __name__ == "__main__":
    main()
