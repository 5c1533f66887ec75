"""The collector's configuration: one TOML file beside its keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from collector.errors import ConfigInvalid

FILE_NAME = "collector.toml"
PATHS = ("store", "keys", "tls", "issuing_certificate", "issuing_key", "bundles", "anchors")
# As a keyword, in a URI's query, or between user and host.
_PASSWORD = re.compile(r"\bpassword\s*=|^\w+://[^/@?]*:[^/@?]*@")


class CollectorConfig(BaseModel):
    """All keys; paths are relative to the file's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")
    address: str = Field(pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")
    # The second port, without client certificates: enrolment, renewal, time. Empty: there is none.
    enrolment_address: str = Field(default="", pattern=r"^([A-Za-z0-9.-]+:[0-9]{1,5})?$")
    development: bool = False
    # The CA that issues kiosks' certificates, with those between it and a root of tls/ca.pem; not a root itself.
    issuing_certificate: Path = Path("tls/issuing.pem")
    issuing_key: Path = Path("tls/issuing.key")
    certificate_days: float = Field(default=7, ge=1, le=90)
    # A kiosk that was offline may renew for so long after its certificate expired.
    renewal_grace_days: float = Field(default=60, ge=0, le=365)
    store: Path = Path("store")
    # A PostgreSQL connection string in place of the folder `store`; the password is for ~/.pgpass or a service file.
    database: str = ""
    database_connections: int = Field(default=4, ge=1, le=64)
    keys: Path = Path("keys")
    tls: Path = Path("tls")
    anchors: Path = Path("anchors")
    # Bundles that a kiosk gets when it enrols, and over the network when its own are older.
    bundles: Path = Path("bundles")
    # Empty: no metrics. Only the loopback: whoever scrapes from elsewhere needs a guarded way in.
    metrics_address: str = Field(default="", pattern=r"^((127\.0\.0\.1|localhost):[0-9]{1,5})?$")
    max_records_in_flight: int = Field(default=8, ge=1, le=1000)
    max_bytes_in_flight: int = Field(default=32 * 2**20, ge=2**20, le=2**30)
    max_record_bytes: int = Field(default=16 * 2**20, ge=2**16, le=64 * 2**20)

    @field_validator("database")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if _PASSWORD.search(value):
            raise ValueError("no password here: use ~/.pgpass or a service file")
        return value


def load_config(path: Path) -> CollectorConfig:
    """Read and check the file (or `collector.toml` in a folder); raise ConfigInvalid naming file and key."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        config = check_config(str(file), tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigInvalid(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{file}: {error}") from error
    folder = file.resolve().parent
    return config.model_copy(update={name: folder / getattr(config, name) for name in PATHS})


def check_config(source: str, values: Mapping[str, object]) -> CollectorConfig:
    """Check keys and values; raise ConfigInvalid naming `source` and each wrong key."""
    try:
        return CollectorConfig.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigInvalid(f"{source}: {faults}") from error
