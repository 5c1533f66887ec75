"""The sheet or screen of an attack in space: flat or bent round an upright cylinder, turned and moved."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.anatomy import turn
from firmware_mocks.head.raster import project
from firmware_mocks.head.subject import Camera

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hit:
    """Where the rays of a window of the picture meet the surface.

    `left`, `top` place the window; `u`, `v` are millimetres along the surface from its middle (NaN where the ray
    misses), `angle` how far round the cylinder (radians, 0 on a flat one).
    """

    left: int
    top: int
    u: Floats = field(repr=False)
    v: Floats = field(repr=False)
    angle: Floats = field(repr=False)


@dataclass(frozen=True, slots=True)
class Surface:
    """A surface of `size_mm` (width, height) with its middle at `at_mm` from the camera, turned by degrees.

    `radius_mm` bends it round an upright cylinder, its middle nearest to the camera; None is flat.
    """

    size_mm: tuple[float, float]
    at_mm: tuple[float, float, float]
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    radius_mm: float | None = None

    @property
    def rotation(self) -> NDArray[np.float64]:
        """The surface's rotation, 3 x 3."""
        return turn(self.yaw, self.pitch, self.roll)

    def to_camera(self, plane_mm: NDArray[np.floating]) -> Floats:
        """Take places along the surface (N x 2 mm from its middle) to camera coordinates (N x 3 mm)."""
        u, v = plane_mm[:, 0].astype(np.float64), plane_mm[:, 1].astype(np.float64)
        if self.radius_mm is None:
            local = np.column_stack([u, v, np.zeros_like(u)])
        else:
            angle = u / self.radius_mm
            local = np.column_stack([self.radius_mm * np.sin(angle), v, self.radius_mm * (1 - np.cos(angle))])
        return np.asarray(local @ self.rotation.T + np.array(self.at_mm), np.float32)

    def normals(self, angle: Floats) -> Floats:
        """Return the unit normals towards the camera's side at angles round the cylinder."""
        local = np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=-1)
        return np.asarray(local @ self.rotation.T.astype(np.float32), np.float32)

    def hit(self, camera: Camera) -> Hit | None:
        """Follow the camera's rays to the surface; None when it is outside the picture."""
        window = self._window(camera)
        if window is None:
            return None
        left, top, right, bottom = window
        x = (np.arange(left, right, dtype=np.float32) - np.float32(camera.centre[0])) / np.float32(camera.focal)
        y = (np.arange(top, bottom, dtype=np.float32) - np.float32(camera.centre[1])) / np.float32(camera.focal)
        back = self.rotation.T.astype(np.float32)
        rays = [back[i, 0] * x[None, :] + back[i, 1] * y[:, None] + back[i, 2] for i in range(3)]
        origin = -(self.rotation.T @ np.array(self.at_mm)).astype(np.float32)
        u, v, angle = self._flat(rays, origin) if self.radius_mm is None else self._bent(rays, origin, self.radius_mm)
        outside = ~((np.abs(u) <= self.size_mm[0] / 2) & (np.abs(v) <= self.size_mm[1] / 2))
        u[outside] = np.nan
        return Hit(left, top, u, v, np.nan_to_num(angle))

    def _window(self, camera: Camera) -> tuple[int, int, int, int] | None:
        across, down = self.size_mm[0] / 2, self.size_mm[1] / 2
        u, v = np.meshgrid(np.linspace(-across, across, 33), np.linspace(-down, down, 5))
        solid = self.to_camera(np.column_stack([u.ravel(), v.ravel()]))
        plane = project(solid, camera.focal, camera.centre)
        low, high = np.floor(plane.min(axis=0)).astype(int) - 2, np.ceil(plane.max(axis=0)).astype(int) + 3
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(camera.width, int(high[0])), min(camera.height, int(high[1]))
        return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else None

    @staticmethod
    def _flat(rays: list[Floats], origin: Floats) -> tuple[Floats, Floats, Floats]:
        reach = -origin[2] / rays[2]
        return origin[0] + reach * rays[0], origin[1] + reach * rays[1], np.zeros_like(reach)

    @staticmethod
    def _bent(rays: list[Floats], origin: Floats, radius: float) -> tuple[Floats, Floats, Floats]:
        ox, oz = float(origin[0]), float(origin[2]) - radius
        a = rays[0] ** 2 + rays[2] ** 2
        b = ox * rays[0] + oz * rays[2]
        under = b * b - a * np.float32(ox * ox + oz * oz - radius * radius)
        reach = (-b - np.sqrt(np.where(under >= 0, under, np.nan))) / a
        angle = np.arctan2(ox + reach * rays[0], -(oz + reach * rays[2]))
        return (
            np.asarray(angle * np.float32(radius), np.float32),
            np.asarray(origin[1] + reach * rays[1], np.float32),
            np.asarray(angle, np.float32),
        )
