"""docs/policy.md against the policy that is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from agent.intake.policy import Policy

DOCUMENT = Path(__file__).parents[2] / "docs" / "policy.md"


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Return the keys of a section and of those inside it, with dots."""
    for name, field in model.model_fields.items():
        inside = list(sections(field.annotation))
        if not inside or before + name in ("liveness", "portrait.gates"):
            yield before + name
        if before + name == "portrait.gates":
            continue  # its keys are the measures of docs/portrait.md
        for section in inside:
            yield from keys(section, f"{before}{name}.")


def sections(annotation: Any) -> Iterator[type[BaseModel]]:  # whatever a field is annotated with
    """Return the sections that a field's annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from sections(argument)


def test_the_document_tells_exactly_the_keys_that_are_read() -> None:
    """No key is missing, none is made up."""
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = [key for row in rows for key in re.findall(r"`([a-z0-9_.]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(keys(Policy))
