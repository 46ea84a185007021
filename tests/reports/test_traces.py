"""Traces keep what a reader must see of many requests in few numbers."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reports.html.curves import curves_of
from harness.reports.html.plot_data import PlotData, _packed
from harness.reports.traces import MOST_BUCKETS, TraceReader, bucket_width_s
from harness.scoring import Scorecard

HOUR = 3600.0


def arm(name: str, horizon_s: float = 24 * HOUR, control: str | None = None) -> dict[str, Any]:
    return {"kind": "arm.start", "arm": name, "t": 0.0, "warmup_s": 100.0, "horizon_s": horizon_s, "control": control}


def request(name: str, sent: float, latency_ms: float, status: int = 200) -> dict[str, Any]:
    values = {"latency_ms": latency_ms, "status": status, "p": 0.5, "feature_age_s": None, "model_age_s": 60.0}
    return {"kind": "request", "arm": name, "t": sent, "sent": sent, **values}


def read(records: list[dict[str, Any]]) -> TraceReader:
    reader = TraceReader()
    assert list(reader.watching(records)) == records
    return reader


@settings(deadline=None)
@given(st.floats(1.0, 1e8))
def test_an_arm_of_any_length_has_few_buckets(horizon_s: float) -> None:
    assert horizon_s / bucket_width_s(horizon_s) <= MOST_BUCKETS * (1 + 1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 24 * HOUR - 1), st.floats(0.1, 1e5), st.sampled_from([200, 503])), min_size=1))
def test_no_slow_answer_and_no_lost_one_disappears(sent: list[tuple[float, float, int]]) -> None:
    trace = read([arm("a"), *(request("a", 100 + at, ms, status) for at, ms, status in sent)]).trace("a")
    assert trace is not None
    answered = [ms for _, ms, status in sent if status == 200]
    slowest = [value for value in trace.latency_ms_max if value is not None]
    assert max(slowest, default=0.0) == float(f"{max(answered, default=0.0):.3g}")
    lost = any(status != 200 for _, _, status in sent)
    assert any(share is not None and share < 1 for share in trace.availability) is lost
    for middle, most in zip(trace.latency_ms, trace.latency_ms_max, strict=True):
        assert (middle is None) is (most is None)
        assert middle is None or most is None or middle <= most


def test_what_was_sent_in_the_warm_up_is_not_shown_and_an_empty_bucket_is_no_zero() -> None:
    trace = read([arm("a"), request("a", 50.0, 5.0), request("a", 100.0 + HOUR, 7.0)]).trace("a")
    assert trace is not None
    assert [value for value in trace.availability if value is not None] == [1.0]
    assert trace.availability[0] is None
    assert set(trace.feature_age_s) == {None}


def test_a_treatment_has_the_buckets_of_its_longer_control() -> None:
    reader = read([arm("control", 48 * HOUR), arm("treatment", 12 * HOUR, "control")])
    trace, control = reader.trace("treatment"), reader.trace("control")
    assert trace is not None
    assert control is not None
    assert trace.bucket_s == control.bucket_s
    assert len(trace.availability) < len(control.availability)
    assert reader.trace("nobody") is None


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from([0.0, 1.0, 1.5, 3600.0]))))
def test_packed_series_can_be_unpacked(values: list[float | None]) -> None:
    unpacked: list[float | None] = []
    for item in _packed(values):
        unpacked += [item[0]] * item[1] if isinstance(item, list) else [item]
    assert unpacked == values


def test_a_control_is_kept_once_for_all_that_share_it(judged: tuple[Scorecard, TraceReader]) -> None:
    card, traces = judged
    data = PlotData()
    drawn = [e for e in card.experiments if e.timeline is not None]
    for experiment in drawn:
        data.add(experiment, curves_of(experiment, traces))
    content = data.content()
    controls = {curve[6][0] for plot in content["plots"] for curve in plot["curves"] if curve[0] == "availability"}
    assert len(drawn) > 4
    assert len(controls) == 1
    assert {curve[0] for curve in content["plots"][0]["curves"]} >= {"total", "availability", "latency"}
