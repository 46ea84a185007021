"""A run's folder with everything that reports are made from: the sample journal of the scoring tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "scoring"))

from sample import sample_journal  # type: ignore[import-not-found]

from harness.journal import encode
from harness.reports.traces import TraceReader
from harness.scoring import Scorecard, score
from harness.scoring.findings import ExperimentFinding

RUN = {
    "started": "2026-11-24T17:50:18+00:00",
    "paths": ["scenarios/core"],
    "backend": "sim",
    "time_scale": 1.0,
    "later_s": {},
    "rates": None,
    "reports": ["html", "markdown", "junit", "openmetrics"],
}


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; tests must not change it."""
    folder = tmp_path_factory.mktemp("run")
    lines = [encode(record) for record in sample_journal()]
    (folder / "journal.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "run.json").write_text(json.dumps(RUN))
    return folder


@pytest.fixture(scope="session")
def judged() -> tuple[Scorecard, TraceReader]:
    """The sample journal's scorecard and traces."""
    traces = TraceReader()
    return score(traces.watching(sample_journal())), traces


@pytest.fixture
def rerun() -> Callable[[ExperimentFinding], str]:
    def command(experiment: ExperimentFinding) -> str:
        return f"pipequake run scenarios/{experiment.scenario}.yaml --seed {experiment.seed}"

    return command
