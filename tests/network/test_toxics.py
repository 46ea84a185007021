"""Toxics and pipes: what can be said of any stacking, chunking and live change."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.network.pipe import End, Pipe
from chaos.network.toxics import ATTRIBUTES, ToxicError, ToxicSpec
from chaos.rng import uniform


def draw(toxic: str, tick: int) -> float:
    return uniform(7, toxic, tick)


def toxic(kind: str, name: str | None = None, toxicity: float = 1.0, **attributes: float) -> ToxicSpec:
    return ToxicSpec(name or kind, kind, "upstream", toxicity, attributes)


def drain(pipe: Pipe, until: float = math.inf) -> list[tuple[float, bytes | End]]:
    """Everything that the pipe releases up to a time, with the times."""
    released: list[tuple[float, bytes | End]] = []
    while (due := pipe.next_due()) is not None and due <= until:
        items = pipe.pop_due(due)
        assert items, "next_due promised something"
        released += [(due, item) for item in items]
    return released


# -- specs


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"type": "latencie"}, "invalid toxic type 'latencie'; types: latency, bandwidth, slow_close"),
        ({}, "invalid toxic type 'None'"),
        ({"type": "latency", "stream": "sideways"}, "stream was invalid, can be either upstream or downstream"),
        ({"type": "latency", "toxicity": 1.5}, "toxicity must be between 0 and 1, got 1.5"),
        ({"type": "latency", "toxicity": True}, "toxicity must be between 0 and 1, got True"),
        ({"type": "latency", "attributes": {"delay": 1}}, "unknown attribute 'delay' of toxic 'latency'; attributes"),
        ({"type": "latency", "attributes": {"jitter": "9"}}, "attribute 'jitter' must be a number, got '9'"),
        ({"type": "bandwidth", "attributes": {"rate": -1}}, "'rate' must be a finite number of at least 0, got -1"),
        ({"type": "latency", "attributes": {"jitter": 2**63}}, "must be a finite number of at least 0"),
        ({"type": "latency", "attributes": {"latency": math.nan}}, "must be a finite number of at least 0, got nan"),
        ({"type": "limit_data", "attributes": {"bytes": 1.5}}, "'bytes' must be a whole number, got 1.5"),
        ({"type": "slicer"}, "'average_size' of a slicer must be at least 1"),
        (
            {"type": "slicer", "attributes": {"average_size": 5, "size_variation": 5}},
            "'size_variation' of a slicer must be below its 'average_size'",
        ),
        ({"type": "latency", "name": 5}, "name must be a string"),
        ({"type": "latency", "attributes": [1]}, "attributes an object"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(raw: dict[str, Any], reason: str) -> None:
    with pytest.raises(ToxicError) as caught:
        ToxicSpec.from_json(raw)
    assert reason in str(caught.value)
    assert caught.value.status == 400


@pytest.mark.parametrize("kind", sorted(set(ATTRIBUTES) - {"slicer"}))
def test_defaults_are_toxiproxys_and_json_round_trips(kind: str) -> None:
    spec = ToxicSpec.from_json({"type": kind})
    assert spec.to_json() == {
        "name": f"{kind}_downstream",
        "type": kind,
        "stream": "downstream",
        "toxicity": 1.0,
        "attributes": dict(ATTRIBUTES[kind]),
    }
    assert ToxicSpec.from_json(spec.to_json()) == spec


# -- properties of pipes

milliseconds = st.integers(0, 5000)
harmless = st.one_of(
    st.builds(
        lambda n, a, b: toxic("latency", n, latency=a, jitter=b), st.sampled_from("ab"), milliseconds, milliseconds
    ),
    st.builds(lambda n, rate: toxic("bandwidth", n, rate=rate), st.sampled_from("cd"), st.integers(1, 100)),
    st.builds(lambda n, delay: toxic("slow_close", n, delay=delay), st.sampled_from("ef"), milliseconds),
    st.builds(
        lambda n, size, share, delay: toxic(
            "slicer", n, average_size=size, size_variation=int(size * share), delay=delay
        ),
        st.sampled_from("gh"),
        st.integers(1, 50),
        st.floats(0, 0.99),
        st.integers(0, 10_000),
    ),
)
stacks = st.lists(harmless, max_size=5, unique_by=lambda spec: spec.name)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.binary(min_size=1, max_size=400)),
        st.tuples(st.just("wait"), st.floats(0, 3)),
        st.tuples(st.just("update"), stacks),
    ),
    max_size=25,
)


@given(stacks, steps)
def test_harmless_toxics_keep_every_byte_in_order_whatever_changes(first: list[ToxicSpec], script: Any) -> None:
    pipe, now = Pipe(first, draw), 0.0
    sent = b""
    released: list[tuple[float, bytes | End]] = []
    for verb, value in script:
        if verb == "push":
            pipe.push(now, value)
            sent += value
        elif verb == "update":
            pipe.update(now, value)
            flushed = [(now, item) for item in pipe.pop_due(now)]
            assert pipe.next_due() is None, "a change releases everything at once"
            released += flushed
        else:
            released += drain(pipe, now + value)
            now += value
    pipe.push_eof(now)
    released += drain(pipe)
    assert b"".join(item for _, item in released if isinstance(item, bytes)) == sent
    assert [item for _, item in released if isinstance(item, End)] == [End.EOF]
    assert released[-1][1] is End.EOF
    times = [due for due, _ in released]
    assert times == sorted(times)
    assert pipe.dropped == 0
    pipe.update(now, [])
    assert pipe.idle


@given(st.lists(st.tuples(st.floats(0, 2), st.binary(min_size=1, max_size=9)), max_size=20), milliseconds, milliseconds)
def test_latency_is_exact_for_each_chunk_and_adds_up(chunks: Any, a: int, b: int) -> None:
    pipe = Pipe([toxic("latency", "a", latency=a), toxic("latency", "b", latency=b)], draw)
    now, expected = 0.0, []
    for gap, data in chunks:
        now += gap
        pipe.push(now, data)
        expected.append(now + a / 1000 + b / 1000)
    assert [due for due, _ in drain(pipe)] == pytest.approx(expected, abs=1e-9)


@given(milliseconds, milliseconds)
def test_jitter_stays_within_its_range(latency: int, jitter: int) -> None:
    for number in range(20):
        pipe = Pipe([toxic("latency", f"n{number}", latency=latency, jitter=jitter)], draw)
        pipe.push(0.0, b"x")
        (due, _) = drain(pipe)[0]
        assert max(0, latency - jitter) / 1000 - 1e-9 <= due <= (latency + jitter) / 1000 + 1e-9


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=8), st.integers(1, 50))
def test_bandwidth_takes_size_over_rate_however_the_bytes_are_chunked(sizes: list[int], rate: int) -> None:
    pipe = Pipe([toxic("bandwidth", rate=rate)], draw)
    for size in sizes:
        pipe.push(1.0, b"x" * size)
    released = drain(pipe)
    assert released[-1][0] == pytest.approx(1.0 + sum(sizes) / (rate * 1000))
    assert all(len(item) <= max(1, rate * 100) for _, item in released if isinstance(item, bytes))


@given(st.binary(min_size=1, max_size=500), st.integers(1, 60), st.floats(0, 0.99), st.integers(0, 5000))
def test_slices_have_the_size_and_the_delay_they_should(data: bytes, size: int, share: float, delay: int) -> None:
    variation = int(size * share)
    pipe = Pipe([toxic("slicer", average_size=size, size_variation=variation, delay=delay)], draw)
    pipe.push(2.0, data)
    released = drain(pipe)
    sizes = [len(item) for _, item in released if isinstance(item, bytes)]
    assert all(size - variation <= n <= size + variation for n in sizes[:-1])
    assert 1 <= sizes[-1] <= size + variation
    assert [due for due, _ in released] == pytest.approx([2.0 + n * delay / 1e6 for n in range(len(sizes))])


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.integers(0, 300), stacks)
def test_limit_data_passes_exactly_its_bytes(chunks: list[bytes], limit: int, stack: list[ToxicSpec]) -> None:
    pipe = Pipe([toxic("limit_data", bytes=limit), *stack], draw)
    for chunk in chunks:
        pipe.push(0.0, chunk)
    sent = b"".join(chunks)
    released = [item for _, item in drain(pipe)]
    got = b"".join(item for item in released if isinstance(item, bytes))
    assert got == sent[:limit]
    assert (End.CLOSE in released) is (bool(chunks) and len(sent) >= limit)
    assert pipe.dropped == len(sent) - len(got)


# -- single cases


def test_two_chunks_due_at_one_instant_stay_in_order() -> None:
    pipe = Pipe([toxic("latency", latency=0, jitter=50)], lambda name, tick: {0: 0.0, 1: 0.99, 2: 0.0}[tick])
    pipe.push(0.0, b"slow")
    pipe.push(0.0, b"fast")
    assert [item for _, item in drain(pipe)] == [b"slow", b"fast"]


def test_slow_close_delays_the_end_only_and_removing_it_closes_at_once() -> None:
    pipe = Pipe([toxic("slow_close", delay=5000)], draw)
    pipe.push(1.0, b"x")
    pipe.push_eof(1.0)
    assert drain(pipe, 3.0) == [(1.0, b"x")]
    pipe.update(3.0, [])
    assert drain(pipe) == [(3.0, End.EOF)]


def test_bandwidth_zero_stalls_the_end_too() -> None:
    pipe = Pipe([toxic("bandwidth", rate=0)], draw)
    pipe.push(0.0, b"x")
    pipe.push_eof(0.0)
    pipe.push_reset(0.0)
    assert pipe.next_due() is None
    pipe.update(9.0, [])
    assert drain(pipe) == [(9.0, b"x"), (9.0, End.EOF), (9.0, End.RESET)]


def test_timeout_counts_from_when_it_met_the_connection() -> None:
    pipe = Pipe([toxic("timeout", timeout=1000)], draw, now=10.0)
    pipe.push(10.5, b"lost")
    assert drain(pipe) == [(11.0, End.CLOSE)]
    pipe.push(12.0, b"lost too")
    assert pipe.next_due() is None
    assert pipe.dropped == 12
    assert pipe.touched == {"timeout": 2}


def test_an_unrelated_change_does_not_restart_a_timeout_and_a_new_value_does() -> None:
    pipe = Pipe([toxic("timeout", timeout=1000)], draw)
    pipe.update(0.5, [toxic("timeout", timeout=1000), toxic("latency", latency=1)])
    assert pipe.next_due() == 1.0
    pipe.update(0.5, [toxic("timeout", timeout=3000)])
    assert pipe.next_due() == 3.5


@pytest.mark.parametrize(("data", "end"), [(b"lost", End.RESET), (b"", End.CLOSE)])
def test_removing_a_black_hole_ends_the_connection(data: bytes, end: End) -> None:
    pipe = Pipe([toxic("timeout", timeout=0)], draw)
    if data:
        pipe.push(0.0, data)
    assert pipe.next_due() is None
    pipe.update(60.0, [])
    assert drain(pipe) == [(60.0, end)]
    assert pipe.touched == {"timeout": 1}  # who has to connect anew was not left alone


def test_reset_peer_waits_for_the_first_bytes_of_a_new_connection() -> None:
    pipe = Pipe([toxic("reset_peer", timeout=200)], draw)
    assert pipe.next_due() is None
    pipe.push(5.0, b"x")
    pipe.push(5.1, b"y")
    assert drain(pipe) == [(5.2, End.RESET)]


def test_reset_peer_hits_an_open_connection_from_when_it_is_added() -> None:
    pipe = Pipe([toxic("latency", latency=9000)], draw)
    pipe.push(0.0, b"under way")
    pipe.update(1.0, [toxic("latency", latency=9000), toxic("reset_peer", timeout=500)])
    assert drain(pipe) == [(1.0, b"under way"), (1.5, End.RESET)]


def test_toxicity_is_rolled_once_for_a_connection() -> None:
    half = toxic("latency", latency=100, toxicity=0.5)
    for roll, delay in ((0.49, 0.1), (0.5, 0.0)):
        pipe = Pipe([half], lambda name, tick, roll=roll: roll)
        pipe.push(0.0, b"x")
        pipe.update(5.0, [toxic("latency", latency=200, toxicity=0.5)])
        pipe.pop_due(5.0)
        pipe.push(5.0, b"y")
        assert drain(pipe) == [(pytest.approx(5.0 + 2 * delay), b"y")]


def test_toxicity_zero_never_acts() -> None:
    pipe = Pipe([toxic("reset_peer", toxicity=0.0)], lambda name, tick: 0.0)
    assert pipe.idle
