"""Every check and every code, and the page of docs/doctor.md that lists them."""

from __future__ import annotations

from collections.abc import Iterator

from agent.diagnostics.check import Check, Family
from agent.diagnostics.families import (
    camera,
    card,
    machine,
    machine_disk,
    machine_heat,
    machine_log,
    machine_usb,
    network,
    network_rate,
    pad,
    queue,
    software,
    trust,
)
from agent.diagnostics.finding import Fault, Verdict
from agent.diagnostics.run import BROKEN, BROKEN_WORDS, TIMED_OUT, TIMED_OUT_WORDS
from agent.words import KioskError, Words

# Each of these adds its checks to a family.
MACHINE_PARTS, NETWORK_PARTS = (machine_disk, machine_heat, machine_log, machine_usb), (network_rate,)
FAMILIES: tuple[Family, ...] = (
    queue.FAMILY,
    software.FAMILY,
    trust.FAMILY,
    machine.FAMILY,
    network.FAMILY,
    card.FAMILY,
    camera.FAMILY,
    pad.FAMILY,
)
CHECKS: tuple[Check, ...] = tuple(check for family in FAMILIES for check in family.checks)


def page() -> str:
    """Return the lists of docs/doctor.md, in Markdown."""
    return "\n".join(_lines()) + "\n"


def main() -> None:
    """Print the lists, for docs/doctor.md."""
    print(page(), end="")


def _lines() -> Iterator[str]:
    yield "## Với mọi bước kiểm tra · With every check"
    yield ""
    yield from _table_head()
    for suffix, (cause, remedy) in ((TIMED_OUT, TIMED_OUT_WORDS), (BROKEN, BROKEN_WORDS)):
        yield _row(f"<check>.{suffix}", Verdict.ERROR, cause, remedy)
    for family in FAMILIES:
        yield ""
        yield f"## {family.title.vi} · {family.title.en} (`{family.name}`)"
        for check in family.checks:
            yield ""
            yield f"**`{check.code}`** {check.title.vi} · {check.title.en} (≤ {check.within_s:g} s)"
            if check.faults:
                yield ""
                yield from _table_head()
                yield from (_fault_row(fault) for fault in check.faults)


def _table_head() -> Iterator[str]:
    yield "| mã · code | | nguyên nhân · cause | cách xử lý · remedy |"
    yield "|---|---|---|---|"


def _fault_row(fault: Fault | type[KioskError]) -> str:
    if isinstance(fault, Fault):
        return _row(fault.code, fault.verdict, fault.cause, fault.remedy)
    return _row(fault.code, Verdict.ERROR, fault.words, fault.remedy)


def _row(code: str, verdict: Verdict, cause: Words, remedy: Words) -> str:
    return f"| `{code}` | {verdict} | {cause.vi}<br>{cause.en} | {remedy.vi}<br>{remedy.en} |"


if __name__ == "__main__":
    main()
