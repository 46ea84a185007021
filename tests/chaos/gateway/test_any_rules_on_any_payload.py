"""Fuzzing: any faults in a row on any payload, sound or damaged, are applied or say why not; nothing else happens."""

from __future__ import annotations

import hashlib

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.fault import FeedFault
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.column_types import type_name
from chaos.gateway.formats import decode, encode
from chaos.gateway.remake import Material, remake
from chaos.gateway.rules import Rule
from chaos.registry import registry
from chaos.testing import faults, sample_table

FORMATS = ("csv", "json", "parquet")


EXAMPLES = {name: registry.create(name, registry.get(name).example[1]) for name in registry.names()}
FEED_FAULTS = [name for name, fault in EXAMPLES.items() if isinstance(fault, FeedFault)]


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """One to three faults with any parameters."""
    names = draw(st.lists(st.sampled_from(FEED_FAULTS), min_size=1, max_size=3))
    made = [draw(faults(registry.get(name))) for name in names]
    return [Rule(f"r{i}", "weather", fault, draw(st.integers(0, 2**32)), 0.0) for i, fault in enumerate(made)]  # type: ignore[arg-type]


def material(draw: st.DrawFn, acting: list[Rule], sequence: int, fmt: str) -> Material:
    """A batch with the columns that the rules' faults name, of up to 40 rows."""
    columns: dict[str, pa.ChunkedArray] = {}
    for rule in acting:
        sample = sample_table(rule.fault, 80)
        columns = {name: sample.column(name) for name in sample.schema.names} | columns
    table = pa.table(columns).slice(40 * sequence, draw(st.integers(0, 40)))
    types = {field.name: type_name(field.type) for field in table.schema}
    made = BatchRef(str(sequence), "weather", sequence, 0, 60, 61.0, table.num_rows, types, fmt, "", None, {})
    payload = encode(Batch(table, made))
    return Material(made.sealing(payload), payload)


@st.composite
def materials(draw: st.DrawFn, acting: list[Rule]) -> list[Material]:
    """Two batches in a row, the second one now and then with bytes of it damaged."""
    fmt = draw(st.sampled_from(FORMATS))
    earlier, now = (material(draw, acting, sequence, fmt) for sequence in (0, 1))
    if now.payload and draw(st.sampled_from([False, False, False, True])):
        place = draw(st.integers(0, len(now.payload) - 1))
        damaged = now.payload[:place] + draw(st.binary(max_size=4)) + now.payload[place + 1 :]
        now = Material(now.ref, damaged)
    return [earlier, now]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_rules_on_any_payload(data: st.DataObject) -> None:
    acting = data.draw(rules())
    earlier, now = data.draw(materials(acting))
    served = remake(acting, now, {rule.rule_id: [earlier] for rule in acting})
    assert served == remake(acting, now, {rule.rule_id: [earlier] for rule in acting})
    assert {effect.rule_id for effect in served.effects} <= {rule.rule_id for rule in acting}
    if all(effect.skipped_reason is not None for effect in served.effects):
        assert (served.ref, served.payload) == (now.ref, now.payload)
        return
    if any(rule.in_transit for rule in acting):
        return  # the manifest is not about what became of the bytes
    assert served.ref.sha256 == hashlib.sha256(served.payload).hexdigest()
    if not any(rule.fault.overrides("mangle") for rule in acting):
        assert decode(served.payload, served.ref).table.num_rows == served.ref.rows


def test_the_fuzzing_sees_faults_act() -> None:
    """What it draws must not be refused for the most part."""
    acted = refused = 0

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def look(data: st.DataObject) -> None:
        nonlocal acted, refused
        acting = data.draw(rules())
        earlier, now = data.draw(materials(acting))
        effects = remake(acting, now, {rule.rule_id: [earlier] for rule in acting}).effects
        acted += sum(effect.skipped_reason is None for effect in effects)
        refused += sum(effect.skipped_reason is not None for effect in effects)

    look()
    assert acted > refused
