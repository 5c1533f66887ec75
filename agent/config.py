"""The kiosk's one configuration file: TOML, checked in full before anything starts.

The file says where things are and what is plugged in. What counts as good enough (gates, fingers, notice) comes from
the signed policy bundle and cannot be set here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from agent.words import KioskError, Words

DEFAULT_PATH = Path("/etc/kiosk/kiosk.toml")
DEFAULT_SOCKET = Path("/run/kiosk/kiosk.sock")
DEFAULT_MODELS = Path("/usr/share/kiosk/models")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Address = Annotated[str, StringConstraints(pattern=r"^[^\s:]+:[0-9]{1,5}$")]


class Section(BaseModel):
    """A table of the file: unknown keys and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class KioskSection(Section):
    """Who this kiosk is and where it keeps its data."""

    name: Name
    station: str = Field(min_length=1, max_length=100)
    data_folder: Path = Field(default=Path("/var/lib/kiosk"), strict=False)
    socket: Path = Field(default=DEFAULT_SOCKET, strict=False)
    development: bool = False
    log_format: Literal["auto", "json", "pretty"] = "auto"


class CardSection(Section):
    """The chip-card reader. `reader` is a part of its PC/SC name; empty takes the first one.

    `return_s` is how long a card that was lifted while it was read may take to come back.
    """

    reader: str = ""
    wait_s: float = Field(default=60, gt=0, le=600)
    read_s: float = Field(default=30, gt=0, le=120)
    return_s: float = Field(default=10, ge=0, le=60)


class CameraSection(Section):
    """The camera: a V4L2 index or /dev path; a URL is allowed only with kiosk.development = true.

    `largest_still` takes the portrait itself in the camera's largest mode, where that is larger than width x height.
    """

    source: int | str = 0
    width: int = Field(default=1280, ge=640, le=4096)
    height: int = Field(default=720, ge=480, le=3072)
    fps: int = Field(default=30, ge=5, le=60)
    largest_still: bool = True
    wait_s: float = Field(default=60, gt=0, le=600)


class PadSection(Section):
    """The fingerprint pad. Resolutions are calibration values of this one device, in pixels per inch.

    `wait_s` is for each finger, all its attempts together. `address` (host:port) belongs to the USB/IP backend, which
    only development may load. With the backend libfprint, `driver` is its name of one; empty takes the first reader.
    """

    backend: Literal["libusb", "libfprint", "usbip"] = "libusb"
    address: Address | Literal[""] = ""
    driver: str = Field(default="", pattern="^[a-z0-9_]*$", max_length=40)
    x_ppi: float = Field(default=512, ge=250, le=1100)
    y_ppi: float = Field(default=512, ge=250, le=1100)
    wait_s: float = Field(default=60, gt=0, le=600)


class RosterSection(Section):
    """The roster file of this station (CSV)."""

    file: Path = Field(default=Path("/etc/kiosk/roster.csv"), strict=False)


class TrustSection(Section):
    """Keys and bundles: campaign.pem, bundles/*.bundle, record.key and tls/ lie in this folder."""

    folder: Path = Field(default=Path("/etc/kiosk/trust"), strict=False)


class KeysSection(Section):
    """Where the record key lives (docs/keys.md): a file in the trust folder, a PKCS#11 token, or the TPM 2.0.

    The PIN comes from `pin_file` (0600) or from systemd's credential `pin_credential`, never from here.
    """

    kind: Literal["file", "pkcs11", "tpm"] = "file"
    name: Name = "record"
    wait_s: float = Field(default=10, gt=0, le=60)
    pin_file: Path | None = Field(default=None, strict=False)
    pin_credential: str = ""
    module: Path | None = Field(default=None, strict=False)
    token: str = ""
    serial: str = ""
    label: str = "kiosk-record"
    device: Path = Field(default=Path("/dev/tpmrm0"), strict=False)

    @model_validator(mode="after")
    def _token_is_complete(self) -> KeysSection:
        if self.kind == "pkcs11" and not (self.module and self.token and (self.pin_file or self.pin_credential)):
            raise ValueError('kind = "pkcs11" needs module, token and pin_file or pin_credential')
        return self


class CollectorSection(Section):
    """The central collector, as host:port. `enrolment_address` is its second port: enrolment, renewal, time.

    `fallbacks` are tried in their order while it does not answer; `back_to_first_s`: how long to stay with one of them
    before the first is looked at again. `proxy` is an HTTP proxy that lets CONNECT through.
    """

    address: Address
    enrolment_address: Address | Literal[""] = ""
    fallbacks: tuple[Address, ...] = Field(default=(), strict=False, max_length=8)
    back_to_first_s: float = Field(default=600, ge=10, le=86_400)
    proxy: str = Field(default="", pattern=r"^(http://[A-Za-z0-9.-]+:[0-9]{1,5})?$")


class QueueSection(Section):
    """Limits of the local queue. `max_folder_gib` = 0 takes what there is; `keep_free_mib` is left to all else."""

    segment_mib: int = Field(default=64, ge=16, le=1024)
    max_record_mib: int = Field(default=8, ge=1, le=64)
    keep_receipted_h: float = Field(default=72, ge=0, le=24 * 90)
    max_folder_gib: float = Field(default=0, ge=0)
    keep_free_mib: int = Field(default=0, ge=0)


class ModelsSection(Section):
    """Where `kiosk models install` put the model files."""

    folder: Path = Field(default=DEFAULT_MODELS, strict=False)


class Config(Section):
    """The whole file."""

    kiosk: KioskSection
    collector: CollectorSection
    card: CardSection = CardSection()
    camera: CameraSection = CameraSection()
    pad: PadSection = PadSection()
    roster: RosterSection = RosterSection()
    trust: TrustSection = TrustSection()
    keys: KeysSection = KeysSection()
    queue: QueueSection = QueueSection()
    models: ModelsSection = ModelsSection()

    @model_validator(mode="after")
    def _usbip_has_an_address(self) -> Config:
        if (self.pad.backend == "usbip") != bool(self.pad.address):
            raise ValueError('pad.address goes with pad.backend = "usbip", and only with it')
        return self

    @model_validator(mode="after")
    def _driver_is_libfprints(self) -> Config:
        if self.pad.driver and self.pad.backend != "libfprint":
            raise ValueError('pad.driver goes with pad.backend = "libfprint", and only with it')
        return self

    @model_validator(mode="after")
    def _mock_transports_only_in_development(self) -> Config:
        if self.kiosk.development:
            return self
        if self.pad.driver.startswith("virtual_"):
            raise ValueError("pad.driver may be a virtual one only with kiosk.development = true")
        if self.pad.backend == "usbip":
            raise ValueError('pad.backend = "usbip" needs kiosk.development = true')
        if isinstance(self.camera.source, str) and not self.camera.source.startswith("/dev/"):
            raise ValueError("camera.source may be a URL only with kiosk.development = true")
        return self


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the file: the key, what is wrong, and what is allowed there."""

    key: str
    what: str
    allowed: str


class ConfigError(KioskError):
    """The configuration file is missing or wrong; `problems` lists every fault."""

    code = "config.invalid"
    words = Words("Tệp cấu hình không hợp lệ.", "The configuration file is not valid.")
    remedy = Words(
        "Sửa các mục được liệt kê rồi chạy `kiosk config check`.",
        "Correct the listed keys, then run `kiosk config check`.",
    )

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        lines = "; ".join(
            f"{p.key}: {p.what} (allowed: {p.allowed})" if p.allowed else f"{p.key}: {p.what}" for p in problems
        )
        super().__init__(f"{path}: {lines}")
        self.path = path
        self.problems = problems


def load_config(path: Path) -> Config:
    """Read and check the file; relative paths in it are relative to its folder.

    Raises ConfigError naming the file, each wrong key and what is allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            path, [Problem("file", error.strerror or "cannot be read", "a readable TOML file")]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [Problem("file", f"not TOML: {error}", "TOML 1.0, UTF-8")]) from error
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(path, [_problem(detail) for detail in error.errors()]) from error
    return _absolute(config, path.resolve().parent)


def _problem(detail: ErrorDetails) -> Problem:
    key = ".".join(str(step) for step in detail["loc"]) or "file"
    return Problem(key, detail["msg"], _allowed(detail))


def _allowed(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "one of " + ", ".join(_keys_at(detail["loc"][:-1]))
    field = _field(detail["loc"])
    if field is None:
        return ""
    limits = [str(limit) for limit in field.metadata]
    kind = getattr(field.annotation, "__name__", str(field.annotation))
    return ", ".join([kind, *limits])


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    section: type[BaseModel] = Config
    for step in loc:
        annotation = section.model_fields[str(step)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)


def _field(loc: tuple[str | int, ...]) -> FieldInfo | None:
    if len(loc) < 2 or str(loc[0]) not in Config.model_fields:
        return Config.model_fields.get(str(loc[0])) if loc else None
    annotation = Config.model_fields[str(loc[0])].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields.get(str(loc[1]))
    return None


def _absolute(config: Config, base: Path) -> Config:
    def at(path: Path) -> Path:
        return path if path.is_absolute() else base / path

    return config.model_copy(
        update={
            "kiosk": config.kiosk.model_copy(
                update={"data_folder": at(config.kiosk.data_folder), "socket": at(config.kiosk.socket)}
            ),
            "roster": config.roster.model_copy(update={"file": at(config.roster.file)}),
            "trust": config.trust.model_copy(update={"folder": at(config.trust.folder)}),
            "keys": config.keys.model_copy(
                update={
                    "pin_file": config.keys.pin_file and at(config.keys.pin_file),
                    "module": config.keys.module and at(config.keys.module),
                }
            ),
            "models": config.models.model_copy(update={"folder": at(config.models.folder)}),
        }
    )
