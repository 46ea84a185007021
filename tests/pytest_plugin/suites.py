"""Suites of users, run in a process of their own with the checkout's plugin."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

QUICK = """\
name: quick
warmup: 3h
horizon: 4h
classification:
  visibility: degraded
  scope: component
  duration: transient
  root_cause: data
  recovery: automatic
  impact: freshness
tags: [nightly]
faults:
  - fault: data.null_spike
    point: feed:weather
    with: {column: visib, rate: 1.0}
    at: 30m
    for: 1h
expect: [{detect_within: 45m}]
"""
INERT = (
    QUICK.replace("name: quick", "name: touches-nothing").replace("rate: 1.0", "rate: 0.0").replace("nightly", "slow")
)

#: Where the installed Pipequake is older than the checkout, its entry point does not name the plugin.
PLUGIN = [] if "pipequake" in entry_points(group="pytest11").names else ["-p", "harness.pytest_plugin"]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project; `run` runs pytest in it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def scenario(suite: pytest.Pytester, text: str, path: str) -> Path:
    """Writes a scenario file of the project."""
    file = suite.path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Runs pytest, without the plugins of others that know nothing of the project."""
    return suite.runpytest_subprocess(*PLUGIN, *arguments, timeout=int(os.environ.get("SUITE_TIMEOUT", "300")))
