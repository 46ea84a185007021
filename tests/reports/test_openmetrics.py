"""OpenMetrics: read by the parsers of Prometheus' own client, in both of its text formats."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hostile_texts import HOSTILE, hostile
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from harness.reports import openmetrics
from harness.reports.narrative import harmless
from harness.reports.traces import TraceReader
from harness.scoring import Scorecard, score


def test_golden(judged: tuple[Scorecard, TraceReader], golden: Callable[[str, str], None]) -> None:
    golden("metrics.prom", openmetrics.render(judged[0]))


def test_both_text_formats_read_the_same(judged: tuple[Scorecard, TraceReader]) -> None:
    text = openmetrics.render(judged[0])
    new, old = list(read_openmetrics(text)), list(read_prometheus(text))
    assert {family.type for family in new} == {"gauge"}
    assert [(f.name, [(s.labels, s.value) for s in f.samples]) for f in new] == [
        (f.name, [(s.labels, s.value) for s in f.samples]) for f in old
    ]


def test_values_are_in_base_units_and_what_was_not_measured_is_absent(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in read_openmetrics(openmetrics.render(card))
        for sample in family.samples
    }
    for profile in card.profiles:
        for name, whole, scale in (
            ("mttd", "mttd_seconds", 1),
            ("harm", "harm_seconds", 3600),
            ("prediction_availability", "prediction_availability_ratio", 1),
        ):
            key = (f"pipequake_{whole}", (("bound", "value"), ("profile", profile.profile)))
            value = profile.metric(name).value
            assert samples.get(key) == (None if value is None else pytest.approx(value * scale))
    unknown = [e for e in card.experiments if e.verdict.value == "inconclusive"]
    assert unknown
    for experiment in unknown:
        where = (("profile", experiment.profile), ("scenario", experiment.scenario))
        assert ("pipequake_scenario_passed", where) not in samples


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_labels_stay_labels(judged: tuple[Scorecard, TraceReader], text: str) -> None:
    shown = openmetrics.render(hostile(judged[0], text))
    plain = list(read_openmetrics(openmetrics.render(judged[0])))
    families = list(read_openmetrics(shown))
    assert {family.name for family in families} <= {family.name for family in plain}
    for family in families:
        for sample in family.samples:
            assert sample.labels.get("scenario", harmless(text)) == harmless(text)
            assert set(sample.labels) <= {"profile", "scenario", "outcome", "bound"}


def test_no_experiment_is_an_empty_exposition() -> None:
    assert openmetrics.render(score([])) == "# EOF\n"
