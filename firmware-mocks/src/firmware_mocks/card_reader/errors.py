"""Why there is no mock reader."""

from __future__ import annotations


class ReaderError(Exception):
    """The mock reader or a card on it did not come up; the text says why."""


class NotInstalled(ReaderError):
    """Programs of the operating system are missing; `packages` names the apt packages that bring them."""

    def __init__(self, missing: list[str], packages: list[str]) -> None:
        command = f"apt-get install --no-install-recommends {' '.join(packages)}"
        super().__init__(f"missing: {', '.join(missing)}; try: {command}")
        self.packages = tuple(packages)
