"""Enforces a contract on a batch, at one of four levels.

``none`` takes what it can read: what can't be converted becomes null, missing columns are null, unknown ones
are dropped. ``schema`` quarantines a batch whose structure differs: checksum, version, columns, types, nulls
in required columns; one that is wrong in optional columns only goes without their values. ``statistical`` also
judges values: impossible rows are taken out (and the batch quarantined when they are more than a few), and null
rates, location, spread, distribution and volume are compared with what the feed's history makes usual. ``learned``
also holds against the latest rows what ties values together in the feed's history
(`reference_pipeline.ingestion.relations`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import compress
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reference_pipeline.ingestion.baseline import FeedBaseline
from reference_pipeline.ingestion.contract import Columns, Contract, Rows
from reference_pipeline.ingestion.decode import Decoded, DecodeError, decode
from reference_pipeline.ingestion.manifest import Manifest
from reference_pipeline.ingestion.relations import strained
from reference_pipeline.ingestion.statistics import Recent, Registers, arrays, nulls, statistics_of
from reference_pipeline.ingestion.violation import JUDGES_VALUES, Level, Violation
from reference_pipeline.ingestion.volumes import hour_of_week, volume_ratio

#: A batch that loses more than this share of its rows is quarantined as a whole.
REJECTED_SHARE_MAX = 0.2
#: ... but a few bad rows never condemn a small batch by themselves.
REJECTED_ROWS_MIN = 2


@dataclass(slots=True)
class Validated:
    """The outcome for one batch: ``ok`` if it may be used, then ``table`` holds the rows that passed.

    ``masked`` are columns whose values were not trusted and are null in ``table``. ``rejected`` are rows that were
    taken out, as ``{"row": {...}, "reasons": [...]}``. ``recent`` is the
    window of the latest rows with this batch in it.
    """

    ok: bool
    violations: list[Violation]
    table: pa.Table
    rejected: list[dict[str, Any]] = field(default_factory=list)
    recent: Recent | None = None
    masked: tuple[str, ...] = ()


def validate_or_mask(
    payload: bytes,
    manifest: Manifest,
    contract: Contract,
    level: Level,
    recent: Recent,
    baseline: FeedBaseline | None = None,
    registers: Registers = MappingProxyType({}),
) -> Validated:
    """As `validate`; a batch that is wrong in optional columns only is accepted without the values of these.

    What it violates stays on record, and the window of the latest rows stays without it.
    """
    whole = validate(payload, manifest, contract, level, recent, baseline, registers)
    wrong = dict.fromkeys(v.column for v in whole.violations if v.severity == "error" and v.column)
    optional = {column.name for column in contract.columns if not column.required}
    masked = tuple(name for name in wrong if name in optional)
    if whole.ok or not masked:
        return whole
    rest = validate(payload, manifest, contract, level, recent, baseline, registers, masked=masked)
    if not rest.ok:
        return whole
    rest.violations, rest.recent, rest.masked = whole.violations, None, masked
    return rest


def validate(
    payload: bytes,
    manifest: Manifest,
    contract: Contract,
    level: Level,
    recent: Recent,
    baseline: FeedBaseline | None = None,
    registers: Registers = MappingProxyType({}),
    *,
    masked: tuple[str, ...] = (),
) -> Validated:
    """Decodes and judges a payload. Changes nothing: who takes the batch keeps `Validated.recent`.

    ``registers`` are the keys of the feeds that columns refer to. The values of ``masked`` columns count as null, and
    nothing is held against these columns.
    """
    severity = "warning" if level == "none" else "error"
    found = list(_manifest_violations(payload, manifest, contract, severity))
    try:
        decoded = decode(payload, manifest.format, contract)
    except DecodeError as error:
        found.append(Violation("decode", None, str(error), "error"))
        return Validated(False, found, contract.schema.empty_table())
    found += _schema_violations(decoded, manifest, contract, level)
    for name in masked:
        decoded.columns[name] = [None] * decoded.rows
        decoded.misread.pop(name, None)
    found = [violation for violation in found if violation.column not in masked]
    columns = arrays(contract, decoded.columns)
    rejected: list[dict[str, Any]] = []
    if level == "schema":
        found += _required_nulls(columns, contract)
    rows = decoded.rows
    if level in JUDGES_VALUES and not _failed(found):
        columns, rejected = _judge_values(decoded, columns, manifest, contract, baseline, found, masked, registers)
        found = [violation for violation in found if violation.column not in masked]
    after = recent.with_rows(columns, (manifest.window_start, rows))
    if level in JUDGES_VALUES and baseline is not None and not _failed(found):
        found += _recent_violations(after, contract, baseline, registers)
        if level == "learned" and after.full:
            found += _strained_relations(after, contract, baseline)
    return Validated(not _failed(found), found, _table(decoded, contract), rejected, after)


def _judge_values(
    decoded: Decoded,
    columns: dict[str, npt.NDArray[Any]],
    manifest: Manifest,
    contract: Contract,
    baseline: FeedBaseline | None,
    found: list[Violation],
    masked: tuple[str, ...],
    registers: Registers,
) -> tuple[dict[str, npt.NDArray[Any]], list[dict[str, Any]]]:
    """Takes impossible rows out of ``decoded``, adds to ``found``; the columns that remain and the rows taken out."""
    reasons = {
        reason: rows
        for reason, rows in _row_reasons(decoded, columns, manifest, contract).items()
        if reason[1] not in masked
    }
    found += _row_violations(reasons, decoded.rows)
    keep = _complement(reasons, decoded.rows)
    if baseline is not None:
        found += _batch_violations(columns, keep, manifest, contract, baseline, registers)
    if not reasons:
        return columns, []
    rejected = _taken_out(decoded, reasons)
    decoded.columns = {name: list(compress(values, keep)) for name, values in decoded.columns.items()}
    return {name: values[keep] for name, values in columns.items()}, rejected


def _failed(found: list[Violation]) -> bool:
    return any(violation.severity == "error" for violation in found)


def _table(decoded: Decoded, contract: Contract) -> pa.Table:
    schema = contract.schema
    arrays_ = [pa.array(decoded.columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays_, schema=schema)


# -- structure


def _manifest_violations(payload: bytes, manifest: Manifest, contract: Contract, severity: Any) -> Iterator[Violation]:
    if sha256(payload).hexdigest() != manifest.sha256:
        yield Violation("checksum", None, "the payload's SHA-256 differs from the manifest's", severity)
    if manifest.format != contract.format:
        detail = f"expected {contract.format}, but the manifest says {manifest.format}"
        yield Violation("format", None, detail, severity)
    if manifest.contract_version != contract.version:
        same_major = manifest.contract_version.split(".")[0] == contract.version.split(".")[0]
        detail = f"expected {contract.version}, but the manifest says {manifest.contract_version}"
        yield Violation("version", None, detail, "warning" if same_major else severity)


def _schema_violations(decoded: Decoded, manifest: Manifest, contract: Contract, level: Level) -> Iterator[Violation]:
    severity: Any = "warning" if level == "none" else "error"
    if decoded.rows != manifest.rows:
        detail = f"the manifest says {manifest.rows} rows, the payload has {decoded.rows}"
        yield Violation("row_count", None, detail, severity)
    missing = [name for name in contract.names if name not in manifest.columns or name in decoded.missing]
    for name in missing:
        yield Violation("missing_column", name, "the batch has no such column", severity)
    for name in dict.fromkeys([*decoded.extra, *(n for n in manifest.columns if n not in contract.names)]):
        yield Violation("extra_column", name, "not in the contract; dropped", "warning")
    for column in contract.columns:
        declared = manifest.columns.get(column.name, column.type)
        rows = decoded.misread.get(column.name)
        tolerable = level in JUDGES_VALUES and rows is not None and few(len(rows), decoded.rows)
        if declared != column.type:
            detail = f"expected {column.type}, but the manifest says {declared}"
            yield Violation("type", column.name, detail, severity)
        elif rows and not tolerable:
            detail = f"{len(rows)} of {decoded.rows} values are not {column.type}"
            yield Violation("type", column.name, detail, severity)


def _required_nulls(columns: Columns, contract: Contract) -> Iterator[Violation]:
    for column in contract.columns:
        missing = int(nulls(columns[column.name]).sum()) if column.required else 0
        if missing:
            detail = f"{missing} of {len(columns[column.name])} values are null"
            yield Violation("null", column.name, detail, "error")


# -- rows


def few(bad: int, rows: int) -> bool:
    """Whether bad rows are so few that a batch is still worth having."""
    return bad <= max(REJECTED_ROWS_MIN if rows > REJECTED_ROWS_MIN else 0, REJECTED_SHARE_MAX * rows)


#: (kind, column, detail) of a reason, and the rows it holds for.
Reasons = dict[tuple[str, str | None, str], Rows]


def _row_reasons(decoded: Decoded, columns: Columns, manifest: Manifest, contract: Contract) -> Reasons:
    """Why rows can't be used; only reasons that hold for a row at least."""
    reasons: Reasons = {}
    if not decoded.rows:
        return reasons

    def note(kind: str, column: str | None, detail: str, rows: npt.NDArray[Any]) -> None:
        if rows.any():
            reasons[kind, column, detail] = rows

    for name, misread in decoded.misread.items():
        note("type", name, "wrong type", np.isin(np.arange(decoded.rows), misread))
    for column in contract.columns:
        values = columns[column.name]
        if column.required:
            note("null", column.name, "required, but null", nulls(values))
        if column.low is not None and column.high is not None:
            outside = (values < column.low) | (values > column.high)
            note("range", column.name, f"outside of {column.low:g}..{column.high:g}", outside)
        if column.allowed is not None:
            unknown = ~np.isin(values, column.allowed) & (values != "")
            note("category", column.name, f"not one of {', '.join(column.allowed)}", unknown)
    for rule in contract.rules:
        note("rule", rule.column, rule.name, rule.broken(columns))
    if contract.time_column is not None:
        at, start, end = columns[contract.time_column], manifest.window_start, manifest.window_end
        inside = (at >= start) & (at < end) if contract.closed == "left" else (at > start) & (at <= end)
        note("window", contract.time_column, "outside of the batch's window", ~inside & ~np.isnan(at))
    return reasons


def _complement(reasons: Reasons, rows: int) -> Rows:
    keep = np.ones(rows, dtype=np.bool_)
    for bad in reasons.values():
        keep &= ~bad
    return keep


def _row_violations(reasons: Reasons, rows: int) -> Iterator[Violation]:
    total = rows - int(_complement(reasons, rows).sum())
    severity: Any = "warning" if few(total, rows) else "error"
    for (kind, column, detail), bad in reasons.items():
        yield Violation(kind, column, f"{int(bad.sum())} of {rows} rows: {detail}", severity)


def _taken_out(decoded: Decoded, reasons: Reasons) -> list[dict[str, Any]]:
    bad = ~_complement(reasons, decoded.rows)
    return [
        {
            "row": {name: values[i] for name, values in decoded.columns.items()},
            "reasons": [
                {"kind": kind, "column": column, "detail": detail}
                for (kind, column, detail), rows in reasons.items()
                if rows[i]
            ],
        }
        for i in np.flatnonzero(bad)
    ]


# -- statistics


def _batch_violations(
    columns: Columns,
    keep: Rows,
    manifest: Manifest,
    contract: Contract,
    baseline: FeedBaseline,
    registers: Registers,
) -> Iterator[Violation]:
    """Unusual batches. Volume is judged on all rows, the rest on those that can be used.

    A batch with nothing in it, where there always was something, is an error: it is better asked for again.
    """
    low, high = baseline.rows_by_hour[hour_of_week(manifest.window_start)]
    if not low <= len(keep) <= high:
        detail = f"{len(keep)} rows, usual for the hour are {low:.0f}..{high:.0f}"
        yield Violation("volume", None, detail, "warning" if len(keep) else "error")
    usable = columns if keep.all() else {name: values[keep] for name, values in columns.items()}
    if int(keep.sum()) < contract.batch_rows_min:
        return
    for name, known in baseline.categories.items():
        unseen = ~np.isin(usable[name], known)
        count = int(unseen.sum())
        if count and not few(count, len(unseen)):
            yield Violation("category", name, f"{count} of {len(unseen)} rows: never seen before", "error")
    for name, found in statistics_of(contract, usable, registers).items():
        for statistic, value in found.items():
            limits = baseline.batch.get(name, {}).get(statistic)
            single = statistic == "null_rate" and value * len(usable[name]) <= 1  # one null is no rate
            if limits is not None and not single and not limits[0] <= value <= limits[1]:
                yield _unusual(statistic, name, "batch", value, limits, "error")


def _recent_violations(
    after: Recent, contract: Contract, baseline: FeedBaseline, registers: Registers
) -> Iterator[Violation]:
    """Unusual latest rows and batches: what a single batch is too small to show."""
    ratio = volume_ratio(after.windows, baseline.rows_mean, contract.recent_windows, contract.recent_windows_rows_min)
    if ratio is not None and not baseline.volume[0] <= ratio <= baseline.volume[1]:
        yield _unusual("volume", None, f"last {len(after.windows)} batches", ratio, baseline.volume, "warning")
    if not after.full:
        return
    for name, found in statistics_of(contract, after.columns, registers).items():
        for statistic, value in found.items():
            limits = baseline.recent.get(name, {}).get(statistic)
            if limits is not None and not limits[0] <= value <= limits[1]:
                yield _unusual(statistic, name, f"last {after.rows} rows", value, limits, "warning")
    for name, known in after.watched():
        limit = baseline.distance_max.get(name)
        if limit is not None:
            distance = baseline.reference[name].distance(known)
            if distance > limit:
                detail = f"last {after.rows} rows: distance {distance:.3f} from history, usual is <= {limit:.3f}"
                yield Violation("distribution", name, detail, "warning")


def _strained_relations(after: Recent, contract: Contract, baseline: FeedBaseline) -> Iterator[Violation]:
    for column, statistic, value, (low, high) in strained(contract, after, baseline.relations):
        detail = f"last {after.rows} rows: {statistic} {value:.4g}, usual is {low:.4g}..{high:.4g}"
        yield Violation("relation", column, detail, "warning")


def _unusual(
    statistic: str, column: str | None, scale: str, value: float, limits: tuple[float, float], severity: Any
) -> Violation:
    detail = f"{scale}: {statistic} {value:.4g}, usual is {limits[0]:.4g}..{limits[1]:.4g}"
    return Violation(statistic, column, detail, severity)
