"""Serving over real HTTP with a real store and registry: what it answers when everything works, and when not."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import lightgbm
import numpy as np
import pytest
import pytest_asyncio

from reference_pipeline.features.definitions import FEATURES, VIEWS, entity_keys, request_values, store_values
from reference_pipeline.http import Client
from reference_pipeline.registry.app import create_registry
from reference_pipeline.registry.signing import sign
from reference_pipeline.registry.storage import ModelStorage
from reference_pipeline.serving.app import Predictor, create_serving
from reference_pipeline.serving.models import CANARY_ONE_IN, ModelShelf
from reference_pipeline.serving.views import FAILURES_TO_OPEN, OPEN_FOR_S, ViewReader
from reference_pipeline.store.online import STAMP, OnlineStore
from reference_pipeline.tail import TailLog
from reference_pipeline.training.model import Model, ModelError, calibrated, load

from .conftest import KEY, START, HandClock, Serve, StoreProcess

FLIGHT = {
    "flight_id": "UA-1-EWR-IAH",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "tailnum": "N14228",
    "sched_dep": int(START) + 7200,
    "distance": 1400.0,
}
VALUES = {kind: {name: 10.0 + i for i, name in enumerate(view.features)} for kind, view in VIEWS.items()}

Answer = tuple[int, dict[str, Any]]


class Bench:
    """One serving process, its registry and its store; ``mature`` as the profile of that name, else ad hoc."""

    def __init__(self, store: OnlineStore, clock: HandClock, folder: Path, session: aiohttp.ClientSession) -> None:
        self.store, self.clock, self.folder, self.session = store, clock, folder, session
        self.storage = ModelStorage(folder / "registry")
        self.registry_url = ""
        self.url = ""
        self.library: Callable[[str], ModuleType] = lambda _: lightgbm

    async def start(self, serve: Serve, *, mature: bool = True, registry_url: str | None = None) -> None:
        self.registry_url = await serve(create_registry(self.storage))
        registry = Client(self.session, registry_url or self.registry_url, timeout_s=1)
        key = KEY if mature else None
        self.shelf = ModelShelf(registry, self.folder / "copies", key=key, load_library=self.library)
        cached_s = 3600 if mature else 0
        self.reader = ViewReader(self.store, self.clock, breaker=mature, checks_age=mature, cached_s=cached_s)
        self.predictor = Predictor(self.shelf, self.reader, self.clock, simplified=mature)
        await self.shelf.refresh()
        self.url = await serve(create_serving(self.predictor, self.shelf, self.store.ping))

    async def fill_store(self, through: float | None = None) -> None:
        stamp = self.clock.at if through is None else through
        keys = entity_keys(FLIGHT)
        await self.store.write([(key, VALUES[kind], stamp, VIEWS[kind].ttl_s) for kind, key in keys.items()])

    async def predict(self, **changes: Any) -> Answer:
        async with self.session.post(f"{self.url}/predict", json=FLIGHT | changes) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path) as answer:
            return await answer.json()

    async def post(self, path: str, body: Any = None) -> Answer:
        async with self.session.post(self.url + path, json=body) as answer:
            return answer.status, await answer.json()


@pytest_asyncio.fixture
async def bench(
    store_process: StoreProcess,
    clock: HandClock,
    tmp_path: Path,
    session: aiohttp.ClientSession,
    signed_model: tuple[dict[str, Any], bytes],
) -> Any:
    store = store_process.client()
    bench = Bench(store, clock, tmp_path, session)
    manifest, artifact = signed_model
    bench.storage.add(manifest, artifact)
    bench.storage.set_stage("production", manifest["version"])
    yield bench
    await store.close()


def expected(model: Model, views: dict[str, Any]) -> float:
    row = request_values(FLIGHT, model.codes) + store_values(views)
    return float(model.predict(np.array([row]))[0])


async def test_an_answer_and_its_record(bench: Bench, serve: Serve, model: Model) -> None:
    await bench.start(serve)
    await bench.fill_store(through=START - 600)
    status, answer = await bench.predict()
    assert status == 200
    assert answer == {
        "p": pytest.approx(expected(model, VALUES)),
        "source": "model",
        "model": bench.storage.versions()[0],
        "model_age_s": 17 * 3600,
        "feature_age_s": 600,
    }
    [[number, at, flight, origin, carrier, version, source, p, features, ages]] = await bench.get("/log?after=0")
    assert (at, flight, origin, carrier) == (START, FLIGHT["flight_id"], "EWR", FLIGHT["carrier"])
    assert (version, source) == (answer["model"], "model")
    assert p == pytest.approx(answer["p"], abs=1e-6)
    assert features[-2:] == [10.0, 11.0]
    assert ages == {"origin": 600, "weather": 600}
    await bench.predict(tailnum=None, carrier="??", dest="??")
    [later] = await bench.get(f"/log?after={number}")
    assert later[0] > number
    assert later[8][3] == -1  # a carrier that training never saw
    assert None in later[8]
    assert await bench.get("/ready") == {"problems": []}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ('"distance": NaN', "distance"),
        ('"distance": "far"', "distance"),
        ('"sched_dep": 1e300', "sched_dep"),
        ('"sched_dep": -1', "sched_dep"),
        ('"carrier": null', "carrier"),
        ('"flight_id": "%s"' % ("x" * 101), "flight_id"),
    ],
)
async def test_bad_requests_are_told_what_is_wrong(bench: Bench, serve: Serve, change: str, where: str) -> None:
    await bench.start(serve)
    body = json.dumps(FLIGHT)[:-1] + f", {change}}}"
    headers = {"content-type": "application/json"}
    async with bench.session.post(f"{bench.url}/predict", data=body, headers=headers) as answer:
        assert answer.status == 422
        assert [item["where"] for item in (await answer.json())["detail"]] == [where]
    for body in ("{", "[]", "", json.dumps(FLIGHT)[:-1] + r', "flight_id": "\ud800"}'):
        async with bench.session.post(f"{bench.url}/predict", data=body, headers=headers) as answer:
            assert answer.status == 422
    assert (await bench.get("/status"))["failed"] == 0
    assert (await bench.post("/suspect", {"views": ["nonsense"]}))[0] == 400
    assert (await bench.post("/suspect", [1]))[0] == 400


# -- the store


@pytest.mark.parametrize("loss", ["freeze", "kill"])
async def test_a_lost_store_is_bridged(
    bench: Bench, serve: Serve, store_process: StoreProcess, model: Model, loss: str
) -> None:
    """Features that were read before first, then none; the breaker stops asking."""
    await bench.start(serve)
    await bench.fill_store()
    assert (await bench.predict())[1]["source"] == "model"
    getattr(store_process, loss)()
    bench.clock.at += 600
    for _ in range(FAILURES_TO_OPEN + 2):
        status, answer = await bench.predict()
        assert (status, answer["source"], answer["feature_age_s"]) == (200, "cached", 600)
        assert answer["p"] == pytest.approx(expected(model, VALUES))
    latencies = [seen.latency_s for seen in bench.predictor._recent]
    assert max(latencies[-2:]) < 0.09  # the time-out is 0.1 s
    status, answer = await bench.predict(origin="JFK")  # never read before
    assert (status, answer["source"], answer["feature_age_s"]) == (200, "simplified", None)
    bench.clock.at += 3600
    assert (await bench.predict())[1]["source"] == "simplified"
    status_page = await bench.get("/status")
    assert (status_page["recent_fallback"], status_page["recent_failed"]) == (1, 0)
    assert status_page["store_errors"] == FAILURES_TO_OPEN + 4
    async with bench.session.get(bench.url + "/ready") as ready:
        assert ready.status == 503
        assert "store" in await ready.text()


async def test_the_breaker_closes_again_and_collects_nothing(
    bench: Bench, serve: Serve, store_process: StoreProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("purgatory.domain.model.time", SimpleNamespace(time=lambda: now[0]))
    await bench.start(serve)
    await bench.fill_store()
    store_process.freeze()
    for _ in range(FAILURES_TO_OPEN + 20):
        await bench.predict()
    assert bench.reader._breakers is not None
    opened: Any = (await bench.reader._breakers.get_breaker("store")).context._state
    assert opened.__traceback__ is None
    store_process.thaw()
    assert (await bench.predict())[1]["source"] == "simplified"
    now[0] += OPEN_FOR_S + 1
    assert (await bench.predict())[1]["source"] == "model"


async def test_without_fallbacks_a_lost_store_is_an_error_that_says_so(
    bench: Bench, serve: Serve, store_process: StoreProcess
) -> None:
    await bench.start(serve, mature=False)
    store_process.kill()
    status, answer = await bench.predict()
    assert status == 503
    assert answer["detail"].startswith("feature store: ConnectionError")
    assert (await bench.get("/status"))["recent_failed"] == 1


async def test_old_and_suspect_views_count_as_missing(bench: Bench, serve: Serve, model: Model) -> None:
    await bench.start(serve)
    await bench.fill_store()
    _, suspecting = await bench.post("/suspect", {"views": ["weather", "tail"]})
    assert suspecting == {"suspect": ["tail", "weather"]}
    _, answer = await bench.predict()
    trusted = {kind: view for kind, view in VALUES.items() if kind not in ("weather", "tail")}
    assert (answer["source"], answer["p"]) == ("model", pytest.approx(expected(model, trusted)))
    await bench.post("/suspect", {"views": ["weather", "origin"]})
    assert (await bench.predict())[1]["source"] == "simplified"
    await bench.post("/suspect", {"views": []})
    bench.clock.at += VIEWS["weather"].max_age_s + 1
    _, answer = await bench.predict()
    fresh = {kind: view for kind, view in VALUES.items() if kind != "weather"}
    assert answer["p"] == pytest.approx(expected(model, fresh))


async def test_a_view_that_does_not_say_how_old_it_is_counts_as_missing(
    bench: Bench, serve: Serve, model: Model
) -> None:
    await bench.start(serve)
    await bench.fill_store()
    await bench.store._redis.set(entity_keys(FLIGHT)["weather"], json.dumps(VALUES["weather"] | {STAMP: "?"}))
    _, answer = await bench.predict()
    dated = {kind: view for kind, view in VALUES.items() if kind != "weather"}
    assert answer["p"] == pytest.approx(expected(model, dated))


@pytest.mark.parametrize("mature", [True, False])
@pytest.mark.parametrize(
    ("junk", "is_view"),
    [
        *[(junk, False) for junk in ("", "nonsense", "[1]", "\xff")],
        *[(junk, True) for junk in ('{"dep_delay_mean": "x"}', '{"_at": "x", "temp": Infinity, "dep_count": {}}')],
    ],
)
async def test_junk_in_the_store_is_a_missing_value(
    bench: Bench, serve: Serve, mature: bool, junk: str, is_view: bool
) -> None:
    await bench.start(serve, mature=mature)
    await bench.store._redis.mset(dict.fromkeys(entity_keys(FLIGHT).values(), junk.encode("latin-1")))
    status, answer = await bench.predict()
    if mature or is_view:
        assert (status, answer["feature_age_s"]) == (200, None)
        assert len(await bench.get("/log")) == 1
    else:  # nothing at all to predict from, and no fallback
        assert status == 503
        assert "no features" in answer["detail"]


# -- models


async def test_a_tenth_of_the_flights_goes_to_the_canary(bench: Bench, serve: Serve, model: Model) -> None:
    canary = sign({"version": "canary", "trained_at": START}, bench.storage.artifact(bench.storage.versions()[0]), KEY)
    bench.storage.add(canary, bench.storage.artifact(bench.storage.versions()[0]))
    bench.storage.set_stage("canary", "canary")
    await bench.start(serve)
    chosen = {f"f{n}": (await bench.predict(flight_id=f"f{n}"))[1]["model"] for n in range(200)}
    assert {f for f, v in chosen.items() if v == "canary"} == {
        f for f in chosen if zlib.crc32(f.encode()) % CANARY_ONE_IN == 0
    }
    assert 8 <= list(chosen.values()).count("canary") <= 35
    bench.storage.set_stage("canary", None)
    await bench.post("/reload")
    assert (await bench.get("/status"))["canary"] is None


async def test_a_start_without_a_registry_uses_the_copy_of_production(bench: Bench, serve: Serve) -> None:
    production = bench.storage.versions()[0]
    artifact = bench.storage.artifact(production)
    bench.storage.add(sign({"version": "canary", "trained_at": START}, artifact, KEY), artifact)
    bench.storage.set_stage("canary", "canary")
    await bench.start(serve)
    await bench.start(serve, registry_url="http://127.0.0.1:9")
    status, answer = await bench.predict()
    assert (status, answer["model"]) == (200, production)
    status_page = await bench.get("/status")
    assert (status_page["registry_ok"], status_page["registry_errors"]) == (False, 1)
    copy = bench.folder / "copies" / "production.json"
    copy.write_text(copy.read_text().replace('"rows": ', '"rows": 1'))
    await bench.start(serve, registry_url="http://127.0.0.1:9")
    status, answer = await bench.predict()
    assert status == 503
    assert "signature is wrong" in answer["detail"]


async def test_a_tampered_model_is_refused_and_the_old_one_serves_on(bench: Bench, serve: Serve) -> None:
    await bench.start(serve)
    production = bench.storage.versions()[0]
    artifact = bench.storage.artifact(production)
    bench.storage.add(sign({"version": "next", "trained_at": START}, artifact, KEY), artifact)
    bench.storage.set_stage("production", "next")
    (bench.folder / "registry" / "models" / "next" / "artifact").write_bytes(artifact[:-9] + b"tampered}")
    for refused in (1, 2):
        await bench.post("/reload")
        status_page = await bench.get("/status")
        assert (status_page["model"], status_page["rejected_artifacts"]) == (production, refused)
        assert "SHA-256 differs" in status_page["last_error"]
        assert status_page["last_refusal"] == status_page["last_error"]
    (bench.folder / "registry" / "models" / "next" / "artifact").write_bytes(artifact)
    await bench.post("/reload")
    status_page = await bench.get("/status")
    assert (status_page["model"], status_page["last_error"]) == ("next", None)
    assert "SHA-256 differs" in status_page["last_refusal"]


@pytest.mark.parametrize("mature", [True, False])
@pytest.mark.parametrize("damage", ["not json", "cut", "other features", "other version", "no library"])
async def test_what_cannot_be_loaded_is_no_model(bench: Bench, serve: Serve, damage: str, mature: bool) -> None:
    production = bench.storage.versions()[0]
    artifact = bench.storage.artifact(production)
    content = json.loads(artifact)
    trees = content["full"]
    damaged = {
        "not json": b"\x00",
        "cut": json.dumps(content | {"full": trees[: len(trees) // 2]}).encode(),
        "other features": json.dumps(content | {"features": ["hour"]}).encode(),
    }.get(damage, artifact)
    bench.storage.add(sign({"version": "bad", "trained_at": START}, damaged, KEY), damaged)
    bench.storage.set_stage("production", "bad")
    if damage == "other version":
        manifest = bench.folder / "registry" / "models" / "bad" / "manifest.json"
        manifest.write_text(json.dumps(bench.storage.manifest(production)))
    if damage == "no library":

        def broken(name: str) -> ModuleType:
            raise ImportError(f"no module named {name}")

        bench.library = broken
    await bench.start(serve, mature=mature)
    status, answer = await bench.predict()
    assert (status, answer["detail"].split("(")[0]) == (503, "no model is loaded ")
    assert (await bench.get("/status"))["rejected_artifacts"] == 1
    async with bench.session.get(bench.url + "/ready") as ready:
        assert (await ready.json())["problems"] == ["no model"]


class _Booster:
    """A model of a library that behaves differently."""

    def __init__(self, value: float | None) -> None:
        self._value = value

    def predict(self, rows: Any, **_: Any) -> Any:
        if self._value is None:
            raise lightgbm.basic.LightGBMError("wrong number of features")
        return np.array([self._value])


@pytest.mark.parametrize("value", [-1.7, 3.2, math.nan, math.inf, None])
async def test_what_is_no_probability_is_replaced(
    bench: Bench, serve: Serve, model: Model, value: float | None
) -> None:
    await bench.start(serve)
    await bench.fill_store()
    served = bench.shelf.production
    assert served is not None
    bent = Model(_Booster(value), model.simplified, model.codes, model.prior)
    bench.shelf.production = type(served)(served.version, served.trained_at, bent)
    assert (await bench.predict())[1]["source"] == "simplified"
    bent = Model(_Booster(value), _Booster(value), model.codes, model.prior)
    bench.shelf.production = type(served)(served.version, served.trained_at, bent)
    status, answer = await bench.predict()
    assert (status, answer["source"], answer["p"]) == (200, "prior", model.prior)
    status_page = await bench.get("/status")
    assert (status_page["model_errors"], status_page["recent_fallback"]) == (3, 2)


@pytest.mark.parametrize(("value", "status"), [(-1.7, 200), (math.nan, 503), (None, 503)])
async def test_without_fallbacks_the_model_has_the_last_word(
    bench: Bench, serve: Serve, model: Model, value: float | None, status: int
) -> None:
    await bench.start(serve, mature=False)
    await bench.fill_store()
    served = bench.shelf.production
    assert served is not None
    bent = Model(_Booster(value), model.simplified, model.codes, model.prior)
    bench.shelf.production = type(served)(served.version, served.trained_at, bent)
    found, answer = await bench.predict()
    assert (found, answer.get("p")) == (status, value if status == 200 else None)
    assert isinstance(await bench.get("/log"), list)


def test_an_artifact_holds_the_whole_model(signed_model: tuple[dict[str, Any], bytes], model: Model) -> None:
    again = load(lightgbm, signed_model[1])
    rows = np.random.default_rng(1).uniform(0, 24, (50, len(store_values({})) + 6))
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    np.testing.assert_array_equal(again.predict_simplified(rows), model.predict_simplified(rows))
    assert (again.codes, again.prior) == (model.codes, model.prior)
    with pytest.raises(ModelError, match="reading the model"):
        load(lightgbm, b"{}")


def test_a_calibration_moves_its_segment_alone(model: Model) -> None:
    names = list(model.codes["carrier"])
    rows = np.random.default_rng(1).uniform(0, 24, (40, len(store_values({})) + 6))
    rows[:, FEATURES.index("carrier")] = [model.codes["carrier"][names[i % 2]] for i in range(40)]
    p, moved = model.predict(rows), calibrated(model, {"carrier": {names[1]: -2}}).predict(rows)
    np.testing.assert_allclose(moved[::2], p[::2])
    np.testing.assert_allclose(np.log(moved[1::2] / (1 - moved[1::2])), np.log(p[1::2] / (1 - p[1::2])) - 2)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"carier": {"EV": 1}}, r"carier: no segments of this model \(carrier"),
        ({"carrier": 1}, "the table is not"),
        ({"carrier": {"EV": "much"}}, "the table is not"),
        ([], "the table is not"),
    ],
)
def test_a_calibration_that_is_none_is_refused_where_it_is_made(model: Model, table: Any, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        calibrated(model, table)


def test_a_log_goes_on_counting_after_a_restart() -> None:
    before = TailLog(START, kept=3)
    numbers = [before.append(n) for n in range(1000)]
    after = TailLog(START + 1, kept=3)
    assert after.append("x") > numbers[-1]
    assert after.after(numbers[-1]) == [[after.append("y") - 1, "x"]]


def test_the_stamp_is_no_feature() -> None:
    assert all(STAMP not in view.features for view in VIEWS.values())
