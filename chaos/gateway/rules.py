"""Rules: faults installed on feeds, and what they make of a listing and of a payload. No I/O here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.errors import ChaosError, InvalidFault, suggestion
from chaos.fault import FeedFault, PayloadFault
from chaos.gateway.batch import Batch, BatchRef, decode, encode
from chaos.registry import Registry, registry

#: Called at a rule's effects: (rule id, what, how many more).
OnTouched = Callable[[str, str, int], None]

_FIELDS = ("rule_id", "feed", "fault", "params", "seed")
#: Corrupted payloads kept, the oldest dropped first: a consumer asks for one soon after it was listed.
_CACHED = 256


class InvalidRule(ChaosError):
    """A rule that cannot be installed; ``status`` is what the control API answers."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class Tally:
    """What a rule has done so far, each batch counted once."""

    batches: int = 0
    rows: int = 0
    cells: int = 0
    skipped: int = 0
    skipped_reason: str | None = None
    seen: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        """As the control API shows it; ``touched`` counts the finest thing there is, named by ``what``."""
        return {
            "touched": self.cells or self.batches,
            "what": "cells" if self.cells else "batches",
            "batches": self.batches,
            "rows": self.rows,
            "cells": self.cells,
            "skipped": self.skipped,
            "skipped_reason": self.skipped_reason,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault on a feed since a time (epoch seconds)."""

    rule_id: str
    feed: str
    fault: FeedFault
    seed: int
    since: float

    def to_json(self) -> dict[str, Any]:
        """As it was installed, with the time."""
        return {
            "rule_id": self.rule_id,
            "feed": self.feed,
            "fault": self.fault.name,
            "params": self.fault.model_dump(mode="json"),
            "seed": self.seed,
            "since": self.since,
        }


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rule did to one batch."""

    rule_id: str
    rows: int = 0
    cells: int = 0
    skipped_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A batch as consumers get it: manifest, bytes, and the rules that had a hand in it."""

    ref: BatchRef
    payload: bytes
    effects: Sequence[Effect]


class RuleBook:
    """The rules of every feed, in the order of their installation, and their tallies."""

    def __init__(
        self,
        feeds: Sequence[str],
        *,
        faults: Registry = registry,
        on_touched: OnTouched | None = None,
    ) -> None:
        self._faults = faults
        self._on_touched = on_touched
        self._rules: dict[str, dict[str, Rule]] = {feed: {} for feed in feeds}
        self._tallies: dict[str, Tally] = {}
        self._served: OrderedDict[tuple[str, str, str | None], Served] = OrderedDict()

    def install(self, raw: Mapping[str, Any], now: float) -> Rule:
        """Put a rule in force from ``now`` on; the same rule again changes nothing. Raises `InvalidRule`."""
        rule = self._parse(raw, now)
        known = self._find(rule.rule_id)
        if known is not None:
            if (known.feed, known.fault, known.seed) != (rule.feed, rule.fault, rule.seed):
                raise InvalidRule(409, f"rule {rule.rule_id!r} exists and is another one; delete it first")
            return known
        self._rules[rule.feed][rule.rule_id] = rule
        self._tallies[rule.rule_id] = Tally()
        self._forget(rule.feed)
        return rule

    def uninstall(self, rule_id: str) -> bool:
        """Take a rule out of force; its tally stays. Says whether it was in force."""
        rule = self._find(rule_id)
        if rule is None:
            return False
        del self._rules[rule.feed][rule_id]
        self._forget(rule.feed)
        return True

    def rules(self) -> list[Rule]:
        """Every rule in force."""
        return [rule for by_id in self._rules.values() for rule in by_id.values()]

    def active(self, feed: str) -> bool:
        """Whether any rule is in force on the feed: if not, it passes untouched."""
        return bool(self._rules[feed])

    def tally(self, rule_id: str) -> Tally | None:
        """What a rule has done, in force or not; None if there never was one."""
        return self._tallies.get(rule_id)

    def listing(
        self, feed: str, refs: Sequence[BatchRef], *, after: int | None, now: float, evidence: bool = True
    ) -> list[BatchRef]:
        """The manifests that consumers may see beyond ``after``, before any payload was touched.

        ``refs`` are all manifests of the feed. A rule that withholds or relabels a batch is evidenced here, if a
        consumer is about to see it (``evidence``).
        """
        current = list(refs)
        for rule in self._rules[feed].values():
            before = current
            current = list(rule.fault.deliver(before, now=now, since=rule.since))
            kept = {ref.batch_id: ref for ref in current}
            for ref in before:
                if evidence and _beyond(ref, after) and kept.get(ref.batch_id) is not ref:
                    self._count(rule.rule_id, ref.batch_id, Effect(rule.rule_id))
        return [ref for ref in current if _beyond(ref, after)]

    def touches_payloads(self, feed: str, ref: BatchRef) -> bool:
        """Whether the batch's bytes or manifest may differ from the source's."""
        return any(_changes_payload(rule, ref) for rule in self._rules[feed].values())

    def serve(self, feed: str, ref: BatchRef, source: bytes) -> Served:
        """The batch with all rules applied to the source's bytes, kept for the next time. Raises `PayloadError`."""
        rules = [rule for rule in self._rules[feed].values() if _changes_payload(rule, ref)]
        served = self._served[feed, ref.batch_id, ref.source_id] = _apply(rules, ref, source)
        if len(self._served) > _CACHED:
            self._served.popitem(last=False)
        return served

    def cached(self, feed: str, ref: BatchRef) -> Served | None:
        """The batch, if it was made before under the same rules."""
        return self._served.get((feed, ref.batch_id, ref.source_id))

    def delivered(self, served: Served) -> None:
        """A consumer got the payload: what the rules did to it is evidence now."""
        for effect in served.effects:
            self._count(effect.rule_id, served.ref.batch_id, effect)

    def _count(self, rule_id: str, batch_id: str, effect: Effect) -> None:
        tally = self._tallies[rule_id]
        if batch_id in tally.seen:
            return
        tally.seen.add(batch_id)
        if effect.skipped_reason is not None:
            tally.skipped += 1
            tally.skipped_reason = effect.skipped_reason
            return
        tally.batches += 1
        tally.rows += effect.rows
        tally.cells += effect.cells
        if self._on_touched is not None:
            what, count = ("cells", effect.cells) if effect.cells else ("batches", 1)
            self._on_touched(rule_id, what, count)

    def _find(self, rule_id: str) -> Rule | None:
        return next((by_id[rule_id] for by_id in self._rules.values() if rule_id in by_id), None)

    def _forget(self, feed: str) -> None:
        for key in [key for key in self._served if key[0] == feed]:
            del self._served[key]

    def _parse(self, raw: Mapping[str, Any], now: float) -> Rule:
        if not isinstance(raw, Mapping):
            raise InvalidRule(400, f"expected a rule as a JSON object, got {raw!r}")
        problems = [f"unknown field {name!r}.{suggestion(name, _FIELDS)}" for name in raw if name not in _FIELDS]
        problems += [f"field {name!r} is missing" for name in ("rule_id", "feed", "fault") if name not in raw]
        if problems:
            raise InvalidRule(400, "; ".join(problems))
        rule_id, feed, seed, params = raw["rule_id"], raw["feed"], raw.get("seed", 0), raw.get("params", {})
        for name in ("rule_id", "feed", "fault"):
            if not isinstance(raw[name], str) or not raw[name]:
                raise InvalidRule(400, f"expected {name} to be a name, got {raw[name]!r}")
        if feed not in self._rules:
            hint = suggestion(feed, self._rules) or f" Feeds: {', '.join(self._rules)}."
            raise InvalidRule(400, f"unknown feed {feed!r}.{hint}")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise InvalidRule(400, f"expected seed to be a whole number, got {seed!r}")
        if not isinstance(params, Mapping):
            raise InvalidRule(400, f"expected params to be an object, got {params!r}")
        try:
            fault = self._faults.create(raw["fault"], params)
        except ChaosError as error:
            raise InvalidRule(400, str(error)) from None
        if not isinstance(fault, FeedFault):
            raise InvalidRule(400, f"fault {fault.name!r} does not act on feeds")
        return Rule(rule_id, feed, fault, seed, now)


def _beyond(ref: BatchRef, after: int | None) -> bool:
    return after is None or ref.sequence > after


def _changes_payload(rule: Rule, ref: BatchRef) -> bool:
    # A producer's fault is in what it makes from then on, one in transit in whatever passes.
    kind = type(rule.fault)
    able = kind.corrupt is not FeedFault.corrupt or kind.mangle is not FeedFault.mangle
    return able and (_in_transit(rule) or ref.produced_at >= rule.since)


def _apply(rules: Sequence[Rule], ref: BatchRef, source: bytes) -> Served:
    """Producers' faults first, then the manifest is written, then faults in transit."""
    at_producer = [rule for rule in rules if not _in_transit(rule)]
    in_transit = [rule for rule in rules if _in_transit(rule)]
    effects: list[Effect] = []
    payload = source
    if at_producer:
        batch, payload, done = _pass(at_producer, ref, payload)
        effects += done
        if payload is not source:
            ref = ref.describing(batch.table, payload)
    if in_transit:
        _, payload, done = _pass(in_transit, ref, payload)
        effects += done
    return Served(ref, payload, tuple(effects))


def _in_transit(rule: Rule) -> bool:
    return isinstance(rule.fault, PayloadFault) and rule.fault.in_transit


def _pass(rules: Sequence[Rule], ref: BatchRef, payload: bytes) -> tuple[Batch, bytes, list[Effect]]:
    original = batch = decode(payload, ref)
    effects = []
    for rule in rules:
        try:
            batch, ledger = rule.fault.corrupt(batch, seed=rule.seed)
        except InvalidFault as error:
            # Another rule may have taken the column away: this one has nothing to act on, and says so.
            effects.append(Effect(rule.rule_id, skipped_reason=str(error)))
            continue
        if ledger is not None and ledger.effective:
            effects.append(Effect(rule.rule_id, ledger.touched_rows, ledger.changed))
    if batch is not original:
        payload = encode(batch)
    for rule in rules:
        mangled = rule.fault.mangle(payload, seed=rule.seed)
        if mangled != payload:
            payload = mangled
            effects.append(Effect(rule.rule_id))
    return batch, payload, effects
