"""The portraits in DG2 (Doc 9303-10, 4.7.2): ISO/IEC 19794-5:2005 and ISO/IEC 39794-5, JPEG and JPEG 2000."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.capture.chip import tlv
from agent.capture.chip.errors import ChipDataError

MAX_FACES = 9
FACIAL_HEADER_BYTES = 14
FACE_INFORMATION_BYTES = 20
FEATURE_POINT_BYTES = 8
IMAGE_INFORMATION_BYTES = 12
MAX_FEATURE_POINTS = 1000
_IMAGE_TYPES = {0: "image/jpeg", 1: "image/jp2"}
_MAGICS = {"image/jpeg": (b"\xff\xd8\xff",), "image/jp2": (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")}


@dataclass(frozen=True, slots=True)
class FaceImage:
    """A portrait as the chip holds it: `media_type` is image/jpeg or image/jp2."""

    media_type: str
    data: bytes = field(repr=False)


def parse_faces(data: bytes) -> tuple[FaceImage, ...]:
    """Return all portraits of DG2 in their order, at least one; raise ChipDataError."""
    faces: list[FaceImage] = []
    for item in tlv.items(tlv.need(tlv.only(data, 0x75), 0x7F61)):
        if item.tag != 0x7F60:
            continue
        faces += _template(item.value)
        if len(faces) > MAX_FACES:
            raise ChipDataError(f"DG2 holds more than {MAX_FACES} portraits")
    if not faces:
        raise ChipDataError("DG2 has no biometric data block")
    return tuple(faces)


def _template(template: bytes) -> list[FaceImage]:
    record = tlv.find(template, 0x5F2E) or tlv.find(template, 0x7F2E)
    if record is None:
        raise ChipDataError("DG2 has no biometric data block")
    if record.startswith(b"FAC\x00"):
        return _faces(record)
    return _extensible(record)


def _faces(record: bytes) -> list[FaceImage]:
    """Return the faces of an ISO/IEC 19794-5:2005 record (5.4 to 5.7), one after the other."""
    if record[:8] != b"FAC\x00010\x00" or len(record) < FACIAL_HEADER_BYTES + FACE_INFORMATION_BYTES:
        raise ChipDataError("DG2 is not ISO/IEC 19794-5:2005")
    total, count = int.from_bytes(record[8:12]), int.from_bytes(record[12:14])
    if total > len(record) or not 1 <= count <= MAX_FACES:
        raise ChipDataError("DG2 claims more than it holds")
    faces, rest = [], record[FACIAL_HEADER_BYTES:]
    for _ in range(count):
        face, rest = _face(rest)
        faces.append(face)
    return faces


def _face(face: bytes) -> tuple[FaceImage, bytes]:
    """Return one face and what follows it."""
    length, points = int.from_bytes(face[:4]), int.from_bytes(face[4:6])
    image_at = FACE_INFORMATION_BYTES + points * FEATURE_POINT_BYTES
    if points > MAX_FEATURE_POINTS or not image_at + IMAGE_INFORMATION_BYTES < length <= len(face):
        raise ChipDataError("DG2 claims more than it holds")
    media_type = _IMAGE_TYPES.get(face[image_at + 1])
    image = face[image_at + IMAGE_INFORMATION_BYTES : length]
    if media_type is None or not image.startswith(_MAGICS[media_type]):
        raise ChipDataError("DG2 holds no JPEG or JPEG 2000")
    return FaceImage(media_type, image), face[length:]


def _extensible(record: bytes) -> list[FaceImage]:
    """Return the images of an ISO/IEC 39794-5 block (annex A; Doc 9303-10, 4.7.2.2), walked down its tags.

    A1? { 65 { A0 version, A1 { 30 { A0 id, A1 { A0 { A0 { 80 image, A1 information } } } } ... } } }
    """
    block = tlv.need(tlv.find(record, 0xA1) or record, 0x65)
    faces: list[FaceImage] = []
    for item in tlv.items(tlv.need(block, 0xA1)):
        if item.tag != 0x30 or len(faces) == MAX_FACES:
            raise ChipDataError("DG2 is not ISO/IEC 39794-5")
        # Two choices, of an image and of a flat one, and in it the image's bytes.
        flat = tlv.need(tlv.need(tlv.need(item.value, 0xA1), 0xA0), 0xA0)
        faces.append(_recognised(tlv.need(flat, 0x80)))
    return faces


def _recognised(image: bytes) -> FaceImage:
    for media_type, magics in _MAGICS.items():
        if image.startswith(magics):
            return FaceImage(media_type, image)
    raise ChipDataError("DG2 holds no JPEG or JPEG 2000")
