"""Rules on one feed: decoded once, drawn once, encoded once, with the outcome of `corrupt_batch`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

import chaos.data.chain
import chaos.gateway.remake
from chaos.data.chain import corrupt_batch
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.formats import decode, encode
from chaos.gateway.remake import Material, remake
from chaos.gateway.rules import Rule
from chaos.registry import registry

ROWS = 400
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("data.null_spike", {"column": "temp", "rate": 0.3}),
    ("data.typos", {"column": "name", "rate": 0.4, "kinds": ["omit", "double"]}),
    ("data.sign_flip", {"column": "temp", "rate": 0.2, "where": {"column": "name", "missing": False}}),
    ("data.delete_rows", {"rate": 0.2, "burst": 5}),
    ("data.outliers", {"column": "temp", "rate": 0.3, "burst": 4}),
    ("data.null_spike", {"column": "name", "rate": 0.2, "key": ["id"]}),
]


def material(fmt: str) -> tuple[Material, Batch]:
    table = pa.table(
        {
            "id": range(ROWS),
            "temp": [None if i % 9 == 0 else i + 0.5 for i in range(ROWS)],
            "name": [f"Zürich {i % 30}" for i in range(ROWS)],
        }
    )
    columns = {"id": "int64", "temp": "float64", "name": "string"}
    ref = BatchRef("b3", "weather", 3, 0, 1, 2.0, ROWS, columns, fmt, "", None, {"row_offset": 77_000})
    payload = encode(Batch(table, ref))
    ref = ref.sealing(payload)
    return Material(ref, payload), decode(payload, ref)


def made(name: str, params: dict[str, Any]) -> FeedFault:
    fault = registry.create(name, params)
    assert isinstance(fault, FeedFault)
    return fault


@pytest.mark.parametrize("fmt", ["csv", "json", "parquet"])
def test_many_rules_are_one_pass_and_the_same_as_the_library(fmt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, batch = material(fmt)
    faults = [(made(name, params), seed) for seed, (name, params) in enumerate(FAULTS)]
    expected, ledger = corrupt_batch(batch, faults)
    calls: Counter[str] = Counter()

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any) -> Any:
            calls[name] += 1
            return call(*args)

        return counting

    monkeypatch.setattr(chaos.gateway.remake, "decode", counted("decode", decode))
    monkeypatch.setattr(chaos.gateway.remake, "encode", counted("encode", encode))
    monkeypatch.setattr(chaos.data.chain, "select_many", counted("select", chaos.data.chain.select_many))
    rules = [Rule(f"r{seed}", "weather", fault, seed, 0.0) for fault, seed in faults]
    served = remake(rules, source, {})
    assert (calls["decode"], calls["encode"]) == (1, 1)
    # One for the cells up to the deletion, which draws on its own, one behind it for each way of naming rows.
    assert calls["select"] == 4
    assert (
        decode(served.payload, served.ref).table.to_pylist() == decode(encode(expected), served.ref).table.to_pylist()
    )
    assert sum(effect.cells for effect in served.effects) == ledger.changed
    assert all(effect.skipped_reason is None for effect in served.effects)


def test_a_rule_that_cannot_act_does_not_move_the_draws_of_others() -> None:
    source, batch = material("parquet")
    gone, kept = made("data.null_spike", {"column": "gone", "rate": 0.3}), made(*FAULTS[0])
    served = remake([Rule("a", "weather", gone, 1, 0.0), Rule("b", "weather", kept, 2, 0.0)], source, {})
    expected, _ = corrupt_batch(batch, [(kept, 2)])
    assert decode(served.payload, served.ref).table.to_pylist() == expected.table.to_pylist()
    assert ["no column" in (effect.skipped_reason or "") for effect in served.effects] == [True, False]
