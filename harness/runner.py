"""Runs one arm: warm-up, steady state, faults on their timeline, and everything taken back at the end."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from chaos.engine import Engine, Injection
from chaos.errors import ChaosError
from chaos.points import Point
from chaos.registry import registry
from chaos.rng import key64
from harness.scenario.model import FaultSpec, Scenario, StopCondition
from harness.targets.base import Arm, Interrupt, Recorder, Stage

#: How far back the steady state looks, and how often stop conditions are checked, in seconds.
STEADY_WINDOW_S = 3 * 3600.0
STOP_CHECK_S = 60.0
#: Moments of a timeline that are closer than this are one, in seconds: durations have no parts of a millisecond.
_INSTANT_S = 0.0005
#: How far back a stop condition looks, in seconds.
STOP_WINDOW_S = 1800.0

HORIZON, STOPPED, INTERRUPTED, UNSTEADY, ERROR, DIRTY = (
    "horizon",
    "stopped",
    "interrupted",
    "unsteady",
    "error",
    "dirty",
)


@dataclass(slots=True)
class _Planned:
    """A fault of the timeline: when it begins and ends is known, or becomes known (seconds since the start)."""

    spec: FaultSpec
    fault_id: str
    seed: int
    state: str = "waiting"
    ends_s: float | None = None


class Conductor:
    """Conducts one arm on a stage. Times are seconds of the target since the start."""

    def __init__(self, arm: Arm, stage: Stage, recorder: Recorder, interrupt: Interrupt) -> None:
        self._arm = arm
        self._stage = stage
        self._recorder = recorder
        self._interrupt = interrupt
        self._changed = asyncio.Event()
        self._due: list[tuple[float, int, str, str]] = []
        self._pushed = 0
        self._planned: dict[str, _Planned] = {}
        self._breached_since: dict[int, float] = {}
        self._engine: Engine | None = None
        self._last_revert: float | None = None
        self._called_off = False

    async def run(self) -> str:
        """Runs the arm; the reason of its end, which is also the last thing in its journal."""
        self._recorder.write("arm.start", self._arm.start_fields())
        return await self._guarded(self._from_start)

    async def resume(self) -> str:
        """The same on a stage that runs already, after a steady state that holds: from the first fault on."""
        return await self._guarded(self._treatment)

    def call_off(self) -> None:
        """From now on no fault begins, and those in effect are reverted; the rest of the horizon is watched."""
        self._called_off = True
        self._due = [due for due in self._due if due[2] == "check"]
        heapq.heapify(self._due)
        for planned in reversed(self._planned.values()):
            if planned.state == "applied":
                self._push(self._stage.now(), "revert", planned.fault_id)
        self._changed.set()

    async def _guarded(self, phases: Callable[[], Awaitable[str]]) -> str:
        """Reverts and ends the journal whatever happens."""
        reason, error = ERROR, None
        try:
            self._interrupt.attach(waker(self._changed))
            reason = await phases()
        except ChaosError as failure:
            error = str(failure)
        finally:
            failures = await self._engine.revert_all() if self._engine is not None else []
            if failures:
                reason, error = DIRTY, "; ".join(f"{f.fault_id}: {f.error}" for f in failures)
            fields = {"reason": reason} | ({"error": error} if error else {})
            self._recorder.write("arm.end", fields, durable=True)
        return reason

    async def _from_start(self) -> str:
        if not await self._deployed() or not await self._until(self._arm.warmup_s):
            return self._interrupt.reason
        if self._arm.scenario is None:
            return await self._to_horizon()
        records, steady = steady_state(self._arm.scenario, self._stage, self._arm.warmup_s)
        for kind, fields in records:
            self._recorder.write(kind, fields)
        return await self._treatment() if steady else UNSTEADY

    async def _deployed(self) -> bool:
        """Starts everything; False if that was interrupted, as it may take minutes outside of the simulator."""
        if self._arm.simulated:
            await self._stage.deploy()
            return True
        deploying = asyncio.ensure_future(self._stage.deploy())
        interrupted = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({deploying, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if deploying.done():
                deploying.result()
            return deploying.done()
        finally:
            interrupted.cancel()
            deploying.cancel()
            await asyncio.wait({deploying, interrupted})
            if not deploying.cancelled():
                deploying.exception()  # what is given up may fail

    async def _treatment(self) -> str:
        """The faults on their timeline, then what is left of the horizon."""
        scenario = self._arm.scenario
        assert scenario is not None
        engine = Engine(self._stage.driver, self._recorder, self._stage.now, limits=scenario.blast_radius.caps())
        self._engine = engine
        self._stage.on_touched(self._touched_by(engine))
        self._schedule(scenario)
        while await self._until(self._arm.end_s):
            if not self._due or self._due[0][0] > self._stage.now():
                self._verify_after_revert(scenario, engine)
                return HORIZON
            when, _, what, fault_id = heapq.heappop(self._due)
            if what == "inject":
                await self._inject(engine, fault_id, when)
            elif what == "revert":
                await self._revert(engine, fault_id)
            elif self._must_stop(scenario):
                return STOPPED
        return self._interrupt.reason

    def _verify_after_revert(self, scenario: Scenario, engine: Engine) -> None:
        """Whether the steady state holds again at the horizon, if every fault was taken back before it."""
        if engine.applied or self._last_revert is None:
            return
        since = self._stage.now() - self._last_revert
        if since <= 0:
            return
        records, _ = steady_state(scenario, self._stage, since, kind="steady_state.after")
        self._recorder.write(*records[-1])

    async def _to_horizon(self) -> str:
        return HORIZON if await self._until(self._arm.end_s) else self._interrupt.reason

    async def _until(self, when: float) -> bool:
        """Waits for a moment, or for something that is due earlier; False if interrupted."""
        while not self._interrupt.requested:
            target = min(when, self._due[0][0]) if self._due else when
            wait = target - self._stage.now()
            if wait <= 0:
                return True
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait / self._stage.time_scale)
            except TimeoutError:
                continue
        return False

    def _push(self, when: float, what: str, fault_id: str) -> None:
        self._pushed += 1
        heapq.heappush(self._due, (when, self._pushed, what, fault_id))

    def _schedule(self, scenario: Scenario) -> None:
        begin = self._arm.warmup_s
        for spec, fault_id in zip(scenario.faults, scenario.fault_ids(), strict=True):
            seed = key64(self._arm.seed, scenario.name, fault_id)
            self._planned[fault_id] = _Planned(spec, fault_id, seed)
            if spec.after is None:
                self._push(begin + (spec.at_s or 0.0), "inject", fault_id)
        if scenario.stop:
            self._push(begin + STOP_CHECK_S, "check", "")

    async def _inject(self, engine: Engine, fault_id: str, when: float) -> None:
        for other in reversed(self._planned.values()):  # what ends as this one begins is no longer in effect
            if other.state == "applied" and other.ends_s is not None and other.ends_s <= when + _INSTANT_S:
                await self._revert(engine, other.fault_id)
        planned = self._planned[fault_id]
        fault = registry.get(planned.spec.fault).model_validate(planned.spec.params)
        await engine.inject(Injection(fault_id, fault, Point.parse(planned.spec.point), planned.seed))
        planned.state = "applied"
        if self._called_off:  # while it was being applied
            self._push(self._stage.now(), "revert", fault_id)
        elif planned.spec.for_s is not None:
            planned.ends_s = when + planned.spec.for_s
            self._push(self._stage.now() + planned.spec.for_s, "revert", fault_id)
        self._follow(fault_id, "applied")

    async def _revert(self, engine: Engine, fault_id: str) -> None:
        if self._planned[fault_id].state == "reverted":
            return
        await engine.revert(fault_id)
        self._last_revert = self._stage.now()
        self._planned[fault_id].state = "reverted"
        self._follow(fault_id, "reverted")

    def _touched_by(self, engine: Engine) -> Callable[[str, str, int], None]:
        seen: dict[str, None] = {}

        def touched(fault_id: str, what: str, count: int) -> None:
            engine.touched(fault_id, what, count)
            if fault_id not in seen:
                seen[fault_id] = None
                self._follow(fault_id, "touched")

        return touched

    def _follow(self, fault_id: str, effect: str) -> None:
        """Schedules the faults that wait for this effect."""
        if self._called_off:
            return
        for planned in self._planned.values():
            after = planned.spec.after
            if planned.state == "waiting" and after is not None and (after.fault, after.effect) == (fault_id, effect):
                planned.state = "scheduled"
                self._push(self._stage.now() + after.delay_s, "inject", planned.fault_id)
                self._changed.set()

    def _must_stop(self, scenario: Scenario) -> bool:
        now = self._stage.now()
        for index, condition in enumerate(scenario.stop):
            value = self._stage.probe(condition.probe, STOP_WINDOW_S)
            if value is None or not _breached(condition, value):
                self._breached_since.pop(index, None)
                continue
            since = self._breached_since.setdefault(index, now)
            if now - since >= condition.for_s:
                self._recorder.write("probe", {"name": condition.probe, "value": value, "ok": False})
                return True
        self._push(now + STOP_CHECK_S, "check", "")
        return False


def steady_state(
    scenario: Scenario, stage: Stage, since_s: float, *, kind: str = "steady_state"
) -> tuple[list[tuple[str, dict[str, Any]]], bool]:
    """The journal's records of the steady state, and whether it holds: over the last `STEADY_WINDOW_S`, or so much
    longer as it takes to have values, but no further back than ``since_s``."""
    window_s = min(STEADY_WINDOW_S, since_s)
    records, steady = _steady_state(scenario, stage, window_s, kind)
    while window_s < since_s and any(fields.get("value", 0.0) is None for _, fields in records):
        window_s = min(window_s + STEADY_WINDOW_S, since_s)  # at night, when nobody asks, the evening tells
        records, steady = _steady_state(scenario, stage, window_s, kind)
    return records, steady


def _steady_state(
    scenario: Scenario, stage: Stage, window_s: float, kind: str
) -> tuple[list[tuple[str, dict[str, Any]]], bool]:
    records: list[tuple[str, dict[str, Any]]] = []
    reasons = []
    for condition in scenario.steady_state:
        value = stage.probe(condition.probe, window_s)
        low, high = condition.at_least, condition.at_most
        ok = value is not None and (low is None or value >= low) and (high is None or value <= high)
        records.append(("probe", {"name": condition.probe, "value": value, "ok": ok}))
        if not ok:
            bounds = [
                f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None
            ]
            shown = "no data" if value is None else f"{value:.4g}"
            reasons.append(f"{condition.probe}: {shown}, expected {' and '.join(bounds)}")
    records.append((kind, {"ok": not reasons, "reasons": reasons}))
    return records, not reasons


def waker(event: asyncio.Event) -> Callable[[], None]:
    """Sets an event of the running loop from a signal handler, also while the loop waits for the operating system."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    return wake


def first_act_s(scenario: Scenario) -> float:
    """When a treatment can first differ from its control, in seconds since the start."""
    starts = [spec.at_s or 0.0 for spec in scenario.faults if spec.after is None]
    return scenario.warmup_s + (0.0 if scenario.stop else min(starts, default=0.0))


def _breached(condition: StopCondition, value: float) -> bool:
    below, above = condition.below, condition.above
    return (below is not None and value < below) or (above is not None and value > above)
