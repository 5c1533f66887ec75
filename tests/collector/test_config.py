from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import load_config
from collector.errors import ConfigInvalid

GOOD = 'name = "centre"\naddress = "127.0.0.1:8443"\n'


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A folder or the file itself may be named."""
    (tmp_path / "collector.toml").write_text(GOOD + 'store = "/srv/store"\n', encoding="utf-8")
    for path in (tmp_path, tmp_path / "collector.toml"):
        config = load_config(path)
        assert config.keys == tmp_path / "keys"
        assert config.store == Path("/srv/store")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD + "colour = 1\n", "colour"),
        (GOOD.replace("8443", "port"), "address"),
        (GOOD + "max_record_bytes = 10\n", "max_record_bytes"),
        ("name = ", "collector.toml"),
        ("", "name"),
    ],
)
def test_a_wrong_file_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    """The remedy starts with the place."""
    (tmp_path / "collector.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid, match=named) as raised:
        load_config(tmp_path)
    assert "collector.toml" in raised.value.detail


@pytest.mark.parametrize("data", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
def test_an_unreadable_file_is_told(tmp_path: Path, data: bytes | None) -> None:
    """A missing file is not a traceback."""
    if data is not None:
        (tmp_path / "collector.toml").write_bytes(data)
    with pytest.raises(ConfigInvalid, match=r"collector\.toml"):
        load_config(tmp_path)
