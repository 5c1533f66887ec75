"""A network camera: MJPEG over HTTP, from a picture or a made-up subject."""

from firmware_mocks.camera.errors import CameraError
from firmware_mocks.camera.mock import CameraMock
from firmware_mocks.camera.subjects import SUBJECTS

__all__ = ["SUBJECTS", "CameraError", "CameraMock"]
