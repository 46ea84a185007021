"""What each level of validation makes of good and bad batches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.data import Prepared
from reference_pipeline.ingestion import CONTRACTS, Baseline, Level, Manifest, Validated, load_baseline, validate
from reference_pipeline.ingestion.decode import decode
from reference_pipeline.ingestion.statistics import Recent
from reference_pipeline.sources import FEEDS, Source
from reference_pipeline.sources.encode import encode

from .conftest import START, Change, HandClock, edit_csv, edit_records, published

LEVELS: tuple[Level, ...] = ("none", "schema", "statistical")
#: 15:00 UTC is a busy hour; the day before it fills the window of the latest rows.
BUSY = START + 15 * 3600


class Replay:
    """A source and the validation of its batches, in order."""

    def __init__(self, prepared: Prepared, baseline: Baseline, feed: str) -> None:
        self.contract = CONTRACTS[feed]
        self.source = Source(FEEDS[feed], prepared, HandClock(BUSY), history_s=0)
        self.baseline = baseline.feeds[feed]

    def recent(self, until: float) -> Recent:
        """The latest rows before a moment."""
        recent = Recent(self.contract)
        for manifest, payload in published(self.source, until - 2 * 86400, until):
            after = self.check(manifest, payload, "schema", recent).recent
            assert after is not None
            recent = after
        return recent

    def check(self, manifest: Manifest, payload: bytes, level: Level, recent: Recent) -> Validated:
        return validate(payload, manifest, self.contract, level, recent, self.baseline)

    def first(self, change: Change | None, level: Level, at: float = BUSY) -> Validated:
        """The outcome for the first batch from ``at`` on, changed."""
        ((manifest, payload),) = published(self.source, at, at + self.source.feed.period_s, change)
        return self.check(manifest, payload, level, self.recent(at))


Make = Callable[[str], Replay]


@pytest.fixture(scope="module")
def replay(prepared: Prepared, baseline: Baseline) -> Make:
    return lambda feed: Replay(prepared, baseline, feed)


def kinds(outcome: Validated, severity: str = "error") -> set[tuple[str, str | None]]:
    return {(v.kind, v.column) for v in outcome.violations if v.severity == severity}


@pytest.mark.parametrize("feed", ["flights", "weather"])
def test_what_is_read_again_is_among_the_latest_rows_once(replay: Make, feed: str) -> None:
    """As after a failover, which asks for the last hours once more."""
    read = replay(feed)
    before = read.recent(BUSY)
    again = before
    for manifest, payload in published(read.source, BUSY - 6 * 3600, BUSY):
        after = read.check(manifest, payload, "schema", again).recent
        assert after is not None
        again = after
    rows = [sorted(zip(*(r.columns[key].tolist() for key in read.contract.keys), strict=True)) for r in (before, again)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("feed", FEEDS)
def test_a_good_batch_passes_as_it_is(replay: Make, feed: str, level: Level, prepared: Prepared) -> None:
    outcome = replay(feed).first(None, level)
    assert outcome.ok
    assert outcome.violations == []
    assert outcome.table.schema == CONTRACTS[feed].schema
    if feed == "flights":
        truth = prepared.events(BUSY, BUSY + 900).select(outcome.table.column_names)
        assert outcome.table.equals(truth.cast(outcome.table.schema))


def rename(old: str, new: str) -> Change:
    columns = {new if name == old else name: kind for name, kind in FEEDS["flights"].columns.items()}
    return edit_records(
        lambda record: {new if name == old else name: value for name, value in record.items()}, columns=columns
    )


def test_renamed_column(replay: Make) -> None:
    change = rename("dep_delay", "departure_delay")
    for level in ("schema", "statistical"):
        outcome = replay("flights").first(change, level)
        assert not outcome.ok
        assert ("missing_column", "dep_delay") in kinds(outcome)
        assert ("extra_column", "departure_delay") in kinds(outcome, "warning")
    careless = replay("flights").first(change, "none")
    assert careless.ok
    assert careless.table["dep_delay"].null_count == len(careless.table)
    assert ("missing_column", "dep_delay") in kinds(careless, "warning")


def test_dropped_column(replay: Make) -> None:
    columns = {name: kind for name, kind in FEEDS["flights"].columns.items() if name != "carrier"}
    change = edit_records(lambda r: {k: v for k, v in r.items() if k != "carrier"}, columns=columns)
    assert kinds(replay("flights").first(change, "schema")) == {("missing_column", "carrier"), ("null", "carrier")}
    assert replay("flights").first(change, "none").ok


def test_changed_type(replay: Make) -> None:
    def as_text(record: dict[str, Any]) -> dict[str, Any]:
        return record | {"distance": f"{record['distance']} mi"}

    change = edit_records(as_text, columns=dict(FEEDS["flights"].columns) | {"distance": "string"})
    assert ("type", "distance") in kinds(replay("flights").first(change, "schema"))
    undeclared = edit_records(as_text)
    assert ("type", "distance") in kinds(replay("flights").first(undeclared, "schema"))
    careless = replay("flights").first(change, "none")
    assert careless.ok
    assert careless.table["distance"].null_count == len(careless.table)


def test_a_number_as_text_is_salvaged_without_a_contract(replay: Make) -> None:
    change = edit_records(lambda r: r | {"distance": str(r["distance"])})
    careless = replay("flights").first(change, "none")
    assert careless.table["distance"].null_count == 0
    assert careless.table["distance"].type == pa.float64()


def test_half_of_a_column_null(replay: Make) -> None:
    def spike(column: str) -> Change:
        return edit_records(
            lambda r: r | {column: None if sha256(r["flight_id"].encode()).digest()[0] < 128 else r[column]}
        )

    required = replay("flights").first(spike("distance"), "statistical")
    assert ("null", "distance") in kinds(required)
    optional = replay("flights").first(spike("dep_delay"), "statistical")
    assert {("rule", "dep_delay"), ("null_rate", "dep_delay")} & kinds(optional)
    arrivals = replay("flights").first(spike("arr_delay"), "statistical", at=START + 22 * 3600)
    assert kinds(arrivals) == {("null_rate", "arr_delay")}
    assert replay("flights").first(spike("dep_delay"), "schema").ok


def celsius(column: str) -> Change:
    return edit_csv(lambda _, row: row | {column: f"{(float(row[column]) - 32) / 1.8:.2f}" if row[column] else ""})


def test_fahrenheit_becomes_celsius(replay: Make) -> None:
    """Every value is possible; the dew point gives the temperature away."""
    outcome = replay("weather").first(celsius("temp"), "statistical")
    assert kinds(outcome) == {("rule", "temp")}
    assert replay("weather").first(celsius("temp"), "schema").ok


def test_celsius_in_both_columns_is_unusual(replay: Make) -> None:
    def both(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        return celsius("dewp")(*celsius("temp")(raw, payload))

    outcome = replay("weather").first(both, "statistical")
    assert not outcome.ok
    assert all(kind == "location" for kind, _ in kinds(outcome))


def test_impossible_rows_are_taken_out(replay: Make) -> None:
    victims: list[str] = []

    def outlier(record: dict[str, Any]) -> dict[str, Any]:
        if not victims:
            victims.append(record["flight_id"])
        return record | ({"distance": 1e9} if record["flight_id"] == victims[0] else {})

    outcome = replay("flights").first(edit_records(outlier), "statistical")
    assert outcome.ok
    assert kinds(outcome, "warning") == {("range", "distance")}
    assert [rejected["row"]["flight_id"] for rejected in outcome.rejected] == victims
    assert victims[0] not in outcome.table["flight_id"].to_pylist()


def test_too_many_impossible_rows_condemn_the_batch(replay: Make) -> None:
    outcome = replay("flights").first(edit_records(lambda r: r | {"origin": "LHR"}), "statistical")
    assert kinds(outcome) == {("category", "origin")}
    assert "not one of EWR, JFK, LGA" in outcome.violations[0].detail


def test_minutes_become_seconds(replay: Make) -> None:
    def seconds(record: dict[str, Any]) -> dict[str, Any]:
        delay = record["arr_delay"]
        return record | {"arr_delay": None if delay is None else delay * 60}

    outcome = replay("flights").first(edit_records(seconds), "statistical", at=START + 22 * 3600)
    assert not outcome.ok


def test_an_old_payload_under_a_new_manifest(replay: Make) -> None:
    frozen = published(replay("flights").source, BUSY - 3600, BUSY - 2700)[0]

    def replayed(raw: dict[str, Any], _: bytes) -> tuple[dict[str, Any], bytes]:
        return raw | {"rows": frozen[0].rows, "sha256": frozen[0].sha256}, frozen[1]

    assert kinds(replay("flights").first(replayed, "statistical")) == {("window", "event_time")}
    assert replay("flights").first(replayed, "schema").ok


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_truncated_payload_is_never_taken(replay: Make, feed: str, level: Level) -> None:
    def cut(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        return raw, payload[: len(payload) * 2 // 3].rstrip(b"0123456789.")

    outcome = replay(feed).first(cut, level)
    assert not outcome.ok
    assert ("checksum", None) in kinds(outcome, "warning" if level == "none" else "error")
    assert ("decode", None) in kinds(outcome)


def test_a_new_major_version(replay: Make) -> None:
    assert ("version", None) in kinds(replay("flights").first(edit_records(dict, contract_version="2.0"), "schema"))
    minor = replay("flights").first(edit_records(dict, contract_version="1.1"), "schema")
    assert minor.ok
    assert kinds(minor, "warning") == {("version", None)}


def test_rows_that_are_not_there(replay: Make) -> None:
    def halve(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        records = json.loads(payload)[:2]
        payload = json.dumps(records).encode()
        return raw | {"rows": 2, "sha256": sha256(payload).hexdigest()}, payload

    outcome = replay("flights").first(halve, "statistical")
    assert outcome.ok
    assert kinds(outcome, "warning") == {("volume", None)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", "not a JSON array of objects"),
        (b"[1]", "not a JSON array of objects"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=["object", "numbers", "binary", "empty", "deep"],
)
def test_what_is_no_batch(replay: Make, body: bytes, expected: str) -> None:
    outcome = replay("flights").first(lambda raw, _: (raw, body), "none")
    assert not outcome.ok
    assert expected in outcome.violations[-1].detail


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=60, deadline=None)
@given(records=st.lists(st.dictionaries(st.sampled_from(CONTRACTS["flights"].names), values), max_size=5))
@pytest.mark.parametrize("level", LEVELS)
def test_no_json_breaks_validation(
    prepared: Prepared, baseline: Baseline, level: Level, records: list[dict[str, Any]]
) -> None:
    """Whatever comes, there is an outcome with a table in the lake's schema."""
    contract = CONTRACTS["flights"]
    payload = json.dumps(records).encode()
    manifest = Manifest(
        "flights-x", "flights", 1, BUSY, BUSY + 900, BUSY + 901, len(records), dict(FEEDS["flights"].columns),
        "json", sha256(payload).hexdigest(), "1.0",
    )  # fmt: skip
    outcome = validate(payload, manifest, contract, level, Recent(contract), baseline.feeds["flights"])
    assert outcome.table.schema == contract.schema
    assert outcome.table.num_rows <= len(records)
    if level == "none":
        assert outcome.ok
        assert outcome.table.num_rows == len(records)


@pytest.mark.parametrize("feed", FEEDS)
def test_decoding_inverts_encoding(feed: str, prepared: Prepared) -> None:
    tables = {
        "flights": prepared.events(BUSY, BUSY + 900),
        "weather": prepared.weather(BUSY, BUSY + 86400),
        "planes": prepared.planes,
    }
    contract = CONTRACTS[feed]
    table = tables[feed].select(list(contract.names))
    decoded = decode(encode(FEEDS[feed], table), contract.format, contract)
    assert decoded.misread == {}
    assert decoded.columns == table.to_pydict()


def test_contract_and_sources_agree() -> None:
    for name, feed in FEEDS.items():
        contract = CONTRACTS[name]
        assert {c.name: c.type for c in contract.columns} == dict(feed.columns)
        assert (contract.version, contract.format) == (feed.contract_version, feed.format)


# -- what is usual


def test_baseline_survives_its_file(prepared: Prepared, baseline: Baseline) -> None:
    assert Baseline.from_json(baseline.to_json()) == load_baseline(prepared, START) == baseline


def test_too_little_history_is_an_error(prepared: Prepared) -> None:
    with pytest.raises(ValueError, match="less than a week before the start; start the replay on 2013-01-09"):
        load_baseline(prepared, prepared.span[0] + 86400)


def test_false_alarms_of_two_fault_free_weeks(replay: Make) -> None:
    """14 days that the baseline hasn't seen. Recorded, not wished for: three volume warnings, nothing quarantined."""
    found: Counter[tuple[str, str, str]] = Counter()
    for feed in FEEDS:
        player = replay(feed)
        recent = player.recent(START)
        for manifest, payload in published(player.source, START, START + 14 * 86400):
            outcome = player.check(manifest, payload, "statistical", recent)
            found.update((feed, v.kind, v.severity) for v in outcome.violations)
            if outcome.ok and outcome.recent is not None:
                recent = outcome.recent
    assert found == {("flights", "volume", "warning"): 3}


def test_limits_do_not_depend_on_the_order_of_columns(baseline: Baseline) -> None:
    for feed in baseline.feeds.values():
        for reference in feed.reference.values():
            assert np.all(np.diff(reference.grid) > 0)
            assert np.all(np.diff(reference.shares) >= 0)
            assert reference.shares[-1] == 1.0


# -- what a single batch, or a single value, does not show


def test_a_byte_order_mark_is_no_error(replay: Make) -> None:
    weather = replay("weather")
    marked = weather.first(lambda raw, payload: _with_payload(raw, b"\xef\xbb\xbf" + payload), "statistical")
    assert marked.ok
    assert marked.violations == []


def _with_payload(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
    return raw | {"sha256": sha256(payload).hexdigest()}, payload


def test_an_empty_batch_is_an_error_where_there_never_was_one(replay: Make) -> None:
    header = ",".join(FEEDS["weather"].columns).encode() + b"\n"
    empty = replay("weather").first(lambda raw, _: _with_payload(raw | {"rows": 0}, header), "statistical")
    assert ("volume", None) in kinds(empty)


def test_a_lasting_loss_of_volume_is_seen_though_no_batch_stands_out(replay: Make) -> None:
    flights = replay("flights")
    full, thinned = flights.recent(BUSY), flights.recent(BUSY)
    thinned.windows = tuple((start, int(0.4 * rows)) for start, rows in full.windows)
    batches = list(published(flights.source, BUSY, BUSY + 900))
    assert kinds(flights.check(*batches[0], "statistical", full), "warning") == set()
    assert ("volume", None) in kinds(flights.check(*batches[0], "statistical", thinned), "warning")


def test_references_into_nothing_are_seen(replay: Make, prepared: Prepared) -> None:
    flights = replay("flights")
    planes = {"planes": frozenset(prepared.planes["tailnum"].to_pylist())}
    change = edit_records(lambda record: record | {"tailnum": record["tailnum"] and record["tailnum"][1:]})
    for register, expected in ((planes, True), ({}, False)):
        ((manifest, payload),) = published(flights.source, BUSY, BUSY + 900, change)
        outcome = validate(
            payload, manifest, flights.contract, "statistical", flights.recent(BUSY), flights.baseline, register
        )
        assert (("unknown_rate", "tailnum") in kinds(outcome)) is expected


def test_values_that_no_longer_go_together_are_seen_by_what_was_learnt(replay: Make) -> None:
    def other(record: dict[str, Any]) -> dict[str, Any]:
        return record | {"arr_delay": None if record["arr_delay"] is None else -record["arr_delay"]}

    flights = replay("flights")
    recent = flights.recent(BUSY)
    for level, expected in (("statistical", False), ("learned", True)):
        seen: set[tuple[str, str | None]] = set()
        latest = recent
        for manifest, payload in published(flights.source, BUSY, BUSY + 4 * 3600, edit_records(other)):
            outcome = flights.check(manifest, payload, level, latest)  # type: ignore[arg-type]
            seen |= kinds(outcome, "warning")
            latest = outcome.recent or latest
        assert (("relation", "arr_delay") in seen) is expected
