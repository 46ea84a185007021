"""A small run of two profiles and four scenarios with one of everything: the source of the golden files."""

from __future__ import annotations

from synthetic import (
    END,
    HOUR,
    WARMUP,
    Alert,
    Injected,
    Made,
    Record,
    between,
    jitter,
    journal,
    treated,
    unanswered,
    worse,
)

BEGIN, FINISH = WARMUP + 3 * HOUR, WARMUP + 9 * HOUR
CLAIMS: tuple[Record, ...] = (
    {"detect_within": "30m"},
    {"recover_within": "1h"},
    {"degradation_at_most": 0.05, "signal": "availability"},
)


def sample_journal() -> list[Record]:
    """The journal: ``plain`` has an error-rate alarm only, ``careful`` has checks and fallbacks."""
    return journal(*_arms("plain"), *_arms("careful"))


def _arms(profile: str) -> list[Made]:
    careful = profile == "careful"
    noise = (Alert(WARMUP + 15 * HOUR, WARMUP + 16 * HOUR, "PredictionDrift", "serving", "warning", ()),)
    quiet = noise if careful else ()
    control = Made(arm=f"control-{profile}", profile=profile, alerts=quiet)
    other = Made(arm=f"other-{profile}", profile=profile, seed=8, changes=(jitter(0.01),))

    def arm(name: str, fault: Injected, *changes: object, alerts: tuple[Alert, ...] = (), **more: object) -> Made:
        return treated(
            [fault],
            changes,  # type: ignore[arg-type]
            (*quiet, *alerts),
            CLAIMS,
            arm=f"{name}-{profile}",
            scenario=name,
            profile=profile,
            control=control.arm,
            reference=(other.arm,),
            **more,
        )

    dark = Injected(BEGIN, FINISH, "dark", "store.outage", "store:online")
    units = Injected(BEGIN, FINISH, "celsius", "data.unit_change", "feed:weather")
    nothing = Injected(BEGIN, FINISH, "no-rows", "data.null_spike", "feed:planes", touched=0)
    late = Injected(BEGIN, None, "stale", "freshness.freeze", "feed:weather")
    if careful:
        down = Alert(BEGIN + 180, FINISH + 300, "StoreUnreachable", "store", labels=())
        contract = Alert(BEGIN + 660, FINISH + 60, "ContractViolated", "ingestion", labels=(("feed", "weather"),))
        return [
            control,
            other,
            arm("store-goes-dark", dark, unanswered(BEGIN, BEGIN + 240), alerts=(down,)),
            arm("weather-in-celsius", units, alerts=(contract,)),
            arm("nulls-in-planes", nothing),
            arm("weather-goes-stale", late, reason="error", ends=WARMUP + 5 * HOUR),
        ]
    errors = Alert(BEGIN + 1500, FINISH + 600, "ErrorRateHigh", "serving", labels=())
    return [
        control,
        other,
        arm("store-goes-dark", dark, unanswered(BEGIN, FINISH), alerts=(errors,)),
        arm("weather-in-celsius", units, worse(BEGIN, FINISH)),
        arm("nulls-in-planes", nothing),
        arm("weather-goes-stale", late, between(BEGIN + 2 * HOUR, END, feature_age_s=4 * HOUR)),
    ]
