"""The comparison matrix as measured, and the expected cost of failures."""

from __future__ import annotations

import pytest
from synthetic import HOUR, WARMUP, Alert, Injected, Made, journal, treated, unanswered

from harness.scoring import Rates, score
from harness.scoring.findings import CostFinding, ProfileFinding

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR
RATES = Rates(
    currency="EUR",
    outage_hour=1000,
    engineer_hour=100,
    engineers=2,
    silent_incident=5000,
    page=10,
    incidents_a_year={"freshness": 4, "store": 2, "model": 3},
    prevention_a_year={"plain": 7000},
    budget_a_year=20_000,
)


def arm(name: str, fault: Injected, *alerts: Alert, harmed: bool = True) -> Made:
    changes = [unanswered(A, B)] if harmed else []
    return treated([fault], changes, alerts, arm=name, scenario=name)


def profile(*arms: Made, rates: Rates | None = None) -> ProfileFinding:
    return score(journal(Made(), *arms), rates=rates).profiles[0]


def level(found: ProfileFinding, capability: str) -> int | None:
    return next(one.level for one in found.maturity if one.capability == capability)


STORE = Injected(A, B, "dark", "store.outage", "store:online")
SCHEMA = Injected(A, B, "renamed", "schema.rename_column", "feed:weather")
VALUES = Injected(A, B, "scaled", "data.unit_change", "feed:weather")
DOWN = Alert(A + 60, B, "StoreDown", "store", labels=())
DOOR = Alert(A + 60, B, "ContractViolated", "ingestion", labels=())


@pytest.mark.parametrize(
    ("seen", "expected"),
    [((), 1), (("store",), 2), (("store", "schema", "values"), 4), (("schema", "values"), 1)],
)
def test_monitoring_climbs_from_systems_to_data(seen: tuple[str, ...], expected: int) -> None:
    arms = [
        arm("store", STORE, *([DOWN] if "store" in seen else [])),
        arm("schema", SCHEMA, *([DOOR] if "schema" in seen else [])),
        arm("values", VALUES, *([DOOR] if "values" in seen else [])),
    ]
    assert level(profile(*arms), "Monitoring coverage") == expected


@pytest.mark.parametrize(("seen", "expected"), [((), 1), (("schema",), 2), (("schema", "values"), 4)])
def test_validation_climbs_from_schema_to_values(seen: tuple[str, ...], expected: int) -> None:
    elsewhere = Alert(A + 60, B, "Drift", "serving", labels=())
    arms = [
        arm("schema", SCHEMA, DOOR if "schema" in seen else elsewhere),
        arm("values", VALUES, DOOR if "values" in seen else elsewhere),
    ]
    assert level(profile(*arms), "Data validation") == expected


def test_prevention_counts_what_never_reached_users() -> None:
    kept = [arm(f"kept-{i}", STORE, harmed=False) for i in range(3)]
    assert level(profile(*kept), "Failure prevention") == 4
    assert level(profile(*kept[:1], arm("hit", STORE)), "Failure prevention") == 3
    assert level(profile(arm("hit", STORE)), "Failure prevention") == 1


def test_nobody_is_efficient_by_sleeping_through_incidents() -> None:
    found = profile(arm("hit", STORE))
    assert found.metric("on_call_pages").grade == "world"
    assert level(found, "Team efficiency") == 1


def test_what_was_not_shown_is_not_measured() -> None:
    found = profile(treated([Injected(A, B, touched=0)]))
    names = {one.capability: one.name for one in found.maturity}
    assert set(names.values()) == {"not measured"}


def cost(*arms: Made, rates: Rates = RATES) -> CostFinding:
    found = profile(*arms, rates=rates).cost
    assert found is not None
    return found


def test_the_expected_cost_is_frequency_times_impact() -> None:
    """Four hours dark, nobody told: 4 h of revenue, two people for 4 h, a reputation; four times a year."""
    found = cost(arm("stale", Injected(A, B)))
    assert found.revenue == pytest.approx(4 * 4 * 1000, rel=0.2)
    assert found.recovery == pytest.approx(4 * 4 * 2 * 100, rel=0.05)
    assert (found.reputation, found.pages) == (4 * 5000, 0)
    assert found.expected_a_year == pytest.approx(found.revenue + found.recovery + found.reputation)
    assert found.prevention_a_year == 7000
    assert found.unmeasured == ("model", "store")


def test_what_is_caught_costs_no_reputation_but_a_page() -> None:
    found = cost(arm("stale", Injected(A, B), Alert(A + 60, B)))
    assert (found.reputation, found.pages) == (0, 4 * 10)


def test_what_the_pipeline_mends_itself_costs_nobody_s_time() -> None:
    mended = treated([Injected(A, B)], [unanswered(A, A + HOUR)], [Alert(A + 60, B)])
    assert cost(mended).recovery == 0


def test_pages_for_nothing_are_paid_too() -> None:
    nagging = Made(alerts=(Alert(WARMUP + HOUR, WARMUP + 2 * HOUR),))
    found = score(journal(nagging, arm("stale", Injected(A, B), *nagging.alerts)), rates=RATES).profiles[0].cost
    assert found is not None
    assert found.pages == pytest.approx(365.25 * 10, rel=0.01)


def test_families_are_weighed_by_their_rates_and_not_by_their_scenarios() -> None:
    once = cost(arm("stale", Injected(A, B)), arm("dark", STORE))
    often = cost(arm("stale", Injected(A, B)), *(arm(f"dark-{i}", STORE) for i in range(5)))
    assert once.expected_a_year == pytest.approx(often.expected_a_year)


def test_a_budget_makes_cost_efficiency_measurable() -> None:
    silent = profile(arm("stale", Injected(A, B)), rates=RATES)
    assert level(silent, "Cost efficiency") == 2
    assert level(profile(arm("stale", Injected(A, B))), "Cost efficiency") is None
