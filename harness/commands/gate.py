"""``pipequake gate``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.commands.baseline import newest_run
from harness.console import report_console
from harness.errors import UsageError
from harness.history.baselines import find_baseline
from harness.publish import judged, require_one_policy
from harness.reports import gate as report
from harness.run_description import describe
from harness.run_folder import RunFolder
from harness.scenario.suggest import suggestion
from harness.scoring import Scorecard
from harness.scoring.comparison import Side
from harness.scoring.regression import Gate, judge_gate
from harness.verdict import worst

__all__ = ["gate_command"]


def gate_command(
    run: Path | None, baseline: str, profiles: Sequence[str], results: Path, *, form: str, partial: bool = False
) -> int:
    """Judges a run against its baseline and prints it; the exit code."""
    folder = RunFolder.open(run or newest_run(results))
    folder.require_ended()
    second = judged(folder)
    backends = sorted({experiment.backend for experiment in second.experiments})
    if not backends:
        raise UsageError(f"{folder.path} has no experiments: there is nothing to judge.")
    before = find_baseline(results, baseline, folder, backends[0], _say)
    first = judged(before)
    if before.manifest().get("baseline_of") == folder.path.resolve().name:
        _say(f"note: baseline {baseline} is this very run, {folder.path.resolve().name}: nothing can be worse in it.")
    _same_backend(before, first, folder, backends)
    require_one_policy(first, second)
    gates = _gates((before, first), (folder, second), profiles, partial=partial)
    if form == "json":
        print(json.dumps([gate.model_dump(mode="json") for gate in gates], indent=1, sort_keys=True))
    elif form == "markdown":
        print(report.markdown(gates), end="")
    else:
        report.render(gates, report_console())
    return worst(gate.verdict for gate in gates).exit_code


def _gates(
    first: tuple[RunFolder, Scorecard], second: tuple[RunFolder, Scorecard], profiles: Sequence[str], *, partial: bool
) -> list[Gate]:
    ours, theirs = _profiles(first[1]), _profiles(second[1])
    for name in profiles:
        for (folder, _), known in ((first, ours), (second, theirs)):
            if name not in known:
                raise UsageError(f"{folder.path} has no experiments of profile {name!r}. {suggestion(name, known)}")
    names = list(profiles) or [name for name in theirs if name in ours]
    if not names:
        raise UsageError(
            f"{first[0].path} has {', '.join(ours) or 'nothing'} and {second[0].path} has {', '.join(theirs)}: "
            "no profile in common. Run the same --profile on both sides."
        )
    if not profiles and not partial:  # a profile that is gone must not pass in silence
        names += [name for name in ours if name not in theirs]
    return [
        judge_gate(
            name,
            _side(*first, name),
            _side(*second, name),
            first[1].policy,
            partial=partial,
            interrupted=describe(second[0]).cut_short(second[1]),
        )
        for name in dict.fromkeys(names)
    ]


def _profiles(scorecard: Scorecard) -> list[str]:
    return [profile.profile for profile in scorecard.profiles if profile.experiments]


def _side(folder: RunFolder, scorecard: Scorecard, name: str) -> Side:
    origin = folder.manifest().get("baseline_of")
    label = folder.path.resolve().name
    label = f"{label} ({origin})" if isinstance(origin, str) else label
    profile = next((profile for profile in scorecard.profiles if profile.profile == name), None)
    return Side(label, (), ()) if profile is None else Side.of(scorecard, profile, label)


def _same_backend(before: RunFolder, first: Scorecard, folder: RunFolder, backends: Sequence[str]) -> None:
    theirs = sorted({experiment.backend for experiment in first.experiments})
    if theirs != list(backends):
        raise UsageError(
            f"{before.path} ran in {', '.join(theirs) or 'nothing'}, {folder.path} in {', '.join(backends)}: "
            "times of different backends can't be compared. Name a baseline of the same backend."
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
