"""Models in service and the data that answers rest on, as the requests of an arm show them."""

from __future__ import annotations

from typing import Any

from synthetic import END, HOUR, WARMUP, Change, Injected, Made, between, journal, treated, worse

from harness.scoring import score
from harness.scoring.findings import Counts, ProfileFinding

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR
NIGHT = WARMUP + 10 * HOUR
FAULT = Injected(A, B)


def model(name: str, trained: float, start: float, end: float, every: int = 1) -> Change:
    """From start to end a model answers, or every so many requests of them."""

    def change(record: dict[str, Any]) -> dict[str, Any]:
        if not start <= record["sent"] < end or int(record["id"][1:]) % every:
            return record
        return {**record, "model": name, "model_age_s": record["sent"] - trained}

    return change


OLD = model("m1", -6 * HOUR, 0, END)
NEW = model("m2", NIGHT - 600, NIGHT, END)


def judged(*changes: Change, fault: Injected = FAULT, control: tuple[Change, ...] = (OLD, NEW)) -> ProfileFinding:
    return score(journal(Made(changes=control), treated([fault], changes))).profiles[0]


def counts(*changes: Change, control: tuple[Change, ...] = (OLD, NEW)) -> Counts:
    lines = journal(Made(changes=control), treated([FAULT], changes))
    found = score(lines).experiments[0].counts
    assert found is not None
    return found


def test_a_model_that_takes_over_and_stays_is_a_good_training_and_deployment() -> None:
    found = counts(OLD, NEW)
    assert (found.trainings_due, found.trainings_done) == (1, 1)
    assert (found.releases, found.releases_kept, found.releases_worse) == (1, 1, 0)


def test_a_model_that_never_answers_is_a_failed_training() -> None:
    profile = judged(OLD)
    assert profile.metric("training_success").value == 0
    assert profile.metric("deployment_success").value is None
    assert profile.metric("deployment_success").note == "no model was released in a treatment"


def test_a_model_of_the_next_attempt_is_as_good() -> None:
    late = model("m2-again", NIGHT + HOUR, NIGHT + 2 * HOUR, END)
    assert judged(OLD, late).metric("training_success").value == 1


def test_a_canary_that_is_withdrawn_is_a_failed_deployment_that_did_no_harm() -> None:
    canary = model("m2", NIGHT - 600, NIGHT, NIGHT + 2 * HOUR, every=10)
    found = counts(OLD, canary)
    assert (found.releases, found.releases_kept, found.releases_worse) == (1, 0, 0)


def test_a_release_that_leaves_users_worse_off_fails_until_it_is_withdrawn() -> None:
    bad = worse(NIGHT, END)
    stays = counts(OLD, NEW, bad)
    assert (stays.releases_kept, stays.releases_worse, stays.releases_worse_ended) == (0, 1, 0)
    rolled_back = model("m2", NIGHT - 600, NIGHT, NIGHT + 3 * HOUR)
    back = counts(OLD, rolled_back, worse(NIGHT, NIGHT + 3 * HOUR))
    assert (back.releases_worse, back.releases_worse_ended, back.releases_worse_contained) == (1, 1, 0)


def test_a_release_as_good_as_the_control_s_is_no_bad_one_though_the_answers_before_it_were_better() -> None:
    def lucky(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "p": float(record["y"])} if record["sent"] < NIGHT else record

    found = counts(OLD, NEW, lucky)
    assert (found.releases_kept, found.releases_worse) == (1, 0)


def test_a_bad_canary_is_contained() -> None:
    canary = model("m2", NIGHT - 600, NIGHT, NIGHT + 9 * HOUR, every=5)

    def bad(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "p": 1.0 - record["y"]} if record["model"] == "m2" else record

    found = counts(OLD, canary, bad)
    assert (found.releases_worse, found.releases_worse_ended, found.releases_worse_contained) == (1, 1, 1)
    safety = judged(OLD, canary, bad).maturity[3]
    assert (safety.capability, safety.level) == ("Deployment safety", 4)


def test_a_fault_after_the_release_is_not_the_release_s_doing() -> None:
    later = Injected(NIGHT + 3 * HOUR, NIGHT + 8 * HOUR)
    lines = journal(Made(changes=(OLD, NEW)), treated([later], [OLD, NEW, worse(NIGHT + 3 * HOUR, NIGHT + 8 * HOUR)]))
    found = score(lines).experiments[0].counts
    assert found is not None
    assert (found.releases_kept, found.releases_worse) == (1, 0)


def test_a_release_that_the_control_made_just_before_the_end_is_not_due_yet() -> None:
    late = model("m2", END - 2 * HOUR, END - HOUR, END)
    assert counts(OLD, control=(OLD, late)).trainings_due == 0


def test_the_data_quality_score_wants_complete_timely_and_correct_data() -> None:
    assert judged(OLD, NEW).metric("data_quality").value == 1
    share = (B - A) / (END - WARMUP)
    for change in (
        between(A, B, source="simplified"),
        between(A, B, feature_age_s=3 * HOUR),
        worse(A, B, 1.0),
    ):
        found = judged(OLD, NEW, change).metric("data_quality").value
        assert found is not None
        assert abs(1 - found - share) < 0.01


def test_another_model_s_other_answer_is_not_wrong_data() -> None:
    def other(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "model": "m9", "p": min(1.0, record["p"] + 0.1)}

    assert judged(OLD, NEW, other).metric("data_quality").value == 1
