"""Prints what a profile does not cope with, from runs: what stays silent, and what it does not do in time.

    python scripts/weak_spots.py [--profile world_class] RUN...

A row for each scenario in which users were harmed and nobody was told, or a claim did not come true; the claims say
why. Exit code 1 if `docs/incidents.md`, which tells of ``world_class``, does not name one of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.errors import HarnessError
from harness.journal import read_journal
from harness.reports.markdown import escaped, table
from harness.reports.narrative import detected_text, harm_text, recovered_text, unmet
from harness.scoring import Scorecard, score
from harness.scoring.findings import ExperimentFinding
from harness.verdict import Outcome, Verdict

PAGE = ROOT / "docs" / "incidents.md"
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
    try:
        cards = [score(read_journal(run / "journal.jsonl")) for run in options.runs]
    except HarnessError as error:
        sys.exit(str(error))
    played = sum(e.profile == options.profile for card in cards for e in card.experiments)
    found = list(weak_spots(cards, options.profile))
    print(f"{len(found)} of {played} scenarios under {options.profile}\n")
    print(table(COLUMNS, map(row, found)))
    page = PAGE.read_text(encoding="utf-8")
    unexplained = sorted({e.scenario for e in found if e.scenario not in page})
    if unexplained and options.profile == parser.get_default("profile"):
        sys.exit(f"{PAGE.relative_to(ROOT)} does not say why: {', '.join(unexplained)}")


if __name__ == "__main__":
    main()
