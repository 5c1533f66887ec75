"""What checks look at: configuration, daemon, machine, and what the operator asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

from agent.config import Config
from agent.diagnostics.limits import Limits, SeeOther, Shared
from agent.diagnostics.system import System
from agent.words import KioskError

# What the daemon tells is JSON; the checks pick out what they judge.
Json = Mapping[str, Any]
T = TypeVar("T")


class RunningDaemon(Protocol):
    """The daemon, asked over its socket; every method may raise KioskError."""

    def status(self) -> Json:
        """Kiosk, queue and uplink."""
        ...

    def device_use(self) -> Json:
        """`visit_open`, and which devices the daemon holds."""
        ...

    def camera(self) -> Json:
        """Return what its camera gives now: the fields of agent.diagnostics.camera_sample.CameraSample."""
        ...

    def camera_picture(self) -> bytes:
        """One picture of its camera, PNG."""
        ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asked for: a card's CAN for the self-test, a folder for test pictures."""

    can: str = field(default="", repr=False)
    out: Path | None = None


class Context:
    """Everything for one run. `config` and `daemon` are the error when they cannot be had."""

    def __init__(
        self,
        config_path: Path,
        config: Config | KioskError,
        daemon: RunningDaemon | KioskError,
        system: System | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self.config_path = config_path
        self._config, self._daemon = config, daemon
        self.system, self.wishes = system or System(), wishes or Wishes()
        self._status = Shared("software.daemon", lambda _: self._running().status())
        self._use = Shared("software.daemon", lambda _: self._running().device_use())
        self._measured: dict[str, Shared[Any]] = {}
        self._lock = Lock()

    def config(self, limits: Limits) -> Config:
        """Return the configuration. Raises SeeOther, or ConfigError where nobody else tells it."""
        if not isinstance(self._config, Config):
            if limits.check != "software.config" and "software.config" in limits.selected:
                raise SeeOther("software.config")
            raise self._config
        return self._config

    @property
    def daemon(self) -> RunningDaemon | None:
        """The daemon, or None when none answers."""
        return None if isinstance(self._daemon, KioskError) else self._daemon

    @property
    def why_no_daemon(self) -> KioskError | None:
        """Why none answers."""
        return self._daemon if isinstance(self._daemon, KioskError) else None

    def status(self, limits: Limits) -> Json | None:
        """Return what the daemon tells; None without a daemon. Raises SeeOther, KioskError or TimedOut."""
        return None if self.daemon is None else self._status.get(limits)

    def measured(self, owner: str, make: Callable[[Limits], T], within_s: float) -> Shared[T]:
        """Return the measurement that this check owns, one for all who look at it."""
        with self._lock:
            return self._measured.setdefault(owner, Shared(owner, make, within_s))

    def visit_open(self, limits: Limits) -> bool:
        """Say whether a person is being taken in now."""
        return self.daemon is not None and bool(self._use.get(limits).get("visit_open"))

    def _running(self) -> RunningDaemon:
        if isinstance(self._daemon, KioskError):
            raise self._daemon
        return self._daemon
