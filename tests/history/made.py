"""Runs made by hand: scorecards of a few findings, in folders such as ``pipequake run`` leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.history.rows import write_rows
from harness.run_folder import RunFolder
from harness.scoring.findings import ControlFinding, ExperimentFinding, ProfileFinding
from harness.scoring.metrics import Pool, all_metrics, evaluate
from harness.scoring.metrics._example import experiment
from harness.scoring.policy import Policy
from harness.scoring.scorecard import Scorecard
from harness.scoring.tiers import tier_of
from harness.verdict import Outcome, Verdict, worst

POLICY = Policy()


def finding(
    *, scenario: str = "s", profile: str = "p", seed: int = 1, verdict: Verdict = Verdict.PASSED, **more: Any
) -> ExperimentFinding:
    """One experiment with one fault; ``more`` as in `harness.scoring.metrics._example.experiment`."""
    counts = {"requests": 100, "answered": 100, **more.pop("counts", {})}
    made = experiment(**more, **counts)
    names = {"scenario": scenario, "profile": profile, "seed": seed, "arm": f"{scenario}/{profile}/{seed}"}
    return made.model_copy(update={**names, "verdict": verdict})


def scorecard(experiments: Sequence[ExperimentFinding], controls: Sequence[ControlFinding] = ()) -> Scorecard:
    """What these experiments add up to."""
    return Scorecard(
        verdict=worst(e.verdict for e in experiments),
        policy=POLICY,
        rates=None,
        profiles=tuple(
            _profile(name, [e for e in experiments if e.profile == name], controls)
            for name in sorted({e.profile for e in experiments})
        ),
        scenarios=(),
        experiments=tuple(experiments),
    )


def _profile(name: str, mine: Sequence[ExperimentFinding], controls: Sequence[ControlFinding]) -> ProfileFinding:
    metrics = tuple(evaluate(metric, Pool(tuple(mine), tuple(controls), POLICY)) for metric in all_metrics())
    return ProfileFinding(
        profile=name,
        backends=("sim",),
        seeds=tuple(sorted({e.seed for e in mine})),
        experiments=len(mine),
        outcomes={outcome.value: sum(e.outcome is outcome for e in mine) for outcome in Outcome},
        verdicts={verdict.value: sum(e.verdict is verdict for e in mine) for verdict in Verdict},
        tier=tier_of(metrics),
        metrics=metrics,
        maturity=(),
        cost=None,
        controls=tuple(controls),
    )


def manifest(day: int = 1, *, branch: str | None = "main", **more: Any) -> dict[str, Any]:
    """``run.json`` of a run of that day of March."""
    git = {"commit": f"{day:040x}", "branch": branch, "dirty": False}
    started = f"2026-03-{day:02d}T10:00:00+00:00"
    return {"started": started, "version": "0.1.0", "interrupted": False, "git": git, **more}


def put(
    path: Path, experiments: Sequence[ExperimentFinding], about: Mapping[str, Any] | None = None, *, rows: bool = True
) -> Path:
    """A run's folder with its scorecard, its rows and a journal of a few bytes."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    (path / "run.json").write_text(json.dumps(dict(manifest() if about is None else about)))
    (path / "journal.jsonl").write_text("{}\n")
    card = scorecard(experiments)
    folder.write("scorecard.json", card.to_json())
    if rows:
        write_rows(folder, card)
    return path
