"""A collector with its second port on the loopback, set up for real, and kiosks that come to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from agent.enrolment import Enrolled, Renewal, TimeFloor, TlsFolder, enrol
from agent.enrolment.second_port import SecondPort, second_port
from agent.enrolment.tunnel import ByRoots
from agent.proto.enrolment import EnrolmentServicer
from agent.sealing import FileSigningKey, ReceiptKeys
from collector import kiosk_list
from collector.admission import Admission
from collector.config import CollectorConfig, load_config
from collector.embedded_registry import EmbeddedRegistry
from collector.enrolment import EnrolmentService, Terms
from collector.enrolment_server import bundles_in, open_enrolment_server
from collector.issuing import Issuer
from collector.server import open_server
from collector.setup import Plan, set_up
from tests.collector.world import KIOSK, World, free_port
from tests.uplink.kiosk import Loop

DAY_NS = 86_400 * 10**9
POLICY = b"{}"


@dataclass(slots=True)
class Clock:
    """A wall clock that the test sets; it stands still."""

    now_ns: int = field(default_factory=time.time_ns)

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ns

    def forward(self, days: float) -> None:
        """Let days pass."""
        self.now_ns += round(days * DAY_NS)


@dataclass(slots=True)
class Centre:
    """Folder, configuration and clock of a collector; `serving` runs its ports in this process."""

    folder: Path
    config: CollectorConfig
    loop: Loop
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def make(cls, folder: Path, loop: Loop, kiosks: tuple[str, ...] = ()) -> Centre:
        """Set a collector up, with no kiosk but these."""
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        plan = Plan(folder / "collector", folder / "trust", "centre", addresses[0], kiosks, (), POLICY, True)
        set_up(replace(plan, enrolment_address=addresses[1]))
        return cls(folder, load_config(folder / "collector"), loop)

    @property
    def world(self) -> World:
        """The same, for the helpers of other tests."""
        return World(self.folder, self.config)

    @property
    def issuer(self) -> Issuer:
        """The CA for kiosks."""
        config = self.config
        return Issuer.load(
            config.issuing_certificate, config.issuing_key, config.tls / "ca.pem", config.certificate_days
        )

    def token(self, kiosk: str = KIOSK, hours: float = 24) -> str:
        """Put a kiosk on the list and issue a token."""
        kiosk_list.add(self.config, kiosk)
        return kiosk_list.issue_token(self.config, kiosk, "a test", hours)

    def actions(self) -> list[str]:
        """Return the actions in the audit log, oldest first."""
        return [row["action"] for row in reversed(kiosk_list.log_rows(self.config, 1000))]

    @contextmanager
    def serving(self, servicer: EnrolmentServicer | None = None) -> Iterator[None]:
        """Serve the second port as `collector serve` does, with the test's clock."""
        config = self.config
        with ExitStack() as stack:
            if servicer is None:
                registry = stack.enter_context(EmbeddedRegistry(config.store))
                terms = Terms(config.name, config.renewal_grace_days, lambda: bundles_in(config.bundles))
                receipt_key = FileSigningKey.load(config.keys / "receipt.key")
                servicer = EnrolmentService(terms, registry, self.issuer, receipt_key, clock_ns=self.clock)
                stack.callback(servicer.close)
            server = self.loop.call(open_enrolment_server(config, servicer))
            stack.callback(lambda: self.loop.call(server.stop(0)))
            yield

    @contextmanager
    def taking_records(self) -> Iterator[None]:
        """Serve the first port, with admission, as `collector serve` does."""
        with ExitStack() as stack:
            store = stack.enter_context(self.world.store())
            service = self.world.service(store)
            stack.callback(service.close)
            registry = stack.enter_context(EmbeddedRegistry(self.config.store))
            admission = Admission(registry, self.clock, watch_every_s=0.05)
            server = self.loop.call(open_server(self.config, service, admission))
            stack.callback(lambda: self.loop.call(server.stop(0)))
            yield


@dataclass(slots=True)
class NewKiosk:
    """A kiosk with nothing but the campaign's public key."""

    centre: Centre
    trust: Path
    name: str = KIOSK

    @classmethod
    def make(cls, centre: Centre, name: str = KIOSK) -> NewKiosk:
        """Give a kiosk its folder."""
        trust = centre.folder / f"new-{name}"
        trust.mkdir()
        (trust / "campaign.pem").write_bytes((centre.folder / "collector/campaign/campaign.pem").read_bytes())
        return cls(centre, trust, name)

    @property
    def tls(self) -> TlsFolder:
        """Its TLS files."""
        return TlsFolder(self.trust / "tls")

    def enrol(self, token: str) -> Enrolled:
        """Enrol at the centre's second port."""
        return enrol(self.trust, self.name, self.centre.config.enrolment_address, token, Event())

    def renewal(self, floor: TimeFloor | None = None, **more: object) -> Renewal:
        """Return what renews its certificate, by the centre's clock."""
        receipt = FileSigningKey.load(self.centre.config.keys / "receipt.key")
        usual = {
            "wall_ns": self.centre.clock,
            "jitter": lambda: 0.0,
            "receipt_keys": ReceiptKeys.of(receipt.public_key),
        }
        return Renewal(
            kiosk=self.name,
            address=self.centre.config.enrolment_address,
            folder=self.tls,
            floor=floor or TimeFloor(self.trust / "time.json"),
            **(usual | more),  # type: ignore[arg-type] # its keywords
        )

    @contextmanager
    def second_port(self) -> Iterator[SecondPort]:
        """Connect to the centre's second port by the roots that it has."""
        with second_port(self.centre.config.enrolment_address, ByRoots(self.tls.roots, 0), Event()) as port:
            yield port

    def copy_to(self, folder: Path) -> NewKiosk:
        """Return a kiosk with a copy of these files: a cloned disk."""
        folder.mkdir()
        for path in self.trust.rglob("*"):
            if path.is_file():
                target = folder / path.relative_to(self.trust)
                target.parent.mkdir(exist_ok=True, mode=0o700)
                handle = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(path.read_bytes())
        return NewKiosk(self.centre, folder, self.name)
