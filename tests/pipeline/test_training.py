"""Training: labels, examples from the lake, the gate, and a night's training end to end with a real registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import aiohttp
import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.columns import COLUMNS
from reference_pipeline.data import Prepared
from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.features.app import FeatureService
from reference_pipeline.features.definitions import LEAD_S, STORE_FEATURES
from reference_pipeline.features.labels import label, labels_of
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.http import Client, ServiceError
from reference_pipeline.registry.app import create_registry
from reference_pipeline.registry.signing import verify
from reference_pipeline.registry.storage import ModelStorage
from reference_pipeline.store.online import OnlineStore
from reference_pipeline.training import gate
from reference_pipeline.training.app import Trainer, TrainingConfig, create_training
from reference_pipeline.training.collected import Collected
from reference_pipeline.training.examples import matrix
from reference_pipeline.training.model import Model, load

from .conftest import KEY, START, HandClock, Serve
from .partitions import ClockedStore, by_column, flight_row, real_partition, write

# -- labels


@pytest.mark.parametrize(
    ("event", "arr_delay", "late"),
    [
        ("arrived", 15.0, 0),
        ("arrived", 15.1, 1),
        ("arrived", -20.0, 0),
        ("arrived", None, 1),  # diverted
        ("arrived", "16", 1),
        ("arrived", "n/a", None),
        ("cancelled", None, 1),
        ("departed", 99.0, None),
        ("delayed", 99.0, None),
        (None, None, None),
    ],
)
def test_label(event: Any, arr_delay: Any, late: int | None) -> None:
    assert label(event, arr_delay) == late


def test_labels_need_their_columns() -> None:
    assert list(labels_of({"flight_id": ["a", None], "event": ["cancelled"] * 2, "arr_delay": [None] * 2})) == [
        ("a", 1)
    ]
    assert list(labels_of({"flight_id": ["a"], "event": ["arrived"]})) == []  # else all flights would count as diverted


def test_labels_agree_with_the_prepared_data(prepared: Prepared) -> None:
    events = prepared.events(START, START + 6 * 3600).to_pydict()
    truth = prepared.flights(START - 86400, START + 2 * 86400)
    late = dict(zip(truth["flight_id"].to_pylist(), truth["late"].to_pylist(), strict=True))
    found = list(labels_of(events))
    assert len(found) > 100
    assert all(late[flight_id] == value for flight_id, value in found)


# -- the first model


def test_the_first_model_is_worth_something(
    signed_model: tuple[dict[str, Any], bytes], model: Model, examples: TimeTable
) -> None:
    manifest, artifact = signed_model
    verify(manifest, artifact, KEY)
    assert not manifest["rejected"]
    assert manifest["metrics"]["brier"] < 0.93 * manifest["metrics"]["brier_prior"]
    unseen = examples.slice(START, START + 3 * 86400)
    late, p = unseen["late"].to_numpy(), model.predict(matrix(unseen, model.codes))
    assert area_under_curve(p, late) > 0.7
    assert area_under_curve(model.predict_simplified(matrix(unseen, model.codes)), late) > 0.55


def area_under_curve(p: np.ndarray[Any, Any], late: np.ndarray[Any, Any]) -> float:
    """How likely a late flight gets a higher score than one in time."""
    ranks = np.argsort(np.argsort(p)) + 1
    positives = int(late.sum())
    return float((ranks[late == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(late) - positives)))


# -- the gate

RNG = np.random.default_rng(7)
LATE = (RNG.random(3000) < 0.3).astype(float)
GOOD = np.clip(0.3 + 0.25 * (LATE - 0.3) + RNG.normal(0, 0.1, 3000), 0, 1)
SEGMENTS = {"origin": ["JFK", "EWR", "LGA"] * 1000}


def judged(p: np.ndarray[Any, Any], production: np.ndarray[Any, Any] | None = GOOD) -> list[str]:
    before = None if production is None else gate.metrics(production, LATE, SEGMENTS, 0.2)
    return gate.judge(p, gate.metrics(p, LATE, SEGMENTS, 0.2), before)


def test_the_gate_lets_a_good_candidate_pass() -> None:
    assert judged(GOOD) == []
    assert judged(GOOD, production=None) == []
    assert judged(np.clip(GOOD + 0.02, 0, 1)) == []  # a little worse


@pytest.mark.parametrize("production", [GOOD, None])
def test_the_gate_rejects_raw_scores_and_what_is_no_better_than_nothing(production: Any) -> None:
    raw = np.log(np.clip(GOOD, 1e-6, 1 - 1e-6) / (1 - np.clip(GOOD, 1e-6, 1 - 1e-6)))
    assert "no probabilities" in judged(raw, production)[0]
    assert "no probabilities" in judged(np.where(np.arange(3000) == 5, np.nan, GOOD), production)[0]
    assert "worse than the prior" in judged(np.full(3000, 0.5), production)[0]


def test_the_gate_rejects_what_is_worse_overall_or_for_a_segment() -> None:
    worse = np.clip(GOOD + 0.3 * (LATE.mean() - GOOD), 0, 1)
    assert any("worse than production" in reason for reason in judged(worse))
    hurting = GOOD.copy()
    hurting[::3] += 0.5 * (LATE.mean() - hurting[::3])
    better = np.clip(GOOD + 0.5 * (LATE - GOOD), 0, 1)
    hurting[1::3], hurting[2::3] = better[1::3], better[2::3]
    [reason] = judged(hurting)
    assert reason.startswith("worse for segment origin JFK")


# -- examples from the lake


def test_collected_examples_are_the_flights_that_ended(prepared: Prepared, lake: Path, tmp_path: Path) -> None:
    for hour in range(8):
        real_partition(prepared, lake, "flights", START + 12 * 3600 + hour * 900)
    now = START + 14 * 3600 + 10
    found = Collected(lake, OfflineLog(tmp_path / "log")).examples(since=START, now=now)
    ended = [
        row
        for row in prepared.events(START + 12 * 3600, START + 14 * 3600).to_pylist()
        if row["event"] != "departed" and START <= row["sched_dep"] - LEAD_S <= now
    ]
    assert sorted(found["flight_id"].to_pylist()) == sorted(row["flight_id"] for row in ended)
    assert found["known_at"].to_pylist() == sorted(found["known_at"].to_pylist())
    assert np.isnan(found["weather.temp"].to_numpy()).all()  # the log is empty


def test_one_that_has_read_partitions_before_sees_what_a_new_one_sees(
    prepared: Prepared, lake: Path, tmp_path: Path
) -> None:
    log = OfflineLog(tmp_path / "log")
    before = Collected(lake, log)
    for hour in range(6):
        path = real_partition(prepared, lake, "flights", START + 12 * 3600 + hour * 900)
        if hour == 3:  # nobody should, and then it is seen
            pq.write_table(pq.read_table(path).slice(3), path)
        if hour == 4:
            (lake / path).unlink()
        now = START + 14 * 3600 + hour
        found = before.examples(since=START, now=now)
        pd.testing.assert_frame_equal(
            found.to_pandas(), Collected(lake, log).examples(since=START, now=now).to_pandas()
        )
    assert found.num_rows > 0


def test_no_example_looks_beyond_now(lake: Path, tmp_path: Path) -> None:
    """A flight cancelled long ahead: its prediction isn't due yet, what the store will say then is unknown."""
    cancelled = flight_row(
        flight_id="a", carrier="UA", origin="JFK", dest="LAX", distance=9.0, event="cancelled", event_time=START + 60
    )
    due = [START + LEAD_S, START + LEAD_S + 3600, START + LEAD_S + 3601, START + LEAD_S - 1]
    rows = [cancelled | {"flight_id": str(i), "sched_dep": departs} for i, departs in enumerate(due)]
    write(lake, "flights", START, table(rows))
    found = Collected(lake, OfflineLog(tmp_path / "log")).examples(since=START, now=START + 3600)
    assert found["flight_id"].to_pylist() == ["0", "1"]


CELL = st.one_of(st.none(), st.sampled_from(["", "x", "12"]), st.integers(-(2**62), 2**62), st.floats())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rows_that_are_no_flight_are_left_out(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As the level "none" of validation may leave them: each column of any type, or gone."""
    lake = tmp_path_factory.mktemp("lake")
    good = flight_row(
        flight_id="a", carrier="UA", origin="JFK", dest="LAX", sched_dep=START + LEAD_S, distance=9.0, event="cancelled"
    )
    write(lake, "flights", START, table([good | {"event_time": START + 60}] * 2))
    columns: dict[str, Any] = {"event": pa.array(["cancelled", "arrived"])}
    for name in data.draw(st.sets(st.sampled_from(sorted(COLUMNS["flights"])))) - {"event"}:
        values = data.draw(st.lists(CELL, min_size=2, max_size=2))
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array([None if value is None else str(value) for value in values])
    write(lake, "flights", START + 900, pa.table(columns))
    found = Collected(lake, OfflineLog(lake / "log")).examples(since=START, now=START + 3600)
    assert "a" in found["flight_id"].to_pylist()


def test_a_name_that_is_the_number_zero_is_a_name(lake: Path, tmp_path: Path) -> None:
    row = flight_row(
        flight_id="a", carrier="UA", origin="JFK", dest="LAX", sched_dep=START + LEAD_S, distance=9.0, event="cancelled"
    )
    columns = by_column([row | {"event_time": START + 60}])
    write(lake, "flights", START, pa.table(columns | {"tailnum": [0.0], "carrier": [0]}))
    found = Collected(lake, OfflineLog(tmp_path / "log")).examples(since=START, now=START + 3600)
    assert (found["tailnum"].to_pylist(), found["carrier"].to_pylist()) == (["0.0"], ["0"])


def test_a_job_that_comes_late_has_the_examples_that_it_would_have_had(
    prepared: Prepared, lake: Path, tmp_path: Path
) -> None:
    collected = Collected(lake, OfflineLog(tmp_path / "log"))
    quarter = [START + 12 * 3600 + place * 900 for place in range(6)]

    def arrives(place: int, at: float, *, half: bool = False) -> None:
        events = prepared.events(quarter[place], quarter[place] + 900)
        write(lake, "flights", quarter[place], events.slice(len(events) // 2 if half else 0), ingested_at=at)

    for place in range(4):
        arrives(place, at=quarter[place] + 960, half=place == 2)
    due = quarter[3] + 1000
    in_time = collected.examples(since=START, now=due)
    arrives(4, at=quarter[4] + 960)
    arrives(5, at=due + 10 * 86400)  # stamped by a wrong clock
    late = collected.examples(since=START, now=due + 3 * 3600, as_of=due)
    wrongly_stamped = set(late["flight_id"].to_pylist()) - set(in_time["flight_id"].to_pylist())
    assert wrongly_stamped
    assert wrongly_stamped <= set(prepared.events(quarter[5], quarter[5] + 900)["flight_id"].to_pylist())
    assert in_time.num_rows < collected.examples(since=START, now=due + 3 * 3600).num_rows

    arrives(2, at=due + 600)  # the whole of what was there in part
    mended = collected.examples(since=START, now=due + 3 * 3600, as_of=due)
    assert mended.num_rows > late.num_rows


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table(by_column(rows))


# -- a night


class Night:
    """A training service with its registry; the pipeline's data of some hours is in lake and log."""

    def __init__(self, folder: Path, clock: HandClock, history: TimeTable, library: ModuleType = lightgbm) -> None:
        self.folder, self.clock, self.history = folder, clock, history
        self.lake, self.log = folder / "lake", OfflineLog(folder / "log")
        self.storage = ModelStorage(folder / "registry")
        self.library: Callable[[], Any] = lambda: library

    async def start(
        self, serve: Serve, session: aiohttp.ClientSession, *, gate_segments: tuple[str, ...] | None = ("origin",)
    ) -> None:
        registry = Client(session, await serve(create_registry(self.storage)), timeout_s=5)
        self.trainer = Trainer(
            TrainingConfig(gate_segments=gate_segments, view_dropout=0.05, key=KEY),
            history=self.history.slice,
            lake=self.lake,
            log=self.log,
            registry=registry,
            clock=self.clock,
            started_at=START,
            experiments=self.folder / "experiments",
            load_library=lambda _: self.library(),
        )
        self.training = Client(session, await serve(create_training(self.trainer)), timeout_s=60)

    def put_in_production(self, signed: tuple[dict[str, Any], bytes]) -> None:
        self.storage.add(*signed)
        self.storage.set_stage("production", signed[0]["version"])


@pytest.fixture
def night(tmp_path: Path, clock: HandClock, examples: TimeTable) -> Night:
    clock.at = START + 7 * 3600
    return Night(tmp_path, clock, examples)


async def test_a_night_gives_a_signed_model_with_lineage(
    night: Night,
    prepared: Prepared,
    signed_model: tuple[dict[str, Any], bytes],
    serve: Serve,
    session: aiohttp.ClientSession,
) -> None:
    night.put_in_production(signed_model)
    features = FeatureService(cast(OnlineStore, ClockedStore(night.clock)), night.log, night.clock)
    for feed, start in [("weather", n * 3600) for n in range(18)] + [("flights", n * 900) for n in range(72)]:
        file = real_partition(prepared, night.lake, feed, START + start)
        night.clock.at = end = START + start + {"weather": 3600, "flights": 900}[feed]
        await features.take(feed, file.stem, pq.read_table(file).to_pydict(), end)
    night.clock.at = START + 18 * 3600
    await night.start(serve, session)
    manifest = await night.training.post("/train")
    verify(manifest, night.storage.artifact(manifest["version"]), KEY)
    assert manifest == night.storage.manifest(manifest["version"])
    assert (manifest["version"], manifest["rejected"], manifest["uncompared"]) == ("m20130610-180000", [], None)
    assert set(manifest["production"]["segments"]) == {"origin EWR", "origin JFK", "origin LGA"}
    recent = night.trainer.examples(night.clock.at).slice(manifest["rows"] - 200)
    assert min(recent["t_pred"].to_pylist()) >= START
    present = np.mean([~np.isnan(recent[name].to_numpy()) for name in STORE_FEATURES])
    assert present > 0.5  # the pipeline's own log, not history's
    [record] = (night.folder / "experiments" / "experiments.jsonl").read_text().splitlines()
    assert json.loads(record) == {k: v for k, v in manifest.items() if k not in ("sha256", "signature")}
    model = load(lightgbm, night.storage.artifact(manifest["version"]))
    np.testing.assert_array_equal(model.predict(matrix(recent, model.codes)).shape, (200,))
    status = await night.training.get("/status")
    assert (status["attempts"], status["successes"], status["last_error"]) == (1, 1, None)
    again = await night.training.post("/train")
    assert again == manifest  # the same data at the same moment


async def test_an_attempt_that_comes_late_trains_on_what_the_first_one_would_have(
    night: Night, serve: Serve, session: aiohttp.ClientSession
) -> None:
    await night.start(serve, session, gate_segments=None)
    due = night.clock.at
    in_time = await night.training.post("/train", {"as_of": due})
    night.clock.at += 3 * 3600
    late = await night.training.post("/train", {"as_of": due})
    assert late["trained_at"] == night.clock.at
    night.clock.at += 60
    now = await night.training.post("/train")
    assert late["data_sha256"] == in_time["data_sha256"] != now["data_sha256"]
    assert night.storage.artifact(late["version"]) == night.storage.artifact(in_time["version"])
    for wrong in ({"as_of": "soon"}, {"as_of": 10**400}, {"as_of": None}, {}, [1]):
        with pytest.raises(ServiceError, match=r"HTTP 400: .*expected nothing, or"):
            await night.training.post("/train", wrong)


def bent(**changes: Any) -> Any:
    """LightGBM with some things replaced."""
    names = ("Dataset", "Booster", "train", "basic", "__version__")
    return SimpleNamespace(**{name: getattr(lightgbm, name) for name in names} | changes)


class _RawScores:
    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, rows: Any, **options: Any) -> Any:
        return self._booster.predict(rows, raw_score=True, **options)

    def model_to_string(self) -> str:
        return str(self._booster.model_to_string())


def raw_scores() -> Any:
    return bent(train=lambda *args, **kw: _RawScores(lightgbm.train(*args, **kw)))


def refusing() -> Any:
    def train(*_: Any) -> Any:
        raise lightgbm.basic.LightGBMError("this release is stricter")

    return bent(train=train)


def missing() -> Any:
    raise ImportError("no module named lightgbm")


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (raw_scores, "validation gate: predictions are no probabilities"),
        (refusing, "model: training: LightGBMError: this release is stricter"),
        (missing, "dependency: no module named lightgbm"),
        (SimpleNamespace, "model: training: AttributeError"),
    ],
)
async def test_a_night_that_fails_says_why_and_publishes_nothing(
    night: Night, serve: Serve, session: aiohttp.ClientSession, library: Callable[[], Any], reason: str
) -> None:
    night.library = library
    await night.start(serve, session)
    with pytest.raises(ServiceError, match=reason) as failed:
        await night.training.post("/train")
    assert failed.value.status == 500
    assert night.storage.versions() == []
    status = await night.training.get("/status")
    assert (status["failures"], status["rejections"]) == (1, int("gate" in reason))
    assert status["last_error"].startswith(reason)


async def test_without_a_gate_a_bad_model_is_published(
    night: Night, serve: Serve, session: aiohttp.ClientSession
) -> None:
    night.library = raw_scores
    await night.start(serve, session, gate_segments=None)
    manifest = await night.training.post("/train")
    assert manifest["rejected"]
    assert night.storage.versions() == [manifest["version"]]


async def test_a_damaged_model_in_production_does_not_stop_its_successor(
    night: Night, signed_model: tuple[dict[str, Any], bytes], serve: Serve, session: aiohttp.ClientSession
) -> None:
    night.put_in_production(signed_model)
    (night.folder / "registry" / "models" / signed_model[0]["version"] / "artifact").write_bytes(b"{}")
    await night.start(serve, session)
    manifest = await night.training.post("/train")
    assert manifest["production"] is None
    assert "SHA-256 differs" in manifest["uncompared"]


async def test_too_few_examples_and_broken_files_are_named(
    night: Night, serve: Serve, session: aiohttp.ClientSession
) -> None:
    await night.start(serve, session)
    night.clock.at = night.history.span[0] + 3600
    with pytest.raises(ServiceError, match="at least 1000 are needed"):
        await night.training.post("/train")
    night.clock.at = START + 3600
    (night.lake / "flights").mkdir(parents=True)
    (night.lake / "flights" / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(ServiceError, match="data: ArrowInvalid"):
        await night.training.post("/train")
