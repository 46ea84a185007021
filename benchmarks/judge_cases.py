"""What the judge is tried with: mutations of the pipeline, and monitors and probes that try to fool it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CASES", "Case", "alerting_always", "alerting_never", "controls_as_treatments", "probes_crashed"]

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A defence that is switched off, a scenario that it is for, and the metrics that must fall, or may with them."""

    defence: str
    scenario: str
    falls: tuple[str, ...]
    may: tuple[str, ...] = ()


_ALERTS = ("alert_localisation", "alert_precision", "pages_per_incident")
_LATER = (*_ALERTS, "incident_duration", "harm", "data_quality", "automated_recovery_rate")
_LOST = (*_LATER, "prediction_availability", "feature_freshness", "model_freshness", "mttd")
_TRAINING = (*_LATER, "training_success", "model_freshness")

CASES = (
    Case("validation", "weather-in-celsius", ("data_quality",), (*_LATER, "mttd")),
    Case("checks.contract", "delays-become-text", ("mttd",), _LATER),
    Case("checks.source_age", "weather-frozen", ("alert_localisation",), _LATER),
    Case("checks.feature_age", "stale-features", ("mttd",), _LATER),
    Case("checks.training", "training-cannot-import", ("mttd",), _TRAINING),
    Case("checks_feature_age", "weather-frozen", ("feature_freshness",), _LOST),
    Case("view_dropout", "feature-store-empty", ("data_quality",), _LATER),
    Case("store_timeout_s", "feature-store-hangs", ("harm", "prediction_availability"), _LOST),
    Case("supervised", "serving-killed", ("harm", "prediction_availability"), _LOST),
    Case(
        "simplified_model",  # without it no release comes about; the model before may be as good
        "serving-returns-raw-scores",
        ("automated_recovery_rate", "incident_duration"),
        (*_LOST, "deployment_success"),
    ),
    Case("runbooks.retrain", "registry-unavailable", ("incident_duration", "model_freshness"), _TRAINING),
)


def alerting_never(journal: Iterable[Record]) -> Iterator[Record]:
    """The journal of the same runs with a monitor that says nothing."""
    return (record for record in journal if record["kind"] != "alert")


def alerting_always(journal: Iterable[Record], every_s: float = 600.0) -> Iterator[Record]:
    """The journal of the same runs with a monitor that raises a critical alert every so often, and takes it back."""
    common = {"kind": "alert", "name": "Something", "component": "serving", "severity": "critical", "labels": {}}
    for record in alerting_never(journal):
        if record["kind"] == "arm.start":
            yield record
            for number in range(int((record["warmup_s"] + record["horizon_s"]) // every_s)):
                fires = {**common, "arm": record["arm"], "t": number * every_s, "summary": ""}
                yield {**fires, "state": "firing"}
                yield {**fires, "t": number * every_s + every_s / 2, "state": "resolved"}
        else:
            yield record


def probes_crashed(journal: Iterable[Record], after_s: float) -> Iterator[Record]:
    """The journal of the same runs when what the users saw is lost from a moment on in the treatments."""
    treatments = set()
    for record in journal:
        if record["kind"] == "arm.start" and record["role"] == "treatment":
            treatments.add(record["arm"])
        if not (record["kind"] == "request" and record["arm"] in treatments and record["sent"] >= after_s):
            yield record


def controls_as_treatments(journal: Sequence[Record], acts_s: float, lasts_s: float) -> list[Record]:
    """A/A: each control against the control of each other seed, with a fault on record that did nothing to it.

    Detections are then chance, and come at the rate of false alarms; so is harm, and comes on one run in
    ``1 / (1 - band_coverage)`` at most.
    """
    starts = {r["arm"]: r for r in journal if r["kind"] == "arm.start" and r["role"] == "control"}
    lines = {arm: [r for r in journal if r["arm"] == arm and r["kind"] != "arm.start"] for arm in starts}
    records = [record for arm in starts for record in (starts[arm], *lines[arm])]
    for arm, other, references in _matched(starts):
        start = starts[arm]
        fault = {"id": "nothing", "fault": "data.null_spike", "point": "feed:weather"}
        spec = {"name": "control-against-control", "faults": [fault], "expect": [{"outcome": "absorbed"}]}
        name = f"{arm}/against/{other}"
        more = {"arm": name, "role": "treatment", "scenario": spec["name"], "control": other, "spec": spec}
        acts = start["warmup_s"] + acts_s
        common = {"arm": name, "fault_id": "nothing"}
        body: list[Record] = [{**record, "arm": name} for record in lines[arm]]
        body += [
            {**common, "t": acts, "kind": "fault.intent", "fault": fault["fault"], "point": fault["point"]},
            {**common, "t": acts, "kind": "fault.evidence", "touched": 1, "what": "rows"},
            {**common, "t": acts + lasts_s, "kind": "fault.reverted"},
        ]
        records += [{**start, **more, "reference": references}, *sorted(body, key=lambda record: float(record["t"]))]
    return records


def _matched(starts: Mapping[str, Record]) -> Iterator[tuple[str, str, list[str]]]:
    """Each control with each of another seed on the same day, and that one with a third, for the noise between them."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for arm, start in starts.items():
        groups.setdefault((start["profile"], start["start"], start["warmup_s"]), []).append(arm)
    for group in groups.values():
        for place, control in enumerate(group):
            others = group[place + 1 :] + group[:place]
            for arm in others:
                third = [other for other in others if other != arm][:1]
                if third:
                    yield arm, control, third
