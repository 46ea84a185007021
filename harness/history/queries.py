"""Questions to the store: the newest runs, the course of a scenario, and what may be a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness.history.store import Store
from harness.verdict import Outcome, Verdict

__all__ = ["Filters", "Point", "ProfileLine", "RunLine", "branch_runs", "course", "latest_runs", "scenario_names"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which experiments count; what is None or empty lets all pass. ``since`` is in UTC, without a zone."""

    scenario: str | None = None
    profile: str | None = None
    backend: str | None = None
    branch: str | None = None
    verdict: str | None = None
    since: datetime | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The condition for SQL and its parameters. ``verdict`` is the run's, not an experiment's."""
        columns = {
            "scenario = ?": self.scenario,
            "profile = ?": self.profile,
            "backend = ?": self.backend,
            "git_branch = ?": self.branch,
            "run_verdict = ?": self.verdict,
            "started >= ?": self.since,
        }
        given = {clause: value for clause, value in columns.items() if value is not None}
        return " and ".join(given) or "true", list(given.values())


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """What one profile showed in one run."""

    profile: str
    tier: int | None
    experiments: int
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    mttd_s: float | None
    mttr_s: float | None
    availability: float | None


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run. ``started`` is in UTC, without a zone."""

    run: str
    started: datetime | None
    verdict: str
    version: str | None
    git_commit: str | None
    git_branch: str | None
    git_dirty: bool | None
    interrupted: bool | None
    backends: str
    profiles: tuple[ProfileLine, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Point:
    """One scenario under one profile in one run: means over its repeats."""

    run: str
    started: datetime | None
    git_commit: str | None
    git_branch: str | None
    profile: str
    experiments: int
    verdict: str
    outcome: str
    value: float | None
    """The metric; None if nothing was measured."""
    censored: int
    """Experiments in which it never came: in the value they count as the longest time that there is."""


def _ratio(metric: str) -> str:
    return f"sum({metric}_sum) / nullif(sum({metric}_n), 0)"


def _counts(column: str, values: Iterable[str]) -> str:
    return ", ".join(f"count(*) filter ({column} = '{value}') as {column}_{value}" for value in values)


_LATEST = """
with chosen as (
  select run, max(started) as newest from experiments where {where} group by run
  order by newest desc nulls last, run desc limit ?
)
select run, max(started) as started, any_value(run_verdict) as verdict, any_value(version) as version,
  any_value(git_commit) as git_commit, any_value(git_branch) as git_branch, any_value(git_dirty) as git_dirty,
  any_value(interrupted) as interrupted, string_agg(distinct backend, ', ') as backends, profile,
  any_value(tier) as tier, count(*) as experiments, {verdicts}, {outcomes}, {mttd} as mttd_s, {mttr} as mttr_s,
  {availability} as availability
from experiments join chosen using (run) where {where}
group by run, profile order by started desc nulls last, run desc, profile
"""


def latest_runs(store: Store, filters: Filters, limit: int) -> list[RunLine]:
    """The newest runs that have an experiment that counts, newest first; of each run only those experiments."""
    where, parameters = filters.where()
    sql = _LATEST.format(
        where=where,
        verdicts=_counts("verdict", Verdict),
        outcomes=_counts("outcome", Outcome),
        mttd=_ratio("mttd"),
        mttr=_ratio("mttr"),
        availability=_ratio("prediction_availability"),
    )
    rows = store.ask(sql, [*parameters, limit, *parameters])
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["run"], []).append(row)
    return [_run_line(group) for group in groups.values()]


def _run_line(rows: Sequence[dict[str, Any]]) -> RunLine:
    first = rows[0]
    same = ("run", "started", "verdict", "version", "git_commit", "git_branch", "git_dirty", "interrupted", "backends")
    return RunLine(**{name: first[name] for name in same}, profiles=tuple(map(_profile_line, rows)))


def _profile_line(row: dict[str, Any]) -> ProfileLine:
    same = ("profile", "tier", "experiments", "mttd_s", "mttr_s", "availability")
    return ProfileLine(
        **{name: row[name] for name in same},
        verdicts={verdict.value: row[f"verdict_{verdict}"] for verdict in Verdict},
        outcomes={outcome.value: row[f"outcome_{outcome}"] for outcome in Outcome},
    )


_COURSE = """
select run, max(started) as started, any_value(git_commit) as git_commit, any_value(git_branch) as git_branch,
  profile, count(*) as experiments, {verdict} as verdict, {outcome} as outcome, {value} as value,
  count(*) filter ({censored}) as censored
from experiments where {where}
group by run, profile
qualify row_number() over (partition by profile order by max(started) desc nulls last, run desc) <= ?
order by profile, started nulls first, run
"""
#: The worst of several; an outcome in the judge's order, unknown before what is well.
_WORST_VERDICT = tuple(reversed(Verdict))
_WORST_OUTCOME = (Outcome.SILENT, Outcome.UNKNOWN, Outcome.CAUGHT, Outcome.ABSORBED, Outcome.INERT)
_CENSORED = {"mttd": "detect_censored", "mttr": "recover_censored"}


def course(store: Store, scenario: str, metric: str, filters: Filters, limit: int) -> list[Point]:
    """One scenario from run to run, by profile, oldest first: of each profile the newest so many runs."""
    where, parameters = filters.where()
    sql = _COURSE.format(
        where=f"scenario = ? and {where}",
        verdict=_worst("verdict", _WORST_VERDICT),
        outcome=_worst("outcome", _WORST_OUTCOME),
        value=_ratio(metric),
        censored=_CENSORED.get(metric, "false"),
    )
    return [Point(**row) for row in store.ask(sql, [scenario, *parameters, limit])]


def _worst(column: str, order: Sequence[str]) -> str:
    ranks = " ".join(f"when '{value}' then {rank}" for rank, value in enumerate(order))
    return f"arg_min({column}, case {column} {ranks} else {len(order)} end)"


def scenario_names(store: Store) -> list[str]:
    """Every scenario that was ever run, sorted."""
    return [row["scenario"] for row in store.ask("select distinct scenario from experiments order by scenario")]


_OF_BRANCH = """
select run, max(started) as started,
  count(*) filter ((scenario, profile, seed, begins_s) in (
    select (scenario, profile, seed, begins_s) from experiments where run = ?)) as shared
from experiments
where git_branch = ? and backend = ? and run <> ? and interrupted is not true
group by run having shared > 0 order by shared desc, started desc nulls last, run desc limit 1
"""


def branch_runs(store: Store, branch: str, *, run: str, backend: str) -> list[tuple[str, int]]:
    """The newest run of a branch among those that share most experiments with a run, and how many; or nothing."""
    return [(row["run"], row["shared"]) for row in store.ask(_OF_BRANCH, [run, branch, backend, run])]
