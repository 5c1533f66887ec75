"""Each cue alone on rendered pictures, through the real networks, against what the renderer knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from firmware_mocks.head import Attack, Medium, Picture, Renderer, Skin, Subject, present

from agent.capture.liveness.challenge import HOLD_S, LIGHT, draw
from agent.capture.liveness.decision import RULE
from agent.capture.liveness.flashing import FlashAnswer, flash_answer
from agent.capture.liveness.sampling import glimpse
from agent.capture.liveness.series import FlashTaken, Floats, Glimpse
from agent.capture.liveness.skin import SKIN
from agent.capture.liveness.turning import nose_place, residual_percent
from agent.capture.portrait.face import FaceFinder

Look = Callable[[Subject, int], Glimpse]
COLOURS = draw(bytes(range(16)), 2, 5).colours
FRAME_MS = 68
FRAMES = 36
PAPER = (210.0, 297.0)


def mesh_of(finder: FaceFinder, picture: Picture, frame: int) -> Floats:
    """Return the landmarks that the networks see."""
    seen = glimpse(finder, picture.exposed(frame)).mesh
    assert seen is not None
    return seen


def moved(before: Floats, after: Floats) -> tuple[float, float, float]:
    """Return how far the nose went across and below, and the parallax."""
    (x, y, _), (u, v, _) = nose_place(before), nose_place(after)
    return u - x, v - y, residual_percent(before, after)


class TestParallax:
    """A head's landmarks against a flat picture's."""

    @pytest.mark.parametrize("skin", [Skin.LIGHT, Skin.BROWN, Skin.DARK])
    @pytest.mark.parametrize("yaw", [-26.0, 26.0])
    def test_a_turned_head_goes_beyond_the_gate(self, look: Look, skin: Skin, yaw: float) -> None:
        """To both sides, for three skin tones."""
        person = Subject(skin=skin)
        across, _, residual = moved(_mesh(look(person, 1)), _mesh(look(replace(person, yaw=yaw), 2)))
        assert np.sign(across) == np.sign(yaw)
        assert abs(across) >= RULE.across
        assert residual >= RULE.residual_across

    def test_a_lifted_head_goes_beyond_the_gate(self, look: Look) -> None:
        """The nose goes up."""
        _, below, residual = moved(_mesh(look(Subject(), 1)), _mesh(look(Subject(pitch=22), 2)))
        assert -below >= RULE.below
        assert residual >= RULE.residual_below

    @pytest.mark.parametrize("radius_mm", [None, 200.0, 150.0])
    @pytest.mark.parametrize(("yaw", "pitch"), [(38.0, 0.0), (-38.0, 0.0), (0.0, 30.0)])
    def test_a_turned_print_stays_below_it(
        self, finder: FaceFinder, renderer: Renderer, radius_mm: float | None, yaw: float, pitch: float
    ) -> None:
        """Flat, or bent no tighter than 150 mm, and turned further than a head."""
        held = Attack(Subject(), Medium.PRINT, radius_mm=radius_mm, size_mm=PAPER)
        before = mesh_of(finder, present(renderer, held), 1)
        after = mesh_of(finder, present(renderer, replace(held, yaw=yaw, pitch=pitch)), 2)
        across, below, _ = moved(before, after)
        assert abs(across) < RULE.across
        assert -below < RULE.below


class TestFlash:
    """The answer to the colours in time, colour and shading."""

    def answer(self, finder: FaceFinder, show: Callable[[float, tuple[float, float, float]], Picture]) -> FlashAnswer:
        """Measure the answer of what `show` gives for a time and the screen's light."""
        shown = tuple(round(100 + index * HOLD_S * 1000) for index in range(len(COLOURS) + 2))
        times = tuple(FRAME_MS * number for number in range(1, FRAMES))
        light, base = [], None
        for number, at_ms in enumerate(times):
            seen = glimpse(finder, show(at_ms, _light(at_ms, shown)).exposed(number))
            base = seen.mesh if base is None else base
            light.append(np.zeros((len(SKIN), 3)) if seen.skin is None else seen.skin)
        assert base is not None
        found = flash_answer(FlashTaken(shown, times, np.array(light)), COLOURS, base)
        assert found is not None
        return found

    @pytest.mark.parametrize("skin", [Skin.LIGHT, Skin.DARK])
    def test_a_face_answers_in_colour_time_and_shape(self, finder: FaceFinder, renderer: Renderer, skin: Skin) -> None:
        """A weak flash in a bright room, on light and dark skin."""
        found = self.answer(finder, lambda _, light: renderer.render(Subject(skin=skin, flash=_weak(light))))
        assert found.correlation >= RULE.correlation
        assert abs(found.lag_ms) <= FRAME_MS
        assert found.slope >= RULE.slope

    def test_a_print_answers_in_colour_but_not_in_shape(self, finder: FaceFinder, renderer: Renderer) -> None:
        """Paper is lit evenly."""
        held = Attack(Subject(), Medium.PRINT)
        found = self.answer(
            finder, lambda _, light: present(renderer, replace(held, scene=Subject(flash=_weak(light))))
        )
        assert found.correlation >= RULE.correlation
        assert abs(found.slope) < RULE.slope

    def test_a_screen_answers_by_its_glass_only(self, finder: FaceFinder, renderer: Renderer) -> None:
        """A still on a tablet mirrors a little of the flash, evenly: its bright places answer least."""
        held = Attack(Subject(), Medium.SCREEN)
        found = self.answer(
            finder, lambda _, light: present(renderer, replace(held, scene=Subject(flash=_weak(light))))
        )
        assert found.slope < 0

    def test_a_late_answer_shows_its_lag(self, finder: FaceFinder, renderer: Renderer) -> None:
        """A relay that is 270 ms late is right in colour and seen to be late."""
        shown = tuple(round(100 + index * HOLD_S * 1000) for index in range(len(COLOURS) + 2))
        found = self.answer(finder, lambda at_ms, _: renderer.render(Subject(flash=_weak(_light(at_ms - 270, shown)))))
        assert abs(found.lag_ms - 270) <= FRAME_MS


def test_no_skin_landmark_lies_on_an_eye_or_the_lips(renderer: Renderer) -> None:
    """By the renderer's own landmarks."""
    points = renderer.truth(Subject()).points
    for ring in ((33, 160, 158, 133, 153, 144), (263, 387, 385, 362, 380, 373), (61, 37, 267, 291, 314, 84)):
        polygon = points[list(ring)].astype(np.float32)
        assert all(cv2.pointPolygonTest(polygon, tuple(map(float, points[one])), False) < 0 for one in SKIN)


def test_a_picture_without_a_face_still_gives_its_surroundings(finder: FaceFinder, renderer: Renderer) -> None:
    """No landmarks, no light, but a digest and the grid."""
    seen = glimpse(finder, renderer.wall(Subject()))
    assert (seen.faces, seen.mesh, seen.skin) == (0, None, None)
    assert seen.surround is not None
    assert len(seen.digest) == 16


def _mesh(seen: Glimpse) -> Floats:
    assert seen.mesh is not None
    return seen.mesh


def _weak(light: tuple[float, float, float]) -> tuple[float, float, float]:
    return (light[0] * 0.1, light[1] * 0.1, light[2] * 0.1)


def _light(at_ms: float, shown: tuple[int, ...]) -> tuple[float, float, float]:
    index = int(np.searchsorted(shown, at_ms, side="right")) - 2
    return LIGHT[COLOURS[index]] if 0 <= index < len(COLOURS) else (0.0, 0.0, 0.0)
