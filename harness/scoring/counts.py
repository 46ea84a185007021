"""What is counted in a treatment's horizon: answers that came, were fresh and sound, and releases that were made."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from harness.scoring.evidence import Arm
from harness.scoring.findings import Counts
from harness.scoring.pairing import Pairing, pair
from harness.scoring.policy import Policy
from harness.scoring.releases import count_releases

__all__ = ["counts_of"]

#: What an answer says of its source when something was missing that the model needs.
STAND_INS = ("simplified", "prior")


def counts_of(arm: Arm, control: Arm, policy: Policy) -> Counts:
    """How many requests of the horizon were answered, how fresh and sound the answers were, and what was released."""
    requests = arm.requests
    due = (requests.sent_s >= arm.warmup_s) & (requests.sent_s < arm.observed_end_s)
    answered = requests.answered & due
    features = answered & np.isfinite(requests.feature_age_s)
    models = answered & np.isfinite(requests.model_age_s)
    pairing = pair(control.requests, requests, arm.warmup_s, min(arm.observed_end_s, control.observed_end_s))
    compared, sound = _sound(arm, control, pairing, policy)
    releases = count_releases(arm, control, pairing, policy)
    return Counts(
        compared=compared,
        sound=sound,
        **asdict(releases),
        requests=int(due.sum()),
        answered=int(answered.sum()),
        feature_ages=int(features.sum()),
        feature_fresh=int((features & (requests.feature_age_s <= policy.feature_slo_s)).sum()),
        model_ages=int(models.sum()),
        model_fresh=int((models & (requests.model_age_s <= policy.model_slo_s)).sum()),
    )


def _sound(arm: Arm, control: Arm, pairing: Pairing, policy: Policy) -> tuple[int, int]:
    """How many answers have an answered twin, and how many of them rest on data as they should be: none missing (a
    model's answer, not a stand-in's), none late, none wrong (the same model gave its twin the same probability)."""
    after, before = arm.requests, control.requests
    it, ic = pairing.treatment, pairing.control
    compared = after.answered[it] & before.answered[ic]
    complete = ~np.isin(after.source[it], STAND_INS)
    late = after.feature_age_s[it] > policy.feature_slo_s
    moved = np.abs(after.p[it] - before.p[ic]) > policy.sound_tolerance
    wrong = moved & (after.model[it] == before.model[ic])
    return int(compared.sum()), int((compared & complete & ~late & ~wrong).sum())
