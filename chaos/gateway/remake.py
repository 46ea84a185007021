"""A batch made anew under rules: from the source's bytes to the consumer's, with what each rule did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from chaos.data.chain import NamedBatch, Selection, apply_cells
from chaos.data.column_fault import CellFault, require
from chaos.data.ledger import Corruption
from chaos.data.source import TableCells
from chaos.errors import ChaosError, InvalidFault, PayloadError
from chaos.gateway.batch import Batch, BatchRef
from chaos.gateway.formats import decode, encode
from chaos.gateway.rules import Rule
from chaos.gateway.tally import Effect


@dataclass(frozen=True, slots=True)
class Served:
    """A batch as consumers get it: manifest, bytes, and what the rules did."""

    ref: BatchRef
    payload: bytes
    effects: Sequence[Effect]


@dataclass(frozen=True, slots=True)
class Material:
    """An upstream batch as it came."""

    ref: BatchRef
    payload: bytes


#: {rule id: the other batches that the rule takes rows from}
Others = Mapping[str, Sequence[Material]]


def remake(rules: Sequence[Rule], source: Material, others: Others) -> Served:
    """Producers' faults first, then the manifest is written, then faults in transit.

    A rule that cannot act (its column is gone, the bytes are unreadable) is skipped and says why; the others go on.
    """
    ref, payload = source.ref, source.payload
    effects: list[Effect] = []
    at_producer = [rule for rule in rules if not rule.in_transit]
    in_transit = [rule for rule in rules if rule.in_transit]
    if at_producer:
        ref, payload, done = _pass(at_producer, source, others)
        effects += done
    if in_transit:
        # The manifest was written: what becomes of the bytes is none of its business any more.
        _, payload, done = _pass(in_transit, Material(ref, payload), others, manifest=False)
        effects += done
    return Served(ref, payload, tuple(effects))


def _pass(
    rules: Sequence[Rule], source: Material, others: Others, *, manifest: bool = True
) -> tuple[BatchRef, bytes, list[Effect]]:
    """One decoding, all rules on the table, one encoding, then all rules on the bytes.

    Without ``manifest`` the consumer does not get to see the one that is returned.
    """
    ref, payload = source.ref, source.payload
    effects: dict[str, Effect] = {}
    on_tables = [rule for rule in rules if rule.fault.overrides("compose", "corrupt")]
    if on_tables:
        try:
            original = decode(payload, ref)
            batch = _transformed(on_tables, original, others, effects)
            if batch is not original:
                payload = encode(batch)
                ref = ref.describing(batch.table, payload)
        except PayloadError as error:
            effects = {rule.rule_id: Effect(rule.rule_id, skipped_reason=str(error)) for rule in on_tables}
    for rule in rules:
        try:
            mangled = rule.fault.mangle(payload, ref, seed=rule.seed)
        except ChaosError as error:
            effects.setdefault(rule.rule_id, Effect(rule.rule_id, skipped_reason=str(error)))
            continue
        if mangled != payload:
            payload, ref = mangled, ref.sealing(mangled)
            done = effects.get(rule.rule_id, Effect(rule.rule_id))
            effects[rule.rule_id] = replace(done, skipped_reason=None)
    if payload == source.payload and (ref == source.ref or not manifest):
        # What was changed does not show in this format: a type in CSV, say. Nobody can have noticed.
        effects = {rule_id: effect for rule_id, effect in effects.items() if effect.skipped_reason is not None}
    return ref, payload, list(effects.values())


def _transformed(rules: Sequence[Rule], batch: Batch, others: Others, effects: dict[str, Effect]) -> Batch:
    """The batch with each rule's faults in it, in order; ``effects`` gets what each did."""
    selection: Selection | None = None
    start = 0
    for place, rule in enumerate(rules):
        if not isinstance(rule.fault, CellFault):
            selection = None  # which rows there are, or what they are named by, may be another thing now
        elif selection is None:
            selection, start = _selection(rules[place:], batch), place
        try:
            composed, moved = _composed(rules[:place], rule, batch, others)
            changed, ledger = _corrupted(rule, composed, selection, place - start)
        except (InvalidFault, PayloadError) as error:
            # Another rule may have taken the column away: this one has nothing to act on, and says so.
            effects[rule.rule_id] = Effect(rule.rule_id, skipped_reason=str(error))
            continue
        if moved or (ledger is not None and ledger.effective):
            rows, cells = (ledger.touched_rows, ledger.changed) if ledger is not None else (0, 0)
            effects[rule.rule_id] = Effect(rule.rule_id, moved + rows, cells)
            batch = changed
    return batch


def _selection(rules: Sequence[Rule], batch: Batch) -> Selection:
    """One pass over the rows for all the rules, up to the first that does not only change cells."""
    run = takewhile(lambda rule: isinstance(rule.fault, CellFault), rules)
    faults = [(rule.fault, rule.seed) for rule in run]
    carried = batch.ids if isinstance(batch, NamedBatch) else None
    return Selection.of(faults, TableCells(batch.table), batch.ref.first_row, carried)


def _composed(before: Sequence[Rule], rule: Rule, batch: Batch, others: Others) -> tuple[Batch, int]:
    if not rule.fault.overrides("compose"):
        return batch, 0
    # Rows of another batch went through the rules before this one too.
    more = [_earlier(before, decode(m.payload, m.ref)) for m in others.get(rule.rule_id, ())]
    made, moved = rule.fault.compose(batch, more, seed=rule.seed)
    # Other rows: they are named by their new places.
    return Batch(made.table, made.ref, compression=made.compression) if moved else batch, moved


def _corrupted(rule: Rule, batch: Batch, selection: Selection | None, place: int) -> tuple[Batch, Corruption | None]:
    fault = rule.fault
    if selection is None or not isinstance(fault, CellFault):
        return fault.corrupt(batch, seed=rule.seed)
    cells = TableCells(batch.table)
    require(fault, cells)
    ids = selection.named(cells, fault.key)
    return apply_cells(batch, fault.diff(cells, ids, seed=rule.seed, candidates=selection.found.get(place)))


def _earlier(rules: Sequence[Rule], batch: Batch) -> Batch:
    for rule in rules:
        try:
            batch, _ = rule.fault.corrupt(batch, seed=rule.seed)
        except InvalidFault:
            continue
    return batch
