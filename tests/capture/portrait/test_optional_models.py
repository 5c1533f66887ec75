"""Optional models from a path or a URL: the right bytes or nothing at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

import pytest

from agent.capture.portrait import ModelWrong, models
from agent.capture.portrait.errors import ModelNotFetched
from agent.capture.portrait.models import Model, inspect, load_model
from agent.capture.portrait.optional_models import install_optional, optional_model

CONTENT = bytes(range(256)) * 40
MODEL = Model("small.onnx", "", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "MIT", "a test")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "models" / models.YUNET.name


class _Server(BaseHTTPRequestHandler):
    """Serves the model and everything that a model server can get wrong, by path."""

    stop: ClassVar[Event] = Event()

    def do_GET(self) -> None:  # http.server's name
        """Answer by path."""
        match self.path:
            case "/good":
                self._send(CONTENT)
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/good")
                self.end_headers()
            case "/round":
                self.send_response(302)
                self.send_header("Location", "/round")
                self.end_headers()
            case "/wrong":
                self._send(bytes(len(CONTENT)))
            case "/short":
                self._send(CONTENT[:-1])
            case "/cut":
                self._send(CONTENT[:100], claimed=len(CONTENT))
            case "/endless":
                self._endless()
            case "/slow":
                self.send_response(200)
                self.end_headers()
                self.stop.wait(60)
            case _:
                self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Stay quiet."""

    def _send(self, data: bytes, claimed: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) if claimed is None else claimed))
        self.end_headers()
        self.wfile.write(data)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.stop.is_set():
                self.wfile.write(bytes(65_536))
        except OSError:
            return


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the address of a server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    _Server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/good", "/moved"])
def test_a_model_comes_from_a_url(url: str, tmp_path: Path, path: str) -> None:
    """Whole, checked and readable for the service's user; over a redirect, too."""
    install_optional(MODEL, url + path, tmp_path / "models")
    assert load_model(tmp_path / "models", MODEL) == CONTENT
    assert (tmp_path / "models" / MODEL.name).stat().st_mode & 0o777 == 0o644


def test_a_model_comes_from_a_path(tmp_path: Path) -> None:
    """A file on a stick."""
    (tmp_path / "a").write_bytes(CONTENT)
    install_optional(MODEL, str(tmp_path / "a"), tmp_path / "models")
    assert load_model(tmp_path / "models", MODEL) == CONTENT


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("/wrong", ModelWrong, "small.onnx"),
        ("/short", ModelNotFetched, "10239"),
        ("/cut", ModelNotFetched, "peer closed|incomplete"),
        ("/endless", ModelNotFetched, "more"),
        ("/round", ModelNotFetched, "redirect"),
        ("/absent", ModelNotFetched, "404"),
    ],
)
def test_what_is_not_the_model_installs_nothing(
    url: str, tmp_path: Path, path: str, error: type[Exception], told: str
) -> None:
    """Another content, another length, an end too early or never: the cause is named, the folder stays empty."""
    with pytest.raises(error, match=f"(?i){told}"):
        install_optional(MODEL, url + path, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_server_that_says_nothing_is_given_up(url: str, tmp_path: Path) -> None:
    """The wait has an end."""
    with pytest.raises(ModelNotFetched):
        install_optional(MODEL, f"{url}/slow", tmp_path / "models", within_s=0.3)


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/x", "http://[", "ftp://127.0.0.1/x", "/dev/null/x", "", "a\0b"])
def test_an_address_that_leads_nowhere_is_said(tmp_path: Path, source: str) -> None:
    """Nobody there, no address, another protocol, no file."""
    with pytest.raises(ModelNotFetched):
        install_optional(MODEL, source, tmp_path / "models")


def test_a_wrong_file_leaves_the_installed_one_alone(tmp_path: Path) -> None:
    """An update that is none changes nothing."""
    (tmp_path / "good").write_bytes(CONTENT)
    (tmp_path / "bad").write_bytes(bytes(len(CONTENT)))
    install_optional(MODEL, str(tmp_path / "good"), tmp_path / "models")
    with pytest.raises(ModelWrong):
        install_optional(MODEL, str(tmp_path / "bad"), tmp_path / "models")
    assert load_model(tmp_path / "models", MODEL) == CONTENT
    assert len(list((tmp_path / "models").iterdir())) == 1


@pytest.mark.parametrize(("name", "model"), [("yunet", models.YUNET), ("SFace", models.SFACE)])
def test_a_model_is_found_by_a_part_of_its_name(name: str, model: Model) -> None:
    """Nobody types the whole file name."""
    assert optional_model(name) is model


@pytest.mark.parametrize("name", ["", "face", "landmark", "x"])
def test_a_name_that_fits_none_or_several_is_refused(name: str) -> None:
    """The error lists what there is."""
    with pytest.raises(ModelNotFetched, match=models.YUNET.name):
        optional_model(name)


def test_optional_models_are_no_fault_when_absent(tmp_path: Path) -> None:
    """`not installed` is not `missing`; a wrong one is `wrong hash`."""
    (tmp_path / models.SFACE.name).write_bytes(b"other")
    states = {model.name: state for model, state in inspect(tmp_path)}
    assert states[models.YUNET.name] == "not installed"
    assert states[models.SFACE.name] == "wrong hash"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared folder with YuNet is not there")
def test_the_real_yunet_is_the_one_we_know(tmp_path: Path) -> None:
    """Size and hash in the table are those of the published file."""
    install_optional(models.YUNET, str(SHARED), tmp_path)
    assert models.installed(tmp_path, models.YUNET)
