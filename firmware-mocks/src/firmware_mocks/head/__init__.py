"""Pictures of made-up subjects: a head as a mesh, rendered from one photograph, with the truth about each picture.

Renderer(Camera()).render(Subject(yaw=20)) gives a Picture; present(renderer, Attack(Subject())) a presentation attack.
"""

from firmware_mocks.head.attacks import Attack, Medium, present
from firmware_mocks.head.renderer import Picture, Renderer
from firmware_mocks.head.subject import Camera, Hair, Skin, Subject, Truth, Wall

__all__ = [
    "Attack",
    "Camera",
    "Hair",
    "Medium",
    "Picture",
    "Renderer",
    "Skin",
    "Subject",
    "Truth",
    "Wall",
    "present",
]
