"""What the tests of all hardware keys share: a PIN file, and a signature checked by an independent library."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from agent.sealing.hardware_key import HardwareRecordKey

PIN, OTHER_PIN = "482915", "111111"
WAIT_S = 60.0


def write_pin(folder: Path, pin: str) -> None:
    """Write the PIN file `<folder>/pin`, 0600."""
    path = folder / "pin"
    path.touch(mode=0o600)
    path.write_text(f"{pin}\n")


def verify(key: HardwareRecordKey, data: bytes) -> None:
    """Sign and check: raw r || s, 64 bytes, over SHA-256 of the data."""
    signature = key.sign(data)
    assert len(signature) == 64
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    key.public_key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
