"""What failures cost a year: the source document's model, probability of failure times impact, with a user's rates.

Impact is what the document names: lost revenue, recovery, reputation. It is set against the cost of prevention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from harness.scoring.findings import CostFinding, ExperimentFinding, FaultFinding, MetricFinding, RecoveryKind
from harness.scoring.metrics._metric import acted
from harness.scoring.policy import HOUR_S
from harness.scoring.resampling import Statistic, interval
from harness.verdict import Outcome

__all__ = ["Rates", "cost_of"]

Floats = npt.NDArray[np.float64]
_WEEKS = 365.25 / 7


#: No rate that anybody pays is beyond this, and none of its products is infinite.
_MOST = 1e15
_Rate = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]


class Rates(BaseModel):
    """What things cost, in one currency, and how often failures come. Everything but the currency is 0 unless given.

    >>> Rates.model_validate({"outage_hour": 10000, "incidents_a_year": {"schema": 12}}).of("schema.rename_column")
    12.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field(default="", max_length=12)
    outage_hour: _Rate = 0.0
    """Revenue lost in an hour without any prediction; an hour of worse predictions loses its share."""
    engineer_hour: _Rate = 0.0
    engineers: _Rate = 1.0
    """People on an incident from its detection until users are back, where the pipeline does not help itself."""
    silent_incident: _Rate = 0.0
    """Reputation lost when users notice before anybody else does."""
    page: _Rate = 0.0
    incidents_a_year: _Rate | dict[str, _Rate] = 1.0
    """How often faults of each family come (the word before the dot), or one number for every family."""
    prevention_a_year: dict[str, _Rate] = Field(default_factory=dict)
    """What it costs to run each profile's defences, by its name."""
    budget_a_year: float | None = Field(default=None, gt=0, le=_MOST, allow_inf_nan=False)
    """What failures may cost."""

    def of(self, fault: str) -> float:
        """How often a fault's family comes a year."""
        family = fault.partition(".")[0]
        rates = self.incidents_a_year
        return rates.get(family, 0.0) if isinstance(rates, dict) else rates


def cost_of(
    profile: str, experiments: Sequence[ExperimentFinding], metrics: Sequence[MetricFinding], rates: Rates
) -> CostFinding:
    """What a profile's failures cost a year: for each family of faults its rate times the mean impact of those
    that acted, and the pages that come without one. The interval is over experiments."""
    impacts = {
        "revenue": lambda _, fault: fault.harm * rates.outage_hour,
        "recovery": lambda _, fault: _hours_of_work(fault) * rates.engineers * rates.engineer_hour,
        "reputation": lambda _, fault: rates.silent_incident * (fault.outcome is Outcome.SILENT),
        "pages": lambda experiment, fault: rates.page * _pages(experiment, fault),
    }
    units = [e for e in experiments if any(acted(fault) for fault in e.faults)]
    families = sorted({_family(fault) for e in units for fault in e.faults if acted(fault)})
    frequency = [rates.of(family) for family in families]
    counts = np.array([[_sum(e, family, lambda *_: 1.0) for e in units] for family in families])
    sums = {
        name: np.array([[_sum(e, family, impact) for e in units] for family in families])
        for name, impact in impacts.items()
    }
    once = np.ones((1, len(units)))
    parts = {name: _yearly(frequency, matrix, counts)(once)[0] if units else 0.0 for name, matrix in sums.items()}
    on_call = next(metric for metric in metrics if metric.name == "on_call_pages").value
    idle = rates.page * _WEEKS * (on_call or 0.0)
    every: Floats = np.sum(list(sums.values()), axis=0)
    total = _yearly(frequency, every, counts) if units else None
    bounds = None if total is None else interval(total, [e.scenario for e in units], "cost")
    return CostFinding(
        currency=rates.currency,
        expected_a_year=sum(parts.values()) + idle if units else None,
        low=None if bounds is None else max(0.0, bounds[0]) + idle,
        high=None if bounds is None else bounds[1] + idle,
        revenue=parts["revenue"],
        recovery=parts["recovery"],
        reputation=parts["reputation"],
        pages=parts["pages"] + idle,
        prevention_a_year=rates.prevention_a_year.get(profile),
        budget_a_year=rates.budget_a_year,
        unmeasured=_unmeasured(rates, families),
    )


def _yearly(frequency: Sequence[float], sums: Floats, counts: Floats) -> Statistic:
    """The statistic of a sum over families of rate times mean. A family that a resample leaves out makes it unknown."""
    often = np.asarray(frequency)

    def yearly(weights: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            means: Floats = (weights @ sums.T) / (weights @ counts.T)
        total: Floats = means @ often
        return total

    return yearly


def _sum(experiment: ExperimentFinding, family: str, impact: object) -> float:
    assert callable(impact)
    return float(sum(impact(experiment, f) for f in experiment.faults if acted(f) and _family(f) == family))


def _hours_of_work(fault: FaultFinding) -> float:
    """From detection until users were back, if the pipeline did not see to it by itself; until the end of the watch
    where they never were."""
    recovery = fault.recovery
    if recovery is None or recovery.kind in (RecoveryKind.NOT_NEEDED, RecoveryKind.MITIGATED):
        return 0.0
    spent = recovery.watched_s if recovery.time_to_recover_s is None else recovery.time_to_recover_s
    return spent / HOUR_S


def _pages(experiment: ExperimentFinding, fault: FaultFinding) -> float:
    """How often people were woken; a page that counts for several faults is shared among them."""
    found = [each.detection.alerts for each in experiment.faults if each.detection is not None and acted(each)]
    own = () if fault.detection is None else fault.detection.alerts
    return sum(1 / sum(alert in alerts for alerts in found) for alert in own if alert.severity == "critical")


def _family(fault: FaultFinding) -> str:
    return fault.fault.partition(".")[0]


def _unmeasured(rates: Rates, families: Sequence[str]) -> tuple[str, ...]:
    """The families that the user has a rate for, and of which no fault acted: their cost is not 0 but unknown."""
    named = rates.incidents_a_year
    return tuple(sorted(set(named) - set(families))) if isinstance(named, dict) else ()
