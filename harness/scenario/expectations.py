"""Checks of what is expected: can each expectation be judged before the run ends, and can all come true?"""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.draft import Draft
from harness.scenario.durations import format_duration, to_the_ms
from harness.scenario.explain import Finding
from harness.scenario.model import DetectWithin, OutcomeIs, RecoverWithin
from harness.scenario.suggest import suggestion
from harness.scenario.timeline import Span, fault_spans
from harness.verdict import Outcome

__all__ = ["check_expectations"]


def check_expectations(draft: Draft) -> Iterator[Finding]:
    """Expectations of unknown faults, past the horizon, or at odds with each other."""
    yield from _check_names(draft)
    yield from _check_deadlines(draft)
    yield from _check_contradictions(draft)


def _check_names(draft: Draft) -> Iterator[Finding]:
    known = [fault_id for fault_id in draft.ids if fault_id is not None]
    for index, expectation in enumerate(draft.expect):
        name = getattr(expectation, "fault", None)
        if name is not None and name not in known:
            message = f"no fault has the id {name!r}. {suggestion(name, known)}"
            yield Finding(("expect", index, "fault"), message)


def _targets(draft: Draft, fault: str | None) -> list[int]:
    """The faults that an expectation is about: the named one, or all."""
    return [index for index, fault_id in enumerate(draft.ids) if fault is None or fault_id == fault]


def _check_deadlines(draft: Draft) -> Iterator[Finding]:
    spans = fault_spans(draft)
    for number, expectation in enumerate(draft.expect):
        if not isinstance(expectation, DetectWithin | RecoverWithin) or not draft.horizon_s:
            continue
        key = "detect_within" if isinstance(expectation, DetectWithin) else "recover_within"
        for index in _targets(draft, expectation.fault):
            span = spans[index]
            if span is None or span[0] >= draft.horizon_s or span[1] > draft.horizon_s:
                continue  # reported as a problem of the fault
            message = _too_late(expectation, span, draft.horizon_s)
            if message is not None:
                yield Finding(("expect", number, key), f"fault {draft.ids[index]!r} {message}")
                break


def _too_late(expectation: DetectWithin | RecoverWithin, span: Span, horizon_s: float) -> str | None:
    """Why the deadline can't be judged for a fault of this span; None if it can."""
    if isinstance(expectation, DetectWithin):
        moment, begins, within = span[0], "begins", expectation.detect_within_s
    else:
        moment, begins, within = span[1], "ends", expectation.recover_within_s
    left = to_the_ms(horizon_s - moment)
    if within <= left:
        return None
    if left == 0:
        return "lasts until the horizon, so that no recovery can be seen. Give it a `for`."
    room = format_duration(left)
    return (
        f"{begins} at {format_duration(moment)}, {room} before the horizon: this can't be judged. "
        f"Write at most '{room}', or a longer `horizon`."
    )


#: Outcomes that leave nothing to detect, or say that it was not detected.
_UNDETECTED = (Outcome.SILENT, Outcome.ABSORBED, Outcome.INERT)


def _check_contradictions(draft: Draft) -> Iterator[Finding]:
    for number, expectation in enumerate(draft.expect):
        if not isinstance(expectation, OutcomeIs):
            continue
        mine = _targets(draft, expectation.fault)
        for other_number, other in enumerate(draft.expect):
            if other is None or not any(index in mine for index in _targets(draft, getattr(other, "fault", None))):
                continue
            message = None
            if isinstance(other, DetectWithin) and expectation.outcome in _UNDETECTED:
                message = f"contradicts `detect_within` of expect[{other_number}]. Remove one of them."
            elif isinstance(other, OutcomeIs) and other_number < number and other.outcome != expectation.outcome:
                message = f"contradicts `outcome: {other.outcome}` of expect[{other_number}]. Remove one of them."
            if message is not None:
                yield Finding(("expect", number, "outcome"), f"`outcome: {expectation.outcome}` {message}")
