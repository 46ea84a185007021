"""Checks of the timeline: does each fault have an id of its own, a start, and room before the horizon?"""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.draft import Draft
from harness.scenario.durations import format_duration, to_the_ms
from harness.scenario.explain import Finding
from harness.scenario.fields import NO_GRAIN
from harness.scenario.model import MAX_RUN_S, FaultSpec
from harness.scenario.suggest import suggestion

__all__ = ["Span", "check_timeline", "fault_spans"]

#: Earliest start and end of a fault, in seconds from the end of the warm-up.
Span = tuple[float, float]

#: What is shorter says nothing, in seconds: hardly anybody asks within a minute, and even under load hardly anything
#: passes in a tenth of a second.
SHORTEST_WATCH_S = 60.0
SHORTEST_FAULT_S = 0.1
FINEST_GRAIN_S = 60.0


def check_timeline(draft: Draft) -> Iterator[Finding]:
    """Faults that share an id, never begin, or don't fit the run."""
    yield from _check_length(draft)
    yield from _check_ids(draft)
    yield from _check_after(draft)
    yield from _check_spans(draft)


def _check_length(draft: Draft) -> Iterator[Finding]:
    horizon = None if draft.horizon_s is None else format_duration(draft.horizon_s)
    if draft.horizon_s == 0:
        yield Finding(("horizon",), "a horizon of 0s leaves no time for a fault. Write for example '24h'.")
    elif draft.horizon_s is not None and draft.horizon_s < SHORTEST_WATCH_S:
        message = f"in a horizon of {horizon} too few users ask for anything to be judged. Write at least"
        yield Finding(("horizon",), f"{message} '{format_duration(SHORTEST_WATCH_S)}'; '24h' is usual.")
    if draft.grain_s == 0:
        yield Finding(("grain",), NO_GRAIN)
    elif draft.grain_s is not None and draft.grain_s < FINEST_GRAIN_S:
        message = f"a grain of {format_duration(draft.grain_s)} is finer than any target's rhythm. Leave it out"
        yield Finding(("grain",), f"{message}, or write for example '15m'.")
    elif draft.grain_s is not None and draft.horizon_s and draft.grain_s >= draft.horizon_s:
        message = f"one batch in {format_duration(draft.grain_s)} may be none in a horizon of {horizon}"
        yield Finding(("grain",), f"{message}. Write a finer one, or a longer `horizon`.")
    if draft.warmup_s is not None and draft.steady:
        yield from _check_warmup(draft.warmup_s)
    whole_s = 0.0 if draft.warmup_s is None or draft.horizon_s is None else to_the_ms(draft.warmup_s + draft.horizon_s)
    if whole_s > MAX_RUN_S:
        total, most = format_duration(whole_s), format_duration(MAX_RUN_S)
        yield Finding(("horizon",), f"warm-up and horizon are {total} together, more than {most}. Shorten one.")


def _check_warmup(warmup_s: float) -> Iterator[Finding]:
    otherwise = "or ask for none: `steady_state: []`."
    if warmup_s == 0:
        message = "a warm-up of 0s has no end at which a steady state could be seen. Write for example '6h'"
        yield Finding(("warmup",), f"{message}, {otherwise}")
    elif warmup_s < SHORTEST_WATCH_S:
        message = f"in a warm-up of {format_duration(warmup_s)} too few users ask for a steady state to be seen"
        yield Finding(("warmup",), f"{message}. Write at least '{format_duration(SHORTEST_WATCH_S)}', {otherwise}")


def _check_ids(draft: Draft) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, fault_id in enumerate(draft.ids):
        if fault_id is None:
            continue
        if fault_id in first:
            message = f"the id {fault_id!r} is taken by faults[{first[fault_id]}]. Rename one of them."
            yield Finding(("faults", index, "id"), message)
        first.setdefault(fault_id, index)


def _check_after(draft: Draft) -> Iterator[Finding]:
    for index, spec in enumerate(draft.faults):
        if spec is None or spec.after is None:
            continue
        place = ("faults", index, "after", "fault")
        if spec.after.fault not in draft.ids:
            others = [fault_id for fault_id in draft.ids if fault_id not in (None, draft.ids[index])]
            known = suggestion(spec.after.fault, [name for name in others if name], otherwise="Use `at` instead.")
            yield Finding(place, f"no fault has the id {spec.after.fault!r}. {known}")
            continue
        cycle = _cycle(draft, index)
        if cycle and min(cycle) == index:
            chain = " -> ".join(str(draft.ids[step]) for step in [*cycle, index])
            yield Finding(place, f"these faults wait for each other for ever: {chain}. Give one of them an `at`.")
        other = draft.faults[draft.ids.index(spec.after.fault)]
        if spec.after.effect == "reverted" and other is not None and other.for_s is None and not cycle:
            message = f"{spec.after.fault!r} lasts until the horizon, so that this never begins. Give it a `for`."
            yield Finding(place, message)


def _cycle(draft: Draft, index: int) -> list[int]:
    """The faults of the cycle that the fault is part of, in waiting order; empty if it is in none."""
    seen = [index]
    while True:
        spec = draft.faults[seen[-1]]
        if spec is None or spec.after is None or spec.after.fault not in draft.ids:
            return []
        following = draft.ids.index(spec.after.fault)
        if following == index:
            return seen
        if following in seen:
            return []
        seen.append(following)


def fault_spans(draft: Draft) -> list[Span | None]:
    """When each fault is on, at the earliest; None where that can't be told."""
    found: dict[int, Span] = {}
    for _ in draft.faults:
        for index, spec in enumerate(draft.faults):
            start = None if spec is None or index in found else _start(draft, spec, found)
            if spec is not None and start is not None and draft.horizon_s is not None:
                end = draft.horizon_s if spec.for_s is None else to_the_ms(start + spec.for_s)
                found[index] = (start, end)
    return [found.get(index) for index in range(len(draft.faults))]


def _start(draft: Draft, spec: FaultSpec, found: dict[int, Span]) -> float | None:
    if spec.after is None:
        return spec.at_s or 0.0
    other = found.get(draft.ids.index(spec.after.fault)) if spec.after.fault in draft.ids else None
    if other is None:
        return None
    if spec.after.effect != "reverted":
        return to_the_ms(other[0] + spec.after.delay_s)
    before = draft.faults[draft.ids.index(spec.after.fault)]
    return None if before is None or before.for_s is None else to_the_ms(other[1] + spec.after.delay_s)


def _check_spans(draft: Draft) -> Iterator[Finding]:
    for index, (spec, span) in enumerate(zip(draft.faults, fault_spans(draft), strict=True)):
        if spec is None or span is None or not draft.horizon_s:
            continue
        horizon = format_duration(draft.horizon_s)
        if span[0] >= draft.horizon_s:
            place = ("faults", index, "at" if spec.after is None else "after")
            began = f"begins {format_duration(span[0])} after the warm-up, but the horizon is {horizon}"
            yield Finding(place, f"{began}. Let it begin earlier, or write a longer `horizon`.")
        elif span[1] > draft.horizon_s:
            message = f"ends {format_duration(span[1])} after the warm-up, but the horizon is {horizon}. "
            most = format_duration(draft.horizon_s - span[0])
            yield Finding(("faults", index, "for"), message + f"Write at most '{most}', or a longer `horizon`.")
        elif spec.for_s is not None and spec.for_s < SHORTEST_FAULT_S:
            message = f"nothing comes by in {format_duration(spec.for_s)}, so that the fault would touch nothing"
            yield Finding(("faults", index, "for"), f"{message}. Write how long it lasts, for example '30m'.")
        elif spec.for_s is None and to_the_ms(draft.horizon_s - span[0]) < SHORTEST_FAULT_S:
            message = f"begins {format_duration(draft.horizon_s - span[0])} before the horizon, {horizon}"
            place = ("faults", index, "at" if spec.after is None else "after")
            yield Finding(place, f"{message}. Let it begin earlier, or write a longer `horizon`.")
