"""The source document's five performance tiers: all three bounds of a tier must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.scoring.findings import MetricFinding, TierFinding
from harness.scoring.wording import duration_text, share_text


@dataclass(frozen=True, slots=True)
class Tier:
    """Strict bounds: both times below, availability above."""

    level: int
    name: str
    mttd_s: float
    mttr_s: float
    availability: float


TIERS = (
    Tier(1, "reactive", 4 * 3600, 24 * 3600, 0.95),
    Tier(2, "managed", 3600, 4 * 3600, 0.99),
    Tier(3, "proactive", 15 * 60, 3600, 0.995),
    Tier(4, "advanced", 5 * 60, 30 * 60, 0.999),
    Tier(5, "self-healing", 60, 5 * 60, 0.9999),
)

_NEEDED = ("mttd", "mttr", "prediction_availability")


def tier_of(metrics: Sequence[MetricFinding]) -> TierFinding:
    """The highest tier whose bounds and all lower ones hold, and what keeps the profile from the next.

    A metric that was not measured leaves the tier unknown: no data is never a pass.
    """
    found = {metric.name: metric for metric in metrics if metric.name in _NEEDED}
    missing = [name for name in _NEEDED if name not in found or found[name].value is None]
    if missing:
        reasons = tuple(
            f"{found[name].title.lower()}: {found[name].note}" if name in found else name for name in missing
        )
        return TierFinding(level=None, name="not measured", holds_back=reasons)
    values = {name: float(found[name].value or 0.0) for name in _NEEDED}
    level, name = 0, "below every tier"
    for tier in TIERS:
        misses = _misses(tier, values)
        if misses:
            return TierFinding(level=level, name=name, holds_back=misses)
        level, name = tier.level, tier.name
    return TierFinding(level=level, name=name, holds_back=())


def _misses(tier: Tier, values: dict[str, float]) -> tuple[str, ...]:
    misses = []
    for metric, short, bound in (("mttd", "MTTD", tier.mttd_s), ("mttr", "MTTR", tier.mttr_s)):
        if not values[metric] < bound:
            misses.append(f"{short} {duration_text(values[metric])}, tier {tier.level} needs < {duration_text(bound)}")
    if not values["prediction_availability"] > tier.availability:
        shown, bound_text = share_text(values["prediction_availability"]), share_text(tier.availability)
        misses.append(f"availability {shown}, tier {tier.level} needs > {bound_text}")
    return tuple(misses)
