"""Alerts and dashboard against the figures that a collector really gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from collector.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\bcollector_[a-z_]+")


def given() -> set[str]:
    """Return the names of all figures, as Prometheus stores them."""
    metrics = Metrics()
    metrics.refused.labels(code="x").inc()
    return set(re.findall(r"^(collector_[a-z_]+)", metrics.text().decode(), re.MULTILINE))


def expressions(name: str) -> list[str]:
    """Return the expressions of a file."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    if name.endswith(".json"):
        return [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    return re.findall(r"^\s+expr: (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_every_figure_that_is_looked_at_is_given(name: str) -> None:
    """A renamed counter would make an alert that never fires."""
    used = {found for expression in expressions(name) for found in NAME.findall(expression)}
    assert used
    assert used <= given()


def test_every_alert_says_what_to_do() -> None:
    """In both languages or by a command."""
    alerts = (DEPLOY / "prometheus-alerts.yml").read_text(encoding="utf-8").split("- alert: ")[1:]
    assert len(alerts) == len(expressions("prometheus-alerts.yml"))
    assert all("summary:" in alert and "action:" in alert and "severity:" in alert for alert in alerts)
