"""The direction of imports, read from the source: the way of a capture, and no circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Layer -> what else of our own it may import. Everything may import agent.words.
ALLOWED = {
    "agent.words": set(),
    "agent.config": set(),
    "agent.log": set(),
    "agent.devices": set(),
    "agent.capture": {"agent.devices.seams", "agent.devices.errors"},
    "agent.sealing": set(),
    "agent.queue": set(),
    "agent.roster": set(),
    "agent.opening": {"agent.proto", "agent.sealing", "agent.capture.chip", "agent.capture.evidence"},
    "agent.proto": set(),
    "agent.uplink": {"agent.queue", "agent.sealing", "agent.proto"},
    "agent.diagnostics": {
        "agent.devices",
        "agent.capture",
        "agent.sealing",
        "agent.queue",
        "agent.roster",
        "agent.uplink",
        "agent.intake.policy",
        "agent.intake.errors",
        "agent.config",
        "agent.provisioning",
        "agent.usb_allow_list",
    },
    "agent.intake": {
        "agent.capture",
        "agent.devices.seams",
        "agent.devices.errors",
        "agent.roster",
        "agent.sealing",
        "agent.queue",
        "agent.proto",
    },
    "agent.transfer": {"agent.sealing"},
    "agent.custody": {"agent.queue", "agent.sealing", "agent.transfer"},
    "agent.console": {"agent.intake", "agent.devices.seams"},
    "agent.commands": {
        "agent.console",
        "agent.config",
        "agent.log",
        "agent.diagnostics",
        "agent.capture",
        "agent.devices",
        "agent.custody",
        "agent.opening",
        "agent.queue",
        "agent.sealing",
        "agent.transfer",
        "agent.provisioning",
        "agent.daemon",
        "agent.enrolment",
        "agent.epochs",
        "agent.usb_allow_list",
    },
    "agent.usb_allow_list": set(),
    "agent.bundle_versions": set(),
    "agent.enrolment": {"agent.uplink", "agent.sealing", "agent.proto"},
    "agent.bundle_inbox": {"agent.bundle_versions", "agent.sealing"},
    "agent.centre_rules": {"agent.capture.chip", "agent.intake.policy", "agent.sealing", "agent.uplink"},
    "agent.stage_times": set(),
    "agent.centre": {"agent.bundle_inbox", "agent.proto", "agent.queue", "agent.stage_times"},
    "agent.epochs": {"agent.queue", "agent.sealing", "agent.proto"},
    "agent.provisioning": {
        "agent.sealing",
        "agent.uplink",
        "agent.config",
        "agent.bundle_versions",
        "agent.epochs",
        "agent.queue",
    },
    "agent.service_notice": set(),
    "agent.daemon": {"agent"},
    "agent.cli": {"agent"},
    "agent.cli_frame": {"agent.commands"},
    "agent.cli_senses": {"agent"},
    "agent.cli_doctor": {"agent"},
    "collector.opening": {"agent.capture", "agent.opening", "agent.sealing", "collector"},
    "collector": {
        "agent.sealing",
        "agent.proto",
        "agent.opening",
        "agent.transfer",
        "agent.log",
        "agent.capture.liveness",
    },
}


def _sources(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "_pb2" not in path.name:
            yield path


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {_imported(node.module, alias.name) for alias in node.names}
    return found


def _imported(package: str, name: str) -> str:
    """`from package import name` imports a module of that name if there is one, else the package."""
    path = ROOT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if path.is_dir() or path.with_suffix(".py").exists() else package


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _layer(module: str) -> str:
    matching = [layer for layer in ALLOWED if module == layer or module.startswith(layer + ".")]
    return max(matching, key=len, default="")


@pytest.mark.parametrize("path", [*_sources("agent"), *_sources("collector")], ids=_module)
def test_imports_follow_the_layers(path: Path) -> None:
    """A module imports its own layer, words, and the layers named above; nothing else of ours."""
    layer = _layer(_module(path))
    if not layer:
        assert _module(path) in {"agent"}
        return
    permitted = {*ALLOWED[layer], layer, "agent.words"}
    for name in _imports(path):
        if name.split(".")[0] not in {"agent", "collector", "firmware_mocks", "demo"} or name == "agent":
            continue
        assert any(name == p or name.startswith(p + ".") for p in permitted), f"{layer} must not import {name}"


@pytest.mark.parametrize("library", ["smartcard", "usb"])
def test_a_device_library_is_imported_in_exactly_one_module(library: str) -> None:
    """Each of pyscard and pyusb lives behind one seam."""
    importers = [p for p in _sources("agent") if any(i == library or i.startswith(library + ".") for i in _imports(p))]
    assert len(importers) == 1, importers
    assert importers[0].is_relative_to(ROOT / "agent" / "devices")


def test_firmware_mocks_import_nothing_from_the_agent() -> None:
    """The mocks are written from the devices' side."""
    for path in _sources("firmware-mocks/src"):
        assert not {i for i in _imports(path) if i.split(".")[0] in {"agent", "collector"}}, path


def test_generated_messages_stay_behind_the_border() -> None:
    """Nothing outside agent/proto touches a _pb2 type."""
    for path in [*_sources("agent"), *_sources("collector")]:
        if not path.is_relative_to(ROOT / "agent" / "proto"):
            assert not {i for i in _imports(path) if "_pb2" in i}, path


def test_there_are_no_import_cycles() -> None:
    """Packages form a directed graph without circles."""
    graph: dict[str, set[str]] = {}
    modules = {_module(p): p for p in [*_sources("agent"), *_sources("collector")]}
    for module, path in modules.items():
        graph[module] = {name for name in _imports(path) if name in modules and name != module}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        for name in graph[module]:
            visit(name, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
