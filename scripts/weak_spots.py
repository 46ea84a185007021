"""Prints what a profile does not cope with, from runs: what stays silent, and what it does not do in time.

    python scripts/weak_spots.py [--profile world_class] RUN...

A row for each scenario in which users were harmed and nobody was told, or a claim did not come true; the claims say
why.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.journal import read_journal
from harness.reports.markdown import escaped, table
from harness.reports.narrative import detected_text, harm_text, recovered_text, unmet
from harness.scoring import Scorecard, score
from harness.scoring.findings import ExperimentFinding
from harness.verdict import Outcome, Verdict

COLUMNS = ("scenario", "outcome", "detected", "recovered", "harm", "what was claimed, and what came")


def weak_spots(cards: Iterable[Scorecard], profile: str) -> Iterator[ExperimentFinding]:
    """The experiments of the profile that were silent or failed, by scenario."""
    found = [e for card in cards for e in card.experiments if e.profile == profile]
    for experiment in sorted(found, key=lambda e: (e.outcome is not Outcome.SILENT, e.scenario, e.seed)):
        if experiment.outcome is Outcome.SILENT or experiment.verdict is Verdict.FAILED:
            yield experiment


def row(experiment: ExperimentFinding) -> tuple[str, ...]:
    """One experiment as a row of the table."""
    claims = "; ".join(f"{claim.claim}: {claim.what}" for claim in unmet(experiment))
    cells = (detected_text(experiment), recovered_text(experiment), harm_text(experiment), claims)
    return escaped(experiment.scenario), experiment.outcome.value.upper(), *map(escaped, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--profile", default="world_class")
    options = parser.parse_args()
    cards = [score(read_journal(run / "journal.jsonl")) for run in options.runs]
    played = sum(e.profile == options.profile for card in cards for e in card.experiments)
    rows = [row(experiment) for experiment in weak_spots(cards, options.profile)]
    print(f"{len(rows)} of {played} scenarios under {options.profile}\n")
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    main()
