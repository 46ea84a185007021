"""``pipequake compare``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.console import report_console
from harness.errors import UsageError
from harness.publish import require_one_policy, scored
from harness.reports.comparison import left_out_text, markdown, render
from harness.run_folder import RunFolder
from harness.scenario.suggest import suggestion
from harness.scoring import Scorecard
from harness.scoring.comparison import Comparison, Side, compare
from harness.verdict import worst

__all__ = ["compare_command"]


def compare_command(first: Path, second: Path | None, profiles: Sequence[str], *, form: str) -> int:
    """Compares and prints; the exit code."""
    comparisons = list(_comparisons(first, second, profiles))
    if form == "json":
        print(json.dumps([one.model_dump(mode="json") for one in comparisons], indent=1, sort_keys=True))
    elif form == "markdown":
        print("\n".join(markdown(one) for one in comparisons), end="")
    else:
        console = report_console(stderr=False)
        for one in comparisons:
            render(one, console)
    return worst(one.verdict for one in comparisons).exit_code


def _comparisons(first: Path, second: Path | None, profiles: Sequence[str]) -> list[Comparison]:
    if second is not None and first.resolve() == second.resolve() and len(set(profiles)) < 2:
        print(
            f"note: {first} and {second} are one and the same run, which is no better or worse than itself. Name two "
            "runs, or two of its profiles: --profile A --profile B.",
            file=sys.stderr,
        )
    one = _scored(first)
    other = one if second is None else _scored(second)
    require_one_policy(one, other)
    pairs = _sides(first, one, second or first, other, profiles)
    found = [compare(a, b, one.policy) for a, b in pairs]
    if not any(comparison.pairs for comparison in found):
        reasons = dict.fromkeys(left_out_text(one.left_out, one.unpaired).removeprefix("; ") for one in found)
        raise UsageError(
            f"no experiment of {first} has a counterpart in {second or first}: "
            f"{'; '.join(filter(None, reasons)) or 'none was run'}. "
            "Run the same scenarios with the same --seed and --repeats on both sides."
        )
    return found


def _scored(run: Path) -> Scorecard:
    folder = RunFolder.open(run)
    folder.require_ended()
    return scored(folder)


def _sides(
    first: Path, one: Scorecard, second: Path, other: Scorecard, profiles: Sequence[str]
) -> list[tuple[Side, Side]]:
    """What stands against what. Raises `UsageError` where that is open."""
    if len(profiles) > 2:
        raise UsageError("a comparison has two sides: give --profile at most twice.")
    names = list(profiles)
    if one is other:
        known = [profile.profile for profile in one.profiles if profile.experiments]
        names = names or (known if len(known) == 2 else [])
        if len(names) != 2:
            have = f"{first} has {', '.join(known) or 'no experiments'}"
            raise UsageError(f"{have}. Say which two profiles to compare: --profile A --profile B, or give two runs.")
        chosen = [(names[0], names[1])]
    elif names:
        chosen = [(names[0], names[-1])]
    else:
        theirs = {profile.profile for profile in other.profiles if profile.experiments}
        chosen = [(p.profile, p.profile) for p in one.profiles if p.experiments and p.profile in theirs]
        if not chosen:
            raise UsageError(f"{first} and {second} have no profile in common. Say which: --profile A --profile B.")
    return [(_side(first, one, a, alone=one is other), _side(second, other, b, alone=one is other)) for a, b in chosen]


def _side(run: Path, scorecard: Scorecard, name: str, *, alone: bool) -> Side:
    known = [profile.profile for profile in scorecard.profiles if profile.experiments]
    if name not in known:
        raise UsageError(f"{run} has no experiments of profile {name!r}. {suggestion(name, known)}")
    profile = next(profile for profile in scorecard.profiles if profile.profile == name)
    return Side.of(scorecard, profile, name if alone else f"{run.name}, {name}")
