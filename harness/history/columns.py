"""The columns of ``experiments.parquet``: a row for each scenario, profile and repeat of a run."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from harness.scoring.metrics import all_metrics

__all__ = ["COLUMNS", "FORMAT", "SCHEMA", "Column", "metrics_of_rows", "same_columns"]

#: Kept in the file's metadata under ``pipequake``; a later version that changes a column's meaning has another number.
FORMAT = "pipequake.experiments/1"

#: These metrics come from fault-free runs, not from experiments: their inputs are the columns ``control_...``.
_OF_CONTROLS = frozenset({"false_alarm_rate", "on_call_pages"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type in Arrow, and what it means."""

    name: str
    type: pa.DataType
    meaning: str


_TEXT, _WHOLE, _REAL, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
#: Always UTC. Without a zone in the type: not every reader of Parquet has a data base of zones.
_MOMENT = pa.timestamp("us")

_RUN = (
    Column("run", _TEXT, "name of the run's folder"),
    Column("started", _MOMENT, "when the run was started, UTC"),
    Column("version", _TEXT, "version of Pipequake that ran it"),
    Column("scored_version", _TEXT, "version of Pipequake that scored it"),
    Column("git_commit", _TEXT, "commit that was checked out where it was started; null outside of a repository"),
    Column("git_branch", _TEXT, "branch of that commit; null if none was checked out and no CI named one"),
    Column("git_dirty", _BOOL, "whether tracked files had changes that are in no commit"),
    Column("interrupted", _BOOL, "whether it was interrupted; null if it was never concluded"),
    Column("run_verdict", _TEXT, "verdict of the whole run: passed, failed or inconclusive"),
)
_PROFILE = (
    Column("profile", _TEXT, "profile of the deployment"),
    Column("tier", _WHOLE, "the profile's performance tier in this run, 0 to 5; null if not measured"),
    Column("control_days", _REAL, "days of fault-free runs of the profile in this run; the same in all its rows"),
    Column("control_false_alarms", _WHOLE, "alerts in them; the same in all its rows"),
    Column("control_pages", _WHOLE, "critical alerts in them; the same in all its rows"),
)
_EXPERIMENT = (
    Column("arm", _TEXT, "id of the treatment arm in the journal"),
    Column("scenario", _TEXT, "name of the scenario"),
    Column("repeat", _WHOLE, "number of the repeat within the run, scenario and profile, from 1"),
    Column("backend", _TEXT, "where the target ran: sim, local or compose"),
    Column("seed", _WHOLE, "seed of the experiment"),
    Column("begins_s", _REAL, "when the first fault begins, seconds from the end of the warm-up"),
    Column("replay_start", _TEXT, "start of the replayed data, ISO 8601"),
    Column("warmup_s", _REAL, "length of the warm-up"),
    Column("horizon_s", _REAL, "length of the observation after it"),
    Column("faults", _TEXT, "the faults with their injection points, separated by commas"),
    Column("tags", _TEXT, "the scenario's tags, separated by commas"),
    Column("classification", _TEXT, "the scenario's classification, as dimension=value, separated by commas"),
)
_FINDING = (
    Column("verdict", _TEXT, "passed, failed or inconclusive"),
    Column("outcome", _TEXT, "worst outcome of its faults: silent, unknown, caught, absorbed or inert"),
    Column("reasons", _TEXT, "why it is inconclusive; empty if it is not"),
    Column("expectations", _WHOLE, "claims of the scenario"),
    Column("expectations_passed", _WHOLE, "claims that came true"),
    Column("incidents", _WHOLE, "faults that did harm or were noticed"),
    Column("incidents_noticed", _WHOLE, "those of them for which an alert was raised"),
    Column("time_to_detect_s", _REAL, "longest time from first effect to first alert; null if censored or no incident"),
    Column("detect_watched_s", _REAL, "how long an alert would have been attributed: the time of censoring"),
    Column("detect_censored", _BOOL, "an incident was never detected while it was watched; null without incidents"),
    Column("grade", _TEXT, "how well the worst named fault was named: none, wrong_reason, detected or localised"),
    Column("alert", _TEXT, "name of the first alert; null if none"),
    Column("alert_component", _TEXT, "the component that it named"),
    Column("recovery", _TEXT, "how the worst incident ended: not_needed, mitigated, recovered, unconfirmed or never"),
    Column("time_to_recover_s", _REAL, "longest time from detection to normal service; null if censored or none"),
    Column("recover_watched_s", _REAL, "how long the recovery was watched for: the time of censoring"),
    Column("recover_censored", _BOOL, "an incident did not end while it was watched; null without incidents"),
    Column("incident_s", _REAL, "longest time from first effect to normal service; null if it never came"),
    Column("harm_h", _REAL, "harm of all its faults, as hours of a total outage"),
    Column("requests", _WHOLE, "requests of users in the horizon"),
    Column("answered", _WHOLE, "those of them that got a usable answer"),
)


def metrics_of_rows() -> tuple[str, ...]:
    """Names of the metrics whose value is a ratio of sums over experiments; each has two columns."""
    return tuple(metric.name for metric in all_metrics() if metric.name not in _OF_CONTROLS)


def _inputs() -> tuple[Column, ...]:
    titles = {metric.name: metric.title.lower() for metric in all_metrics()}
    return tuple(
        column
        for name in metrics_of_rows()
        for column in (
            Column(f"{name}_sum", _REAL, f"what it adds to the numerator of: {titles[name]}"),
            Column(f"{name}_n", _REAL, f"what it adds to the denominator of: {titles[name]}"),
        )
    )


#: Every column, in the order of the file. A metric over any set of rows is ``sum(<metric>_sum) / sum(<metric>_n)``.
COLUMNS: tuple[Column, ...] = (*_RUN, *_PROFILE, *_EXPERIMENT, *_FINDING, *_inputs())
SCHEMA = pa.schema([(column.name, column.type) for column in COLUMNS], metadata={"pipequake": FORMAT})


def same_columns(schema: pa.Schema) -> bool:
    """Whether a file has these columns, and they mean the same."""
    return bool(schema.equals(SCHEMA)) and (schema.metadata or {}).get(b"pipequake") == FORMAT.encode()
