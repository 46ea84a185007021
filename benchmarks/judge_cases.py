"""What the judge is tried with: mutations of the pipeline, and monitors and probes that try to fool it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CASES",
    "Case",
    "alerting_always",
    "alerting_never",
    "controls_as_treatments",
    "probes_crashed",
]

Record = Mapping[str, Any]

#: Scenarios that most defences are not for: one about a process, one about what comes in.
_A_PROCESS, _A_COLUMN = "serving-killed", "delays-become-text"


@dataclass(frozen=True, slots=True)
class Case:
    """A defence that is switched off, a scenario that it is for, and the metrics that must fall, or may with them.

    ``profile`` is where it is switched off: without the defences that stand before it, where there are any. In
    ``apart``, a scenario that the defence is not for, nothing at all falls.
    """

    defence: str
    scenario: str
    falls: tuple[str, ...]
    may: tuple[str, ...] = ()
    profile: str = "mature"
    apart: str = _A_PROCESS

    @property
    def mutant(self) -> str:
        """The profile without the defence."""
        return f"{self.profile}-{self.defence}"


_ALERTS = ("alert_localisation", "alert_precision", "pages_per_incident")
_SEEN = (*_ALERTS, "mttd", "silent_failure_detection_rate")
_LATER = (*_SEEN, "incident_duration", "incident_recurrence", "harm", "data_quality", "automated_recovery_rate")
_LOST = (*_LATER, "prediction_availability", "feature_freshness", "model_freshness")
_TRAINING = (*_LATER, "training_success", "model_freshness", "deployment_success")
_RELEASE = (*_LOST, "training_success", "deployment_success")

CASES = (
    # What comes in
    Case("validation", "weather-in-celsius", ("data_quality",), _LATER),
    Case("second_provider", "flights-three-hours-late", ("data_quality", "feature_freshness"), _LOST),
    # Serving
    Case("store_timeout_s", "feature-store-hangs", ("harm", "prediction_availability"), _LOST),
    Case("second_store", "stale-features", ("harm", "data_quality"), _LOST, "world_class"),
    Case("breaker", "tracker-can-not-be-written", ("model_freshness", "incident_duration"), _TRAINING),
    Case("cached_features_s", "feature-store-down", ("incident_duration",), _LATER),
    # Without it no release comes about; the model before may be as good.
    Case("simplified_model", "serving-returns-raw-scores", ("automated_recovery_rate", "incident_duration"), _RELEASE),
    Case("view_dropout", "feature-store-empty", ("data_quality",), _LATER),
    Case("checks_feature_age", "weather-frozen", ("feature_freshness",), _LOST),
    Case("checks_requests", "distances-that-are-not-true", ("data_quality",), _LATER, "world_class"),
    Case(
        "requests_a_minute",
        "surge-on-a-slow-store",
        ("mttd",),
        _LATER,
        "world_class-checks.feature_age-checks.seasonal",
    ),
    # Deployment
    Case("gate_segments", "library-forgets-the-objective", ("data_quality",), _RELEASE),
    Case("canary_s", "release-that-calls-everything-late", ("deployment_success", "mttd"), _RELEASE),
    Case("shadow", "streaming-segment-release", ("harm", "mttd"), _RELEASE, "world_class"),
    Case("verify_artifacts", "model-exchanged-before-a-restart", ("harm", "data_quality"), _LOST),
    Case("approves_settings", "views-switched-off-past-the-review", ("harm", "data_quality"), _LOST, "world_class"),
    Case("locked_libraries", "library-with-a-second-purpose", ("data_quality",), _TRAINING, "world_class"),
    # Which services are watched
    Case("watched.serving", "serving-killed", ("mttd",), _LATER, "mature-supervised", _A_COLUMN),
    Case("watched.ingestion", "ingestion-cut-off", ("mttd", "harm"), _LOST),
    Case("watched.features", "features-frozen", ("mttd", "harm"), _LOST),
    Case("watched.training", "training-cannot-import", ("mttd", "model_freshness"), _TRAINING),
    Case("watched.registry", "registry-unavailable", ("alert_localisation",), _TRAINING, "mature-checks.dependencies"),
    Case("watched.orchestration", "orchestration-dies-in-the-night", ("mttd", "incident_duration"), _TRAINING),
    # What is looked at
    Case("checks.serving_health", "serving-killed", ("mttd",), _LATER, "mature-supervised", _A_COLUMN),
    Case("checks.health", "features-frozen", ("mttd", "harm"), _LOST, apart=_A_COLUMN),
    Case("checks.errors", "feature-store-down", ("mttd",), _LATER, "ad_hoc", _A_COLUMN),
    Case("checks.latency", "feature-store-slow", ("mttd",), _LATER, "basic"),
    Case("checks.training", "training-cannot-import", ("mttd",), _TRAINING),
    Case("checks.jobs", "orchestration-cut-off-from-training", ("mttd", "model_freshness"), _RELEASE),
    Case("checks.dependencies", "ingestion-cut-off", ("mttd", "harm"), _LOST),
    Case("checks.fallbacks", "serving-cut-from-store", ("mttd",), _LATER),
    Case("checks.source_age", "weather-frozen", ("alert_localisation",), _LATER),
    Case("checks.contract", "delays-become-text", ("mttd",), _LATER),
    Case("checks.feature_age", "stale-features", ("mttd",), _LATER),
    Case(
        "checks.drift",
        "feature-services-clock-behind",
        ("mttd",),
        _LOST,
        "mature-checks.feature_age-checks.fallbacks",
    ),
    Case("checks.predictions", "serving-returns-raw-scores", ("mttd",), _LATER, "mature-simplified_model"),
    Case(
        "checks.quality",
        "serving-returns-raw-scores",
        ("mttd",),
        _LATER,
        "mature-simplified_model-checks.predictions",
    ),
    Case("checks.model_age", "training-cannot-import", ("mttd",), _TRAINING, "mature-checks.training-checks.jobs"),
    Case("checks.replica", "stale-features", ("mttd",), _LATER, "world_class"),
    Case("checks.releases", "streaming-segment-release", ("mttd", "model_freshness"), _RELEASE, "world_class"),
    Case(
        "checks.libraries",
        "library-with-a-second-purpose",
        ("mttd", "model_freshness"),
        _TRAINING,
        "world_class-checks.training-checks.jobs",
    ),
    Case("checks.configuration", "views-switched-off-past-the-review", ("mttd",), _LATER, "world_class"),
    Case("checks.access", "one-flight-asked-about-all-day", ("alert_localisation",), _LATER, "world_class"),
    Case(
        "checks.seasonal",
        "feature-services-clock-behind",
        ("mttd",),
        _LOST,
        "world_class-checks.drift-checks.feature_age-checks.fallbacks",
    ),
    Case(
        "checks.outcome",
        "insurance-feedback-loop",
        ("silent_failure_detection_rate",),
        _RELEASE,
        "world_class-validation-gate_segments-checks.segments",
    ),
    Case("checks.segments", "streaming-segment-release", ("mttd",), _RELEASE, "world_class-shadow-gate_segments"),
    # What is done about it
    Case("guards_monitor", "delays-flip-while-the-monitor-hangs", ("mttd", "data_quality"), _LOST, "world_class"),
    Case("supervised", "serving-killed", ("harm", "prediction_availability"), _LOST, apart=_A_COLUMN),
    Case(
        "job_retries",
        "training-out-of-reach-for-an-hour",
        ("training_success", "model_freshness"),
        _TRAINING,
        "mature-runbooks.retrain",
    ),
    Case("runbooks.restart", "features-frozen", ("harm", "incident_duration"), _LOST, apart=_A_COLUMN),
    Case("runbooks.fallback", "feature-services-clock-behind", ("feature_freshness",), _LOST),
    Case("runbooks.backfill", "delays-become-text", ("data_quality",), _LATER, "mature-second_provider"),
    Case("runbooks.retrain", "registry-unavailable", ("incident_duration", "model_freshness"), _TRAINING),
    Case(
        "runbooks.rollback", "release-that-calls-everything-late", ("harm", "data_quality"), _RELEASE, "mature-canary_s"
    ),
    Case("runbooks.failover", "flights-three-hours-late", ("data_quality", "feature_freshness"), _LOST),
    Case("runbooks.pin", "training-cannot-import", ("model_freshness", "incident_duration"), _TRAINING),
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
    ``1 / (1 - band_coverage)`` at most. A pair ends with the shorter of the two, as a run ends with its control.
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
        end = min(float(lines[arm][-1]["t"]), float(lines[other][-1]["t"]))
        body: list[Record] = [
            {**record, "arm": name, "t": min(float(record["t"]), end)}
            for record in lines[arm]
            if record["t"] <= end or record["kind"] == "arm.end"
        ]
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
