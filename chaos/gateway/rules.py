"""A rule: a fault on a feed, read from JSON and validated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.errors import ChaosError, suggestion
from chaos.fault import FeedFault, PayloadFault
from chaos.gateway.batch import BatchRef
from chaos.registry import Registry

_FIELDS = ("rule_id", "feed", "fault", "params", "seed", "lease")


class InvalidRule(ChaosError):
    """A rule that cannot be installed; ``status`` is what the control API answers."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault on a feed since a time (epoch seconds), for as long as its lease is held if it has one."""

    rule_id: str
    feed: str
    fault: FeedFault
    seed: int
    since: float
    lease: str | None = None

    def same_as(self, other: Rule) -> bool:
        """Whether both do the same, whenever they began."""
        mine, others = ((rule.rule_id, rule.feed, rule.fault, rule.seed, rule.lease) for rule in (self, other))
        return mine == others

    @property
    def in_transit(self) -> bool:
        """Whether it strikes after the manifest was written."""
        return isinstance(self.fault, PayloadFault) and self.fault.in_transit

    def changes(self, ref: BatchRef) -> bool:
        """Whether the batch's payload may come out another one."""
        # A producer's fault is in what it makes from then on, one in transit in whatever passes.
        able = self.fault.overrides("compose", "corrupt", "mangle")
        return able and (self.in_transit or ref.published_at >= self.since)

    def to_json(self) -> dict[str, Any]:
        """As it was installed, with the time."""
        return {
            "rule_id": self.rule_id,
            "feed": self.feed,
            "fault": self.fault.name,
            "params": self.fault.model_dump(mode="json"),
            "seed": self.seed,
            "since": self.since,
            "lease": self.lease,
        }


def parse_rule(raw: Any, now: float, feeds: Collection[str], faults: Registry) -> Rule:
    """A rule in force from ``now`` on; raises `InvalidRule` saying everything that is wrong with its form."""
    if not isinstance(raw, Mapping):
        raise InvalidRule(400, f"expected a rule as a JSON object, got {raw!r}")
    problems = [f"unknown field {name!r}.{suggestion(str(name), _FIELDS)}" for name in raw if name not in _FIELDS]
    problems += [f"field {name!r} is missing" for name in ("rule_id", "feed", "fault") if name not in raw]
    for name in ("rule_id", "feed", "fault"):
        if name in raw and (not isinstance(raw[name], str) or not raw[name]):
            problems.append(f"expected {name} to be a name, got {raw[name]!r}")
    seed, params, lease = raw.get("seed", 0), raw.get("params", {}), raw.get("lease")
    if isinstance(seed, bool) or not isinstance(seed, int):
        problems.append(f"expected seed to be a whole number, got {seed!r}")
    if not isinstance(params, Mapping):
        problems.append(f"expected params to be an object, got {params!r}")
    if lease is not None and (not isinstance(lease, str) or not lease):
        problems.append(f"expected lease to be a name, got {lease!r}")
    if problems:
        raise InvalidRule(400, "; ".join(problems))
    feed = raw["feed"]
    if feed not in feeds:
        hint = suggestion(feed, feeds) or f" Feeds: {', '.join(feeds)}."
        raise InvalidRule(400, f"unknown feed {feed!r}.{hint}")
    try:
        fault = faults.create(raw["fault"], params)
    except ChaosError as error:
        raise InvalidRule(400, str(error)) from None
    if not isinstance(fault, FeedFault):
        raise InvalidRule(400, f"fault {fault.name!r} does not act on feeds")
    return Rule(raw["rule_id"], feed, fault, seed, now, lease)
