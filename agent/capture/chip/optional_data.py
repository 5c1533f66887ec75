"""What a document says beyond its zone and portrait, where a policy asks for it: DG7, DG11, DG12, DG16."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.capture.chip.faces import FaceImage
from agent.capture.chip.travel_groups import (
    Details,
    PersonToNotify,
    parse_dg7,
    parse_dg11,
    parse_dg12,
    parse_dg16,
)

OPTIONAL_GROUPS = frozenset({7, 11, 12, 16})
_NOTHING = Details({})


@dataclass(frozen=True, slots=True)
class OptionalData:
    """The parsed groups; empty for those that were not read. All of it is personal."""

    signatures: tuple[FaceImage, ...] = field(repr=False, default=())
    personal: Details = field(repr=False, default=_NOTHING)
    document: Details = field(repr=False, default=_NOTHING)
    to_notify: tuple[PersonToNotify, ...] = field(repr=False, default=())

    @classmethod
    def parse(cls, groups: Mapping[int, bytes]) -> OptionalData:
        """Parse those of the four groups that are there; raise ChipDataError."""
        return cls(
            signatures=parse_dg7(groups[7]) if 7 in groups else (),
            personal=parse_dg11(groups[11]) if 11 in groups else _NOTHING,
            document=parse_dg12(groups[12]) if 12 in groups else _NOTHING,
            to_notify=parse_dg16(groups[16]) if 16 in groups else (),
        )

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what a technician is shown: name of the item by the standard, and its text."""
        if self.signatures:
            yield "DG7 displayed_signatures", str(len(self.signatures))
        yield from ((f"DG11 {name}", text) for name, text in self.personal.texts.items())
        yield from ((f"DG12 {name}", text) for name, text in self.document.texts.items())
        for person in self.to_notify:
            yield "DG16 person_to_notify", ", ".join(filter(None, (person.name, person.telephone, person.address)))
