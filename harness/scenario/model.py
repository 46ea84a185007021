"""A scenario as a typed, frozen, strict value: what is broken, where, when, and what must come of it.

The Python names carry units (``warmup_s``); a scenario file uses the plain words (``warmup: 6h``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

import chaos.blast_radius
from harness.scenario.classification import Duration, Impact, Recovery, RootCause, Scope, Visibility
from harness.scenario.fields import Explained, FaultId, Grain, Name, PointName, Seconds, Share, Start
from harness.verdict import Outcome

#: Warm-up and horizon together: what a run can hold in memory and a person can wait for.
MAX_RUN_S = 60 * 86_400.0

#: Entries of any one list of a scenario: more is a campaign, not an experiment.
MAX_ENTRIES = 100


class Signal(Explained):
    """What probes measure. Each is a share from 0 to 1, and more is better."""

    AVAILABILITY = "availability", "share of requests that were answered with a prediction"
    LATENCY = "latency", "share of requests that were answered within the latency objective"
    QUALITY = "quality", "1 minus the mean squared error of the predicted probabilities (the Brier score)"
    FEATURE_FRESHNESS = (
        "feature_freshness",
        "share of predictions from features within their age objective",
    )
    MODEL_FRESHNESS = "model_freshness", "share of predictions by a model within its age objective"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Classification(_Part):
    """The failure by the six dimensions; all six, or none."""

    visibility: Visibility = Field(description=str(Visibility.__doc__))
    scope: Scope = Field(description=str(Scope.__doc__))
    duration: Duration = Field(description=str(Duration.__doc__))
    root_cause: RootCause = Field(description=str(RootCause.__doc__))
    recovery: Recovery = Field(description=str(Recovery.__doc__))
    impact: Impact = Field(description=str(Impact.__doc__))


class SteadyState(_Part):
    """What must hold at the end of the warm-up; otherwise the run is inconclusive."""

    probe: Signal = Field(description="What is measured, a share from 0 to 1.")
    at_least: Share | None = Field(default=None, description="The lowest value that is still steady.")
    at_most: Share | None = Field(default=None, description="The highest value that is still steady.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a bound is missing. Write for example `at_least: 0.99`.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"nothing is at least {self.at_least:g} and at most {self.at_most:g}. Swap the two numbers."
            )
        return self


class After(_Part):
    """A start that waits for another fault."""

    fault: FaultId = Field(description="The id of the other fault.")
    effect: Literal["applied", "touched", "reverted"] = Field(
        default="touched",
        description="Which moment: it was applied, it first touched something, or it was reverted.",
    )
    delay_s: Seconds = Field(default=0.0, alias="delay", description="How long after that moment.")


class FaultSpec(_Part):
    """One fault on the timeline."""

    id: FaultId | None = Field(
        default=None,
        description="Names this fault in `after`, `expect` and reports. Default: the fault's name, numbered.",
    )
    fault: str = Field(description="Which fault, for example data.null_spike; `pipequake faults` lists them.")
    point: PointName = Field(description="Where it acts, for example feed:weather or link:serving->store.")
    params: dict[str, Any] = Field(
        default_factory=dict,
        alias="with",
        description="The fault's parameters; `pipequake faults NAME` shows them.",
    )
    at_s: Seconds | None = Field(
        default=None,
        alias="at",
        description="When it begins, counted from the end of the warm-up. Default: 0s.",
    )
    after: After | None = Field(default=None, description="Instead of `at`: begins after another fault's effect.")
    for_s: Seconds | None = Field(
        default=None, alias="for", description="How long it lasts. Default: until the horizon."
    )

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.at_s is not None and self.after is not None:
            raise ValueError("`at` and `after` both say when the fault begins. Keep one of them.")
        if self.for_s == 0:
            raise ValueError("`for: 0s` is over before it begins. Write how long it lasts, or leave it out.")
        return self


class DetectWithin(_Part):
    """An alert must be raised for the fault within this time of its first effect."""

    detect_within_s: Seconds = Field(alias="detect_within", description="From the fault's first effect to the alert.")
    fault: FaultId | None = Field(default=None, description="Which fault. Default: every one.")
    component: str | None = Field(
        default=None, min_length=1, max_length=80, description="The alert must blame this component."
    )


class RecoverWithin(_Part):
    """The pipeline must be back within its band this long after the fault's end."""

    recover_within_s: Seconds = Field(alias="recover_within", description="From the fault's end to recovery.")
    fault: FaultId | None = Field(default=None, description="Which fault. Default: every one.")


class DegradationAtMost(_Part):
    """A signal may fall by at most this much against the control run, over the horizon."""

    degradation_at_most: Share = Field(description="The largest fall against the control that is accepted.")
    signal: Signal = Field(description="What is compared.")


class OutcomeIs(_Part):
    """The fault must end with this outcome."""

    outcome: Literal[Outcome.CAUGHT, Outcome.SILENT, Outcome.ABSORBED, Outcome.INERT] = Field(
        description="caught: harm, alert; silent: harm, no alert; absorbed: no harm; inert: nothing touched."
    )
    fault: FaultId | None = Field(default=None, description="Which fault. Default: every one.")


#: The key that tells the kinds of expectation apart.
EXPECTATIONS: Mapping[str, type[_Part]] = {
    "detect_within": DetectWithin,
    "recover_within": RecoverWithin,
    "degradation_at_most": DegradationAtMost,
    "outcome": OutcomeIs,
}


def expectation_kind(value: object) -> str | None:
    """The tag of an expectation, from a document or a built model; None when it can't be told.

    Tags are in brackets so that they can't be mistaken for a key in an error's location.
    """
    if isinstance(value, Mapping):
        kinds = [key for key in EXPECTATIONS if key in value]
        return f"<{kinds[0]}>" if len(kinds) == 1 else None
    return next((f"<{key}>" for key, model in EXPECTATIONS.items() if isinstance(value, model)), None)


Expectation = Annotated[
    Annotated[DetectWithin, Tag("<detect_within>")]
    | Annotated[RecoverWithin, Tag("<recover_within>")]
    | Annotated[DegradationAtMost, Tag("<degradation_at_most>")]
    | Annotated[OutcomeIs, Tag("<outcome>")],
    Discriminator(expectation_kind),
]


class StopCondition(_Part):
    """Ends the run early and reverts everything when the target suffers more than was agreed."""

    probe: Signal = Field(description="What is measured, a share from 0 to 1.")
    below: Share | None = Field(default=None, description="Stop when the value is below this.")
    above: Share | None = Field(default=None, description="Stop when the value is above this.")
    for_s: Seconds = Field(default=0.0, alias="for", description="How long it must last before the run stops.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("expected one of `below` and `above`. Write for example `below: 0.5`.")
        return self


class BlastRadius(_Part):
    """Caps on what may be broken at the same time; see `chaos.blast_radius`."""

    max_faults: int = Field(default=16, strict=True, ge=1, description="Faults in effect at once.")
    max_points: int = Field(default=16, strict=True, ge=1, description="Different injection points at once.")
    max_services: int = Field(default=8, strict=True, ge=1, description="Different services hit as processes at once.")
    max_share: Share = Field(default=1.0, gt=0, description="Share of the rows, connections or keys at one point.")

    def caps(self) -> chaos.blast_radius.BlastRadius:
        """The same caps as the engine wants them."""
        return chaos.blast_radius.BlastRadius(**self.model_dump())


class Scenario(_Part):
    """What is broken, where and when, and what must come of it."""

    name: Name = Field(description="Lower-case words joined by hyphens, unique in a library.")
    description: str = Field(default="", description="What happens and why it matters, for reports.")
    classification: Classification | None = Field(default=None, description=str(Classification.__doc__))
    tags: tuple[Name, ...] = Field(default=(), max_length=MAX_ENTRIES, description="Words to select scenarios by.")
    seed: int | None = Field(
        default=None, strict=True, ge=0, lt=2**53, description="Default seed; the command line's --seed wins."
    )
    start: Start | None = Field(default=None, description="Start of the replay, UTC. Default: the target's own.")
    warmup_s: Seconds = Field(default=6 * 3600.0, alias="warmup", description="Before it, nothing is injected.")
    horizon_s: Seconds = Field(
        default=24 * 3600.0, alias="horizon", description="How long faults and their effects are watched."
    )
    grain_s: Grain | None = Field(
        default=None,
        alias="grain",
        description="For runs of weeks: no batch, poll or look comes more often. Default: the target's own rhythm.",
    )
    users: Annotated[Share, Field(gt=0)] | None = Field(
        default=None, description="For runs of weeks: the share of users who ask. Default: all of them."
    )
    through: Name | None = Field(
        default=None, description="The service that users ask instead of the one that predicts: a consumer of it."
    )
    steady_state: tuple[SteadyState, ...] = Field(
        default=(SteadyState(probe=Signal.AVAILABILITY, at_least=0.99),),
        max_length=MAX_ENTRIES,
        description="What must hold at the end of the warm-up. Default: availability at least 0.99.",
    )
    faults: tuple[FaultSpec, ...] = Field(
        min_length=1, max_length=MAX_ENTRIES, description="What goes wrong, and when."
    )
    expect: tuple[Expectation, ...] = Field(min_length=1, max_length=MAX_ENTRIES, description="What must come of it.")
    stop: tuple[StopCondition, ...] = Field(
        default=(), max_length=MAX_ENTRIES, description="When to end the run early."
    )
    blast_radius: BlastRadius = Field(default=BlastRadius(), description="Caps on what a run may do to its target.")

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The scenario of a journal's ``spec``. Needs no registry, so that old runs can be scored."""
        return cls.model_validate(spec)

    def to_spec(self) -> dict[str, Any]:
        """The scenario as plain JSON in the words of a scenario file, every default written out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def fault_ids(self) -> tuple[str, ...]:
        """The id of each fault, in order: its own, or its name, numbered from the second one on.

        >>> two = [{"fault": "process.kill", "point": "service:training"}] * 2
        >>> Scenario(name="twice", faults=two, expect=[{"detect_within": "5m"}]).fault_ids()
        ('process.kill', 'process.kill-2')
        """
        return tuple(number_ids([(spec.id, spec.fault) for spec in self.faults]))


def number_ids(faults: Sequence[tuple[str | None, str]]) -> list[str]:
    """An id for each (own id, fault name): its own, or the name with the first number that is free."""
    taken = {own for own, _ in faults if own is not None}
    ids: list[str] = []
    for own, name in faults:
        chosen, number = own or name, 1
        while own is None and chosen in taken:
            number += 1
            chosen = f"{name}-{number}"
        taken.add(chosen)
        ids.append(chosen)
    return ids
