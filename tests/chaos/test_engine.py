"""The engine: intent first, last in first out, nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.blast_radius import BlastRadius
from chaos.engine import Engine, Evidence, Injection, recover
from chaos.errors import BlastRadiusExceeded, InjectionError, InvalidJournal, InvalidPoint
from chaos.fault import Action
from chaos.points import Point
from chaos.registry import registry
from chaos.testing import ModelDriver
from chaos.undo import pending


class Journal:
    """A sink that also sees what had been done when each record was written."""

    def __init__(self, driver: Recorder) -> None:
        self.records: list[dict[str, Any]] = []
        self.durable: list[str] = []
        self._driver = driver
        self.full = False

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        if self.full:
            raise RuntimeError("no space left")
        self.records.append({"kind": kind, "arm": "a", "done": len(self._driver.done), **fields})
        if durable:
            self.durable.append(kind)

    def kinds(self) -> list[str]:
        return [record["kind"] for record in self.records]


class Recorder(ModelDriver):
    """A model driver that fails, or hangs, at the verbs it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, str]] = []
        self.failing: set[str] = set()
        self.hanging: set[str] = set()

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        if action.verb in self.failing:
            raise ConnectionError(f"{action.verb} refused")
        if action.verb in self.hanging:
            await asyncio.sleep(3600)
        await super().perform(fault_id, point, action)
        self.done.append((str(point), action.verb))


def injection(fault_id: str, name: str, point: str, **params: Any) -> Injection:
    return Injection(fault_id, registry.create(name, params), Point.parse(point), seed=7)


def make(**caps: Any) -> tuple[Engine, Recorder, Journal]:
    driver = Recorder()
    journal = Journal(driver)
    return Engine(driver, journal, lambda: 5.0, limits=BlastRadius(**caps)), driver, journal


async def test_the_intent_is_durable_before_anything_is_done() -> None:
    engine, driver, journal = make()
    applied = await engine.inject(injection("f1", "network.partition", "link:serving->store"))
    intent = journal.records[0]
    assert (intent["kind"], intent["done"]) == ("fault.intent", 0)
    assert journal.durable == ["fault.intent"]
    assert [raw["verb"] for raw in intent["undo"]] == ["remove_toxic", "remove_toxic"]
    assert intent["params"] == {"toxicity": 1.0, "direction": "both"}
    assert (applied.at, len(driver.done)) == (5.0, 2)
    await engine.revert("f1")
    assert journal.kinds()[1:] == ["fault.applied", "fault.reverting", "fault.reverted"]
    # Undo runs last action first.
    undone = [raw["args"]["name"] for raw in reversed(intent["undo"])]
    assert undone == ["f1.timeout.downstream", "f1.timeout.upstream"]


async def test_revert_all_is_last_in_first_out_and_twice_is_once() -> None:
    engine, driver, journal = make()
    await engine.inject(injection("a", "process.pause", "service:ingestion"))
    await engine.inject(injection("b", "process.kill", "service:serving"))
    assert [entry.injection.fault_id for entry in engine.applied] == ["a", "b"]
    assert await engine.revert_all() == []
    assert driver.done[2:] == [("service:serving", "start"), ("service:ingestion", "resume")]
    written = len(journal.records)
    await engine.revert("a")
    assert await engine.revert_all() == []
    assert len(journal.records) == written
    assert driver.snapshot() == {}


async def test_a_failed_apply_is_undone() -> None:
    engine, driver, journal = make()
    driver.failing = {"kill"}
    with pytest.raises(InjectionError, match=r"fault 'f1' \(process.kill at service:serving\): kill refused"):
        await engine.inject(injection("f1", "process.kill", "service:serving"))
    assert journal.kinds() == ["fault.intent", "fault.failed", "fault.reverted"]
    assert journal.records[1]["stage"] == "apply"
    assert engine.applied == ()
    assert pending(journal.records) == []


async def test_a_cancelled_apply_is_undone() -> None:
    engine, driver, journal = make()
    driver.hanging = {"overlay"}
    task = asyncio.create_task(engine.inject(injection("f1", "dependency.incompatible_library", "env:training")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert driver.done == [("env:training", "remove_overlay")]
    assert journal.records[1] | {"done": 0} == {
        "kind": "fault.failed",
        "arm": "a",
        "done": 0,
        "fault_id": "f1",
        "stage": "apply",
        "error": "CancelledError",
    }


async def test_one_failure_does_not_stop_the_other_reverts() -> None:
    engine, driver, journal = make()
    for fault_id, name, point in (
        ("a", "process.pause", "service:ingestion"),
        ("b", "process.kill", "service:serving"),
        ("c", "store.latency", "store:store"),
    ):
        params = {"latency_ms": 5} if name == "store.latency" else {}
        await engine.inject(injection(fault_id, name, point, **params))
    driver.failing = {"start"}
    failures = await engine.revert_all()
    assert [(f.fault_id, f.error) for f in failures] == [
        ("b", "fault 'b' could not be reverted: start at service:serving: start refused")
    ]
    assert driver.snapshot() == {"service:serving": {"dead": True}}
    assert [entry.fault_id for entry in pending(journal.records)] == ["b"]
    driver.failing = set()
    assert await engine.revert_all() == []
    assert driver.snapshot() == {}


async def test_a_journal_that_cannot_be_written_keeps_no_fault_in_effect() -> None:
    driver = Recorder()
    journal = Journal(driver)
    engine = Engine(driver, journal, lambda: 0.0)
    await engine.inject(injection("a", "network.partition", "link:serving->store"))
    await engine.inject(injection("b", "process.pause", "service:serving"))
    journal.full = True
    with pytest.raises(RuntimeError, match="no space left"):
        await engine.inject(injection("c", "process.kill", "service:serving"))
    with pytest.raises(RuntimeError, match="no space left"):
        await engine.revert_all()
    verbs = [verb for _, verb in driver.done]
    assert verbs == ["add_toxic", "add_toxic", "pause", "resume", "remove_toxic", "remove_toxic"]
    assert engine.applied == ()


async def test_evidence_first_effect_then_totals() -> None:
    engine, _, journal = make()
    await engine.inject(injection("f1", "process.kill", "service:serving"))
    engine.touched("f1", "processes", 1)
    engine.touched("f1", "processes", 1)
    engine.touched("other", "rows", 3)
    await engine.revert("f1")
    evidence = [(r["touched"], r["what"]) for r in journal.records if r["kind"] == "fault.evidence"]
    assert evidence == [(1, "processes"), (1, "processes")]
    assert journal.kinds().index("fault.evidence") < journal.kinds().index("fault.reverting")
    assert [r["remains"] for r in journal.records if r["kind"] == "fault.reverted"] == [
        "what the process held in memory only is lost"
    ]


async def test_no_effect_is_no_evidence() -> None:
    class Silent(Recorder):
        async def evidence(self, fault_id: str) -> Evidence | None:
            return Evidence(0, "rows")

    driver = Silent()
    journal = Journal(driver)
    engine = Engine(driver, journal, lambda: 0.0)
    await engine.inject(injection("f1", "data.null_spike", "feed:weather", column="temp", rate=0.0))
    engine.touched("f1", "rows", 0)
    await engine.revert("f1")
    assert "fault.evidence" not in journal.kinds()


async def test_refusals_leave_no_trace() -> None:
    engine, _, journal = make(max_faults=1, max_share=0.5)
    with pytest.raises(InvalidPoint):
        await engine.inject(injection("f1", "process.kill", "feed:weather"))
    with pytest.raises(BlastRadiusExceeded, match=r"up to 100% of what passes feed:weather.*max_share is 0.5"):
        await engine.inject(injection("f1", "freshness.freeze", "feed:weather"))
    await engine.inject(injection("f1", "data.null_spike", "feed:weather", column="temp", rate=0.5))
    with pytest.raises(BlastRadiusExceeded, match=r"2 faults would be in effect at once, the cap max_faults is 1"):
        await engine.inject(injection("f2", "data.null_spike", "feed:weather", column="dewp", rate=0.5))
    with pytest.raises(InjectionError, match="in effect already"):
        await engine.inject(injection("f1", "data.null_spike", "feed:weather", column="dewp", rate=0.5))
    assert journal.kinds() == ["fault.intent", "fault.applied"]


@pytest.mark.parametrize("cap", ["max_faults", "max_points", "max_services", "max_share"])
def test_a_cap_of_nothing_is_refused(cap: str) -> None:
    with pytest.raises(ValueError, match=f"expected {cap} above 0"):
        BlastRadius(**{cap: 0})


CHOICES = [
    ("process.kill", "service:serving", {}),
    ("process.pause", "service:ingestion", {}),
    ("network.partition", "link:serving->store", {}),
    ("freshness.freeze", "feed:weather", {}),
    ("store.stale_values", "store:store", {}),
    ("dependency.incompatible_library", "env:training", {}),
]


@given(
    chosen=st.lists(st.sampled_from(CHOICES), max_size=6, unique_by=lambda c: c[0]),
    reverted=st.sets(st.integers(0, 5)),
    torn=st.booleans(),
)
def test_what_a_dead_run_left_is_recovered_from_its_journal(
    chosen: list[tuple[str, str, dict[str, Any]]], reverted: set[int], torn: bool
) -> None:
    async def scene() -> None:
        engine, driver, journal = make()
        for number, (name, point, params) in enumerate(chosen):
            await engine.inject(injection(f"f{number}", name, point, **params))
        for number in sorted(reverted & set(range(len(chosen)))):
            await engine.revert(f"f{number}")
        records = journal.records[:-1] if torn else journal.records  # the last line never reached the disk
        left = pending(records)
        numbers = [int(entry.fault_id[1:]) for entry in left]
        assert numbers == sorted(numbers, reverse=True)
        assert {n for n in range(len(chosen)) if n not in reverted} <= set(numbers) | (
            {len(chosen) - 1} if torn and not reverted else set()
        )
        assert await recover(driver, journal, left) == []
        assert driver.snapshot() == {}
        assert pending([*records, *journal.records[len(records) :]]) == []

    asyncio.run(scene())


def test_arms_do_not_mix_and_injecting_again_counts() -> None:
    undo = [{"verb": "resume", "args": {}}]
    base = {"kind": "fault.intent", "fault_id": "f1", "fault": "process.pause", "point": "service:a", "undo": undo}
    records = [
        base | {"arm": "x"},
        base | {"arm": "y"},
        {"kind": "fault.reverted", "arm": "x", "fault_id": "f1"},
        {"kind": "request", "arm": "y"},
        base | {"arm": "x"},
    ]
    assert [entry.arm for entry in pending(records)] == ["x", "y"]


@pytest.mark.parametrize("broken", [{}, {"undo": None}, {"undo": [{}]}, {"undo": [], "point": "nowhere"}])
def test_an_intent_that_cannot_be_undone_is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidJournal, match=r"intent of fault 'f1' holds no undo.*reset by hand"):
        pending([{"kind": "fault.intent", "fault_id": "f1", "fault": "process.kill", "point": "service:a"} | broken])
