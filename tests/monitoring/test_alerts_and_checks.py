"""Checks as pure functions of two looks, and the alerts that become of what they find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.features.definitions import FEATURES, LIVE_VIEWS
from reference_pipeline.monitoring.alerts import AlertBook
from reference_pipeline.monitoring.charts import EMPTY, ROWS_AT_LEAST, Charts, Window, quality, statistics
from reference_pipeline.monitoring.checks import CHECKS, QUICK, REVIEWS
from reference_pipeline.monitoring.recent import RecentPredictions
from reference_pipeline.monitoring.snapshot import Finding, Snapshot
from reference_pipeline.profiles import PROFILES

AT = 1_370_000_000.0
GAPS = {"weather": 7200.0}
CHARTS = Charts({"mean.weather.temp": (40.0, 90.0), "missing.weather.temp": (0.0, 0.1), "brier": (0.0, 0.25)})


def window(rows: int = 60, *, temp: float = 60.0, p: float = 0.2, late: float = float("nan")) -> Window:
    features = np.full((rows, len(FEATURES)), 1.0)
    features[:, FEATURES.index("weather.temp")] = temp
    ages = np.full((rows, len(LIVE_VIEWS)), 600.0)
    return Window(
        features, ages, np.full(rows, p), np.full(rows, late), np.array(["JFK"] * rows), np.array(["AA"] * rows)
    )


def look(
    at: float = AT, *, recent: Window = EMPTY, older: Window = EMPTY, **statuses: Mapping[str, Any] | None
) -> Snapshot:
    return Snapshot(at, statuses, recent, older, CHARTS, GAPS)


def found(check: str, now: Snapshot, before: Snapshot | None = None) -> list[tuple[str, str]]:
    return [(finding.name, finding.component) for finding in CHECKS[check](now, before)]


HEALTHY: dict[str, Mapping[str, Any]] = {
    "serving": {
        "recent": 20,
        "recent_failed": 0,
        "recent_fallback": 0,
        "latency_p95_s": 0.01,
        "store_errors": 4,
        "model_age_s": 3600,
        "registry_ok": True,
        "rejected_artifacts": 0,
        "started_at": AT - 86400,
    },
    "ingestion": {"feeds": {"weather": {"last_window_end": AT - 3600, "poll_errors": 0, "open_violations": {}}}},
    "features": {"taken_at": {"weather": AT - 3500}, "store_errors": 0},
    "training": {"last_error": None},
}

VIOLATION = {"kind": "type", "column": "temp", "detail": "text", "severity": "error"}
ILL = [
    ("serving_health", {"serving": None}, ("ServiceDown", "serving")),
    ("health", {"features": None}, ("ServiceDown", "features")),
    ("errors", {"serving": {"recent": 20, "recent_failed": 5}}, ("PredictionErrors", "serving")),
    ("latency", {"serving": {"latency_p95_s": 0.8}}, ("PredictionLatency", "serving")),
    ("fallbacks", {"serving": {"recent": 20, "recent_fallback": 4}}, ("FallbackPredictions", "serving")),
    ("fallbacks", {"serving": {"store_errors": 6}}, ("FeatureStoreErrors", "store")),
    ("dependencies", {"serving": {"registry_ok": False}}, ("RegistryUnreachable", "registry")),
    ("dependencies", {"serving": {"rejected_artifacts": 1}}, ("ArtifactRejected", "registry")),
    ("dependencies", {"features": {"store_errors": 1}}, ("FeatureWritesFailing", "store")),
    ("source_age", {"ingestion": {"feeds": {"weather": {"last_window_end": AT - 9000}}}}, ("SourceStale", "weather")),
    ("dependencies", {"ingestion": {"feeds": {"weather": {"poll_errors": 1}}}}, ("SourceUnreachable", "weather")),
    (
        "contract",
        {"ingestion": {"feeds": {"weather": {"open_violations": {"type": VIOLATION}}}}},
        ("DataContract", "weather"),
    ),
    ("feature_age", {"features": {"taken_at": {"weather": AT - 9000}}}, ("FeaturesStale", "features")),
    ("model_age", {"serving": {"model_age_s": 30 * 3600}}, ("ModelStale", "model")),
    ("training", {"training": {"last_error": "no module"}}, ("TrainingFailed", "training")),
    ("serving_health", {"serving": {"started_at": AT - 10}}, ("ServiceRestarted", "serving")),
]


def test_nothing_is_found_in_a_healthy_pipeline() -> None:
    now, before = look(**HEALTHY, recent=window()), look(AT - 300, **HEALTHY)
    assert {name: found(name, now, before) for name in CHECKS} == {name: [] for name in CHECKS}


@pytest.mark.parametrize(("check", "change", "expected"), ILL, ids=[f"{c}-{e[0]}" for c, _, e in ILL])
def test_each_check_sees_its_illness(check: str, change: dict[str, Any], expected: tuple[str, str]) -> None:
    ill = {name: value if value is None else {**HEALTHY[name], **value} for name, value in change.items()}
    assert expected in found(check, look(**{**HEALTHY, **ill}), look(AT - 300, **HEALTHY))


def test_statistics_out_of_historys_range_are_found() -> None:
    assert found("drift", look(recent=window(temp=15.0))) == [("FeatureDrift", "features")]
    assert found("drift", look(recent=window(temp=float("nan")))) == [("FeatureMissing", "features")]
    assert found("quality", look(older=window(p=0.1, late=1.0))) == [("ModelQuality", "model")]
    assert found("quality", look(older=window(p=0.9, late=1.0))) == []


def test_too_few_rows_are_not_judged() -> None:
    assert statistics(window(ROWS_AT_LEAST - 1)) == {}
    assert quality(window(ROWS_AT_LEAST - 1, late=1.0)) == {}


def test_every_profile_names_checks_that_exist() -> None:
    for profile in PROFILES.values():
        assert set(profile.checks) <= set(CHECKS)
    assert set(QUICK) | set(REVIEWS) <= set(CHECKS)


def test_an_alert_fires_once_and_resolves_when_it_has_been_quiet() -> None:
    book = AlertBook(resolve_after_s=600)
    down = Finding("ServiceDown", "features", "critical", "features does not answer")
    (fired,) = book.update({"health": [down]}, AT)
    assert fired["labels"] == {"alertname": "ServiceDown", "component": "features", "severity": "critical"}
    assert fired["startsAt"] == "2013-05-31T11:33:20.000Z"
    assert "endsAt" not in fired
    assert book.update({"health": [down]}, AT + 300) == []
    assert book.update({"health": []}, AT + 800) == []  # quiet for 500 s
    assert book.update({"errors": []}, AT + 2000) == []  # its check was not run
    (resolved,) = book.update({"health": []}, AT + 900)
    assert resolved["startsAt"] == fired["startsAt"]
    assert resolved["endsAt"] == "2013-05-31T11:48:20.000Z"
    assert book.firing() == []


def test_recent_predictions_meet_their_labels() -> None:
    recent = RecentPredictions()
    rows = [
        [n, AT + n, f"f{n}", "JFK", "AA", "m1", "model", 0.5, [1.0] * len(FEATURES), {"weather": 60.0}]
        for n in range(80)
    ]
    recent.extend(rows, [[1, "f79", 1]])
    seen = recent.window(AT + 80, 60)
    assert len(seen.p) == 60
    assert seen.late[-1] == 1.0
    assert np.isnan(seen.late[:-1]).all()
    assert np.isnan(seen.ages_s[:, LIVE_VIEWS.index("origin")]).all()
    assert (recent.prediction_number, recent.label_number) == (79, 1)
    assert recent.window(AT - 1, 60) is EMPTY


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.integers(60, 900))
@settings(deadline=None, max_examples=30)
def test_a_window_has_the_rows_of_its_time_whatever_came_and_went_before(batches: list[int], kept_s: int) -> None:
    recent, everything = RecentPredictions(kept_s), list[float]()
    for size in batches:
        moments = [AT + len(everything) + n for n in range(size)]
        recent.extend(
            [
                [n, at, f"f{at}", "JFK", "AA", "m", "model", 0.5, [at, *[None] * (len(FEATURES) - 1)], {"weather": at}]
                for n, at in enumerate(moments)
            ],
            [],
        )
        everything.extend(moments)
        seen = recent.window(everything[-1] + 0.5, 50)
        expected = [at for at in everything if at >= everything[-1] - kept_s][-50:]
        assert seen.features[:, 0].tolist() == expected
        assert seen.ages_s[:, LIVE_VIEWS.index("weather")].tolist() == expected
        assert np.isnan(seen.features[:, 1:]).all()


def test_a_prediction_of_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        RecentPredictions().extend([[1, AT, "f", "JFK", "AA", "m", "model", 0.5, [1.0], {}]], [])
