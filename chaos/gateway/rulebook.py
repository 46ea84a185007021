"""The rules of every feed, and what they make of a listing and of a payload. No I/O here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from chaos.gateway.batch import BatchRef
from chaos.gateway.leases import Lease, Leases
from chaos.gateway.remake import Material, Others, Served, remake
from chaos.gateway.rules import InvalidRule, Rule, parse_rule
from chaos.gateway.tally import Effect, Tally
from chaos.registry import Registry, registry

#: Called at a rule's effects: (rule id, what, how many more).
OnTouched = Callable[[str, str, int], None]

#: Bytes of remade payloads kept: a consumer asks for one soon after it was listed.
_KEPT_BYTES = 64 * 1024 * 1024
#: Rules out of force whose tallies can still be read.
_REMEMBERED_TALLIES = 1000
_K = TypeVar("_K")
_V = TypeVar("_V")


class Kept(Generic[_K, _V]):
    """The latest things put in, as many as fit; the newest one always does.

    >>> kept = Kept[str, bytes](5, len)
    >>> for name in "abc":
    ...     kept.put(name, b"xx")
    >>> kept.get("a"), kept.get("c")
    (None, b'xx')
    """

    def __init__(self, limit: int, size: Callable[[_V], int]) -> None:
        self._things: OrderedDict[_K, _V] = OrderedDict()
        self._limit = limit
        self._size = size
        self._total = 0

    def get(self, key: _K) -> _V | None:
        """The thing, if it is still there."""
        return self._things.get(key)

    def put(self, key: _K, thing: _V) -> None:
        """Keep a thing; the oldest make room."""
        if (known := self._things.pop(key, None)) is not None:
            self._total -= self._size(known)
        self._things[key] = thing
        self._total += self._size(thing)
        while self._total > self._limit and len(self._things) > 1:
            _, oldest = self._things.popitem(last=False)
            self._total -= self._size(oldest)

    def forget(self, which: Callable[[_K], bool]) -> None:
        """Drop what has such a key."""
        for key in [key for key in self._things if which(key)]:
            self._total -= self._size(self._things.pop(key))


class RuleBook:
    """The rules of every feed, in the order of their installation, their tallies and their leases."""

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
        self._tallies: OrderedDict[str, Tally] = OrderedDict()
        self._leases = Leases()
        self._served = Kept[tuple[str, str, str | None], Served](_KEPT_BYTES, lambda served: len(served.payload))

    # -- rules and leases

    def install(self, raw: Any, now: float) -> Rule:
        """Put a rule in force from ``now`` on; the same rule again changes nothing. Raises `InvalidRule`."""
        rule = parse_rule(raw, now, self._rules, self._faults)
        if rule.lease is not None and not self._leases.held(rule.lease):
            raise InvalidRule(409, f"lease {rule.lease!r} has lapsed or never was; PUT /lease takes it")
        known = self._find(rule.rule_id)
        if known is not None:
            if not known.same_as(rule):
                raise InvalidRule(409, f"rule {rule.rule_id!r} exists and is another one; delete it first")
            return known
        self._rules[rule.feed][rule.rule_id] = rule
        self._tallies.pop(rule.rule_id, None)
        self._tallies[rule.rule_id] = Tally()
        self._trim_tallies()
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

    def renew_lease(self, lease_id: str, ttl_s: float, now: float) -> Lease:
        """Take or renew a lease. ``now`` is on the clock of `lapse`, which nothing sets back."""
        self.lapse(now)
        return self._leases.renew(lease_id, ttl_s, now)

    def end_lease(self, lease_id: str) -> None:
        """Give a lease up: its rules are taken out of force."""
        self._leases.end(lease_id)
        for rule in self.rules():
            if rule.lease == lease_id:
                self.uninstall(rule.rule_id)

    def lapse(self, now: float) -> None:
        """Take the rules of every lease that ran out out of force."""
        for lease_id in self._leases.lapsed(now):
            self.end_lease(lease_id)

    def leases(self) -> list[Lease]:
        """Every lease that is held."""
        return self._leases.every()

    def rules(self) -> list[Rule]:
        """Every rule in force."""
        return [rule for by_id in self._rules.values() for rule in by_id.values()]

    def active(self, feed: str) -> bool:
        """Whether any rule is in force on the feed: if not, it passes untouched."""
        return bool(self._rules[feed])

    def tally(self, rule_id: str) -> Tally | None:
        """What a rule has done, in force or not; None if there never was one."""
        return self._tallies.get(rule_id)

    # -- batches

    def listing(
        self, feed: str, refs: Sequence[BatchRef], *, after: int | None, now: float, evidence: bool = True
    ) -> list[BatchRef]:
        """The manifests that consumers may see beyond ``after``, before any payload was touched.

        ``refs`` are all manifests of the feed. A rule that withholds, repeats or relabels a batch is evidenced here,
        if a consumer is about to see it (``evidence``).
        """
        current = list(refs)
        for rule in self._rules[feed].values():
            before = current
            current = list(rule.fault.deliver(before, now=now, since=rule.since, seed=rule.seed))
            if evidence:
                for batch_id in _rearranged(before, current, after):
                    self._count(rule.rule_id, batch_id, Effect(rule.rule_id))
        return [ref for ref in current if _beyond(ref, after)]

    def touches_payloads(self, feed: str, ref: BatchRef) -> bool:
        """Whether the batch's bytes or manifest may differ from the source's."""
        return any(rule.changes(ref) for rule in self._rules[feed].values())

    def gather(self, feed: str, ref: BatchRef, refs: Sequence[BatchRef]) -> Mapping[str, Sequence[BatchRef]]:
        """{rule id: other batches whose payloads `serve` needs for this one}."""
        wanted = {
            rule.rule_id: rule.fault.gather(ref, refs, since=rule.since, seed=rule.seed)
            for rule in self._rules[feed].values()
            if rule.changes(ref)
        }
        return {rule_id: found for rule_id, found in wanted.items() if found}

    def serve(self, feed: str, ref: BatchRef, source: bytes, others: Others) -> Served:
        """The batch with all rules applied to the source's bytes, kept for the next time."""
        rules = [rule for rule in self._rules[feed].values() if rule.changes(ref)]
        served = remake(rules, Material(ref, source), others)
        self._served.put((feed, ref.batch_id, ref.source_id), served)
        return served

    def cached(self, feed: str, ref: BatchRef) -> Served | None:
        """The batch, if it was made before under the same rules."""
        return self._served.get((feed, ref.batch_id, ref.source_id))

    def delivered(self, served: Served) -> None:
        """A consumer got the payload: what the rules did to it is evidence now."""
        for effect in served.effects:
            self._count(effect.rule_id, served.ref.batch_id, effect)

    def _count(self, rule_id: str, batch_id: str, effect: Effect) -> None:
        tally = self._tallies.get(rule_id)
        news = tally.count(batch_id, effect) if tally is not None else None
        if news is not None and self._on_touched is not None:
            self._on_touched(rule_id, *news)

    def _find(self, rule_id: str) -> Rule | None:
        return next((by_id[rule_id] for by_id in self._rules.values() if rule_id in by_id), None)

    def _forget(self, feed: str) -> None:
        self._served.forget(lambda key: key[0] == feed)

    def _trim_tallies(self) -> None:
        spare = len(self._tallies) - _REMEMBERED_TALLIES
        for rule_id in list(self._tallies):
            if spare <= 0:
                break
            if self._find(rule_id) is None:
                del self._tallies[rule_id]
                spare -= 1


def _beyond(ref: BatchRef, after: int | None) -> bool:
    return after is None or ref.sequence > after


def _rearranged(before: Sequence[BatchRef], now: Sequence[BatchRef], after: int | None) -> list[str]:
    """Ids of the batches that are gone from a listing, new in it, or not what they were."""
    kept = {id(ref) for ref in now}
    gone = [ref.batch_id for ref in before if _beyond(ref, after) and id(ref) not in kept]
    known: set[int] = {id(ref) for ref in before}
    seen: set[int] = set()
    new = []
    for ref in now:
        if _beyond(ref, after) and (id(ref) not in known or id(ref) in seen):
            new.append(ref.batch_id)
        seen.add(id(ref))
    return list(dict.fromkeys([*gone, *new]))
