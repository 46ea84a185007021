"""New models in service, as the users' answers show them: which were due, which came, which stayed, which did harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.scoring.evidence import Arm, Bools, Floats
from harness.scoring.pairing import Pairing
from harness.scoring.policy import Policy
from harness.scoring.signals import all_signals

__all__ = ["Release", "ReleaseCounts", "count_releases", "releases_of"]


@dataclass(frozen=True, slots=True)
class Release:
    """A model that began to answer after the warm-up; times in virtual seconds."""

    model: str
    trained_s: float
    first_s: float
    last_s: float
    took_over: bool
    """For at least one bin it gave most of the answers; otherwise it only ever was a canary."""
    withdrawn: bool
    """It stopped answering, and an older model answered after it."""


@dataclass(frozen=True, slots=True)
class ReleaseCounts:
    """What `harness.scoring.findings.Counts` says of trainings and releases."""

    trainings_due: int
    trainings_done: int
    releases: int
    releases_kept: int
    releases_worse: int
    releases_worse_ended: int
    releases_worse_contained: int


def releases_of(arm: Arm, policy: Policy) -> tuple[Release, ...]:
    """The releases of an arm, oldest first. A model that never answers a request is not seen."""
    requests = arm.requests
    known = requests.answered & (requests.model != "") & np.isfinite(requests.model_age_s)
    known &= requests.sent_s < arm.observed_end_s
    models, sent = requests.model[known], requests.sent_s[known]
    trained = sent - requests.model_age_s[known]
    bins = (sent // policy.bin_s).astype(np.int64)
    total = np.bincount(bins) if len(bins) else np.zeros(0)
    found = []
    for model in sorted(set(models.tolist())):
        mine = models == model
        first, last, born = float(sent[mine].min()), float(sent[mine].max()), float(np.median(trained[mine]))
        if first < arm.warmup_s:
            continue
        share = np.bincount(bins[mine], minlength=len(total)) / np.maximum(total, 1)
        older_after = bool(np.any((sent > last) & (trained < born - 1)))
        found.append(Release(model, born, first, last, bool(np.any(share > 0.5)), older_after))
    return tuple(sorted(found, key=lambda release: (release.first_s, release.model)))


def count_releases(treatment: Arm, control: Arm, pairing: Pairing, policy: Policy) -> ReleaseCounts:
    """What became of the models that were due, and of the releases that were made."""
    end_s = min(treatment.observed_end_s, control.observed_end_s)
    made = releases_of(treatment, policy)
    due = [release for release in releases_of(control, policy) if release.first_s <= end_s - policy.release_slack_s]
    done = [one for one in due if any(release.trained_s >= one.trained_s - 1 for release in made)]
    settled = [release for release in made if release.took_over or release.withdrawn]
    worse = [release for release in settled if _left_users_worse_off(release, treatment, control, pairing, policy)]
    ended = [release for release in worse if release.withdrawn]
    kept = [release for release in settled if release.took_over and not release.withdrawn and release not in worse]
    return ReleaseCounts(
        trainings_due=len(due),
        trainings_done=len(done),
        releases=len(settled),
        releases_kept=len(kept),
        releases_worse=len(worse),
        releases_worse_ended=len(ended),
        releases_worse_contained=sum(not release.took_over for release in ended),
    )


def _left_users_worse_off(release: Release, treatment: Arm, control: Arm, pairing: Pairing, policy: Policy) -> bool:
    """Whether the model's answers exceed the control's loss, and by clearly more than the answers before it did.

    Where the answers before it happened to beat the control's, one that is as good as that is no bad release. Answers
    after a later fault acted say nothing about it.
    """
    quality = next(signal for signal in all_signals() if signal.name == "quality")
    excess = quality.loss(treatment.requests, policy)[pairing.treatment]
    excess = excess - quality.loss(control.requests, policy)[pairing.control]
    its_own = treatment.requests.model[pairing.treatment] == release.model
    later = [log.act_s for log in treatment.faults if log.act_s is not None and log.act_s > release.first_s]
    until = min([release.first_s + policy.release_watch_s, *later])
    after = excess[its_own & (pairing.sent_s < until) & np.isfinite(excess)]
    begin = release.first_s - policy.release_watch_s
    before = excess[_between(pairing.sent_s, begin, release.first_s) & np.isfinite(excess)]
    if len(after) < 2 or len(before) < 2:
        return False
    doubt = policy.sustained_z * float(np.sqrt(_error(after) ** 2 + _error(before) ** 2))
    more = float(after.mean() - before.mean())
    return more > max(quality.floor, doubt) and float(after.mean()) > quality.floor


def _between(values: Floats, start: float, end: float) -> Bools:
    return (values >= start) & (values < end)


def _error(values: Floats | Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
