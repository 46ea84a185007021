"""Applies faults and takes them back: intent on disk first, last in first out, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from chaos.blast_radius import BlastRadius, Reach
from chaos.errors import InjectionError
from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import Point
from chaos.undo import PendingUndo


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a fault has really touched so far: a count, and of what (rows, cells, keys, connections, ...)."""

    touched: int
    what: str


class Driver(Protocol):
    """A backend's hands. Both methods that act may raise any ``OSError`` or `InjectionError`."""

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        """The JSON that a fault asked to see before it plans."""
        ...

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        """Carry out a verb for a fault. Idempotent: doing it twice, or undoing what was never done, changes nothing."""
        ...

    async def evidence(self, fault_id: str) -> Evidence | None:
        """What the fault touched, also after its undo, until the driver is closed; None if nothing."""
        ...


class Sink(Protocol):
    """Where events go. With ``durable`` it returns only when the event survives a crash of the machine."""

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Append one event."""
        ...


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault at one point under one id. ``seed`` is its own, so that it shifts no other draw."""

    fault_id: str
    fault: Fault
    point: Point
    seed: int


@dataclass(frozen=True, slots=True)
class Applied:
    """An injection that is in effect; ``at`` is the clock's time when it was complete."""

    injection: Injection
    plan: Plan
    at: float


@dataclass(frozen=True, slots=True)
class RevertFailure:
    """A fault that could not be taken back, and why: the target is left dirty."""

    fault_id: str
    error: str


class Engine:
    """Injects and reverts. One task at a time may use it."""

    def __init__(
        self,
        driver: Driver,
        sink: Sink,
        clock: Callable[[], float],
        *,
        limits: BlastRadius | None = None,
    ) -> None:
        self._driver = driver
        self._sink = sink
        self._clock = clock
        self._limits = limits if limits is not None else BlastRadius()
        self._applied: dict[str, Applied] = {}
        self._evidenced: set[str] = set()

    @property
    def applied(self) -> Sequence[Applied]:
        """What is in effect, oldest first."""
        return tuple(self._applied.values())

    async def inject(self, injection: Injection) -> Applied:
        """Apply a fault.

        Raises `InvalidPoint`, `BlastRadiusExceeded` (both before anything is done) or `InjectionError`
        (after what was done has been undone).
        """
        fault, point, fault_id = injection.fault, injection.point, injection.fault_id
        if fault_id in self._applied:
            raise InjectionError(f"fault id {fault_id!r} is in effect already; give each injection its own id")
        fault.check_point(point)
        self._limits.check(Reach(point, fault.share()), [_reach(a.injection) for a in self._applied.values()])
        observed = await self._observe(injection)
        plan = fault.plan(PointView(point, fault_id, injection.seed, observed))
        self._sink.write("fault.intent", _intent(injection, plan), durable=True)
        # From here on it counts as applied: an interrupted apply must be undone by whoever cleans up.
        self._applied[fault_id] = applied = Applied(injection, plan, self._clock())
        try:
            for action in plan.do:
                await self._driver.perform(fault_id, point, action)
        except BaseException as error:  # a cancelled apply leaves as little behind as a failed one
            await self._give_up(applied, error)
            if isinstance(error, OSError | InjectionError):
                raise InjectionError(f"fault {fault_id!r} ({fault.name} at {point}): {error}") from error
            raise
        applied = self._applied[fault_id] = Applied(injection, plan, self._clock())
        self._sink.write("fault.applied", {"fault_id": fault_id})
        return applied

    async def revert(self, fault_id: str) -> None:
        """Take a fault back; nothing happens if it is not in effect. Raises `InjectionError` if it stays."""
        applied = self._applied.get(fault_id)
        if applied is None:
            return
        try:
            self._sink.write("fault.reverting", {"fault_id": fault_id})
        finally:  # a journal that can't be written keeps no fault in effect
            failure = await self._undo(applied)
        await self._write_totals(fault_id)
        if failure is not None:
            raise InjectionError(f"fault {fault_id!r} could not be reverted: {failure.error}")

    async def revert_all(self) -> list[RevertFailure]:
        """Take back everything, last in first out, past failures; returns what stayed.

        What the sink raises is raised after everything was tried.
        """
        failures = []

        async def revert(fault_id: str) -> None:
            try:
                await self.revert(fault_id)
            except InjectionError as error:
                failures.append(RevertFailure(fault_id, str(error)))

        async with AsyncExitStack() as each:  # calls them all, last in first out, whatever one raises
            for fault_id in self._applied:
                each.push_async_callback(revert, fault_id)
        return failures

    def touched(self, fault_id: str, what: str, count: int) -> None:
        """A target in the same process reports an effect; the first one is journalled at its exact time."""
        if count > 0 and fault_id in self._applied and fault_id not in self._evidenced:
            self._write_evidence(fault_id, Evidence(count, what))

    async def _observe(self, injection: Injection) -> Mapping[str, Any]:
        if injection.fault.observes is None:
            return {}
        try:
            return await self._driver.observe(injection.point, injection.fault.observes)
        except OSError as error:
            raise InjectionError(f"cannot observe {injection.point}: {error}") from error

    async def _give_up(self, applied: Applied, error: BaseException) -> None:
        fault_id = applied.injection.fault_id
        reason = str(error) or type(error).__name__
        try:
            self._sink.write("fault.failed", {"fault_id": fault_id, "stage": "apply", "error": reason})
        finally:
            await self._undo(applied)

    async def _undo(self, applied: Applied) -> RevertFailure | None:
        """All undo actions, last first, each tried whatever the others did. Forgets the fault if all worked."""
        injection = applied.injection
        errors = await _perform_all(self._driver, injection.fault_id, injection.point, reversed(applied.plan.undo))
        if errors:
            failure = RevertFailure(injection.fault_id, "; ".join(errors))
            self._sink.write("fault.failed", _failed(failure), durable=True)
            return failure
        del self._applied[injection.fault_id]
        fields: dict[str, Any] = {"fault_id": injection.fault_id}
        if (remains := injection.fault.remains()) is not None:
            fields["remains"] = remains
        self._sink.write("fault.reverted", fields, durable=True)
        return None

    async def _write_totals(self, fault_id: str) -> None:
        try:
            evidence = await self._driver.evidence(fault_id)
        except (OSError, InjectionError):
            return  # the driver is out of reach: what was evidenced before stands
        if evidence is not None and evidence.touched > 0:
            self._write_evidence(fault_id, evidence)

    def _write_evidence(self, fault_id: str, evidence: Evidence) -> None:
        self._evidenced.add(fault_id)
        fields = {"fault_id": fault_id, "touched": evidence.touched, "what": evidence.what}
        self._sink.write("fault.evidence", fields)


async def recover(driver: Driver, sink: Sink, pending: Sequence[PendingUndo]) -> list[RevertFailure]:
    """Undo what a dead run left (see `chaos.undo.pending`), in the order given; returns what stayed."""
    failures = []
    for entry in pending:
        try:
            sink.write("fault.reverting", {"fault_id": entry.fault_id})
        finally:
            errors = await _perform_all(driver, entry.fault_id, entry.point, entry.actions)
        if errors:
            failures.append(RevertFailure(entry.fault_id, "; ".join(errors)))
            sink.write("fault.failed", _failed(failures[-1]), durable=True)
        else:
            sink.write("fault.reverted", {"fault_id": entry.fault_id}, durable=True)
    return failures


async def _perform_all(driver: Driver, fault_id: str, point: Point, actions: Any) -> list[str]:
    errors = []
    for action in actions:
        try:
            await driver.perform(fault_id, point, action)
        except (OSError, InjectionError) as error:
            errors.append(f"{action.verb} at {point}: {str(error) or type(error).__name__}")
    return errors


def _reach(injection: Injection) -> Reach:
    return Reach(injection.point, injection.fault.share())


def _failed(failure: RevertFailure) -> dict[str, Any]:
    return {"fault_id": failure.fault_id, "stage": "revert", "error": failure.error}


def _intent(injection: Injection, plan: Plan) -> dict[str, Any]:
    return {
        "fault_id": injection.fault_id,
        "fault": injection.fault.name,
        "point": str(injection.point),
        "params": injection.fault.model_dump(mode="json"),
        "seed": injection.seed,
        "do": [action.to_json() for action in plan.do],
        "undo": [action.to_json() for action in plan.undo],
    }
