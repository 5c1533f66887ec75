"""The configuration file: every mistake gets file, key and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from agent.config import Config, ConfigError, load_config

GOOD = """
[kiosk]
name = "kiosk-1"
station = "Phường 1"
data_folder = "data"
[collector]
address = "collector.example:8443"
"""


def _problems(tmp_path: Path, text: str) -> dict[str, tuple[str, str]]:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    return {p.key: (p.what, p.allowed) for p in caught.value.problems}


def test_a_short_file_gets_the_defaults_and_absolute_paths(tmp_path: Path) -> None:
    """Only name, station and collector have no default; relative paths start at the file."""
    path = tmp_path / "kiosk.toml"
    path.write_text(GOOD, encoding="utf-8")
    config = load_config(path)
    assert config.kiosk.data_folder == tmp_path / "data"
    assert config.kiosk.development is False
    assert config.pad.backend == "libusb"


def test_an_unknown_key_is_named_with_the_keys_that_exist(tmp_path: Path) -> None:
    """A typing error in a key is found and the right keys are listed."""
    problems = _problems(tmp_path, GOOD + '[card]\nreaders = "x"\n')
    assert "reader" in problems["card.readers"][1]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[card]\nwait_s = "60 s"\n', "card.wait_s"),
        ("[card]\nwait_s = -1\n", "card.wait_s"),
        ("[camera]\nfps = 500\n", "camera.fps"),
        ("[queue]\nsegment_mib = 1\n", "queue.segment_mib"),
        ('[pad]\nbackend = "magic"\n', "pad.backend"),
        ('[pad]\nbackend = "libfprint"\ndriver = "../x"\n', "pad.driver"),
    ],
)
def test_a_wrong_type_or_unit_is_named_with_what_is_allowed(tmp_path: Path, more: str, key: str) -> None:
    """Types and limits are told with the key."""
    what, allowed = _problems(tmp_path, GOOD + more)[key]
    assert what
    assert allowed


@pytest.mark.parametrize(
    "more", ['[pad]\nbackend = "usbip"\naddress = "127.0.0.1:1"\n', '[camera]\nsource = "http://127.0.0.1:1/"\n']
)
def test_mock_transports_are_refused_outside_development(tmp_path: Path, more: str) -> None:
    """A network pad or camera is a door for an insider."""
    problems = _problems(tmp_path, GOOD + more)
    assert any("development" in what for what, _ in problems.values())


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Nobody has to run the check once per mistake."""
    assert len(_problems(tmp_path, GOOD + "[card]\nwait_s = 0\nread_s = 0\n[camera]\nfps = 0\n")) == 3


def test_a_missing_or_broken_file_is_told(tmp_path: Path) -> None:
    """The true cause is named: not there, or not TOML and at which line."""
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.toml")
    assert "not TOML" in _problems(tmp_path, "[kiosk\n")["file"][0]


def test_the_example_that_we_ship_is_valid_and_shows_every_section() -> None:
    """deploy/kiosk.example.toml is what people start from."""
    example = Path(__file__).parent.parent / "deploy" / "kiosk.example.toml"
    load_config(example)
    text = example.read_text(encoding="utf-8")
    for section, field in Config.model_fields.items():
        assert f"[{section}]" in text
        for key in cast(type[BaseModel], field.annotation).model_fields:
            assert f"{key} =" in text, f"{section}.{key}"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[pad]\naddress = "127.0.0.1:1"\n', "pad.address"),
        ('[keys]\nkind = "pkcs11"\n', "pkcs11"),
        ('[pad]\ndriver = "egis0570"\n', "pad.driver"),
        ('[pad]\nbackend = "libfprint"\ndriver = "virtual_image"\n', "pad.driver"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, more: str, problem: str) -> None:
    """An address without its backend, a token without its module and PIN."""
    assert any(problem in what for what, _ in _problems(tmp_path, GOOD + more).values())
