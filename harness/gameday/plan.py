"""The plan of a gameday as a typed, frozen, strict value: who takes part, what is played, what is told and asked."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.gameday.pacing import MAX_SPEED
from harness.scenario.fields import Seconds, Start

__all__ = ["Cue", "Inject", "Pause", "Plan", "Question", "RolePlan", "RoundPlan"]

#: Entries of any one list of a plan.
MAX_ENTRIES = 100

Line = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=4000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cue(_Part):
    """When something is due: at a time of the round, after the first fault begins, or when the facilitator says so."""

    at_s: Seconds | None = Field(default=None, alias="at", description="Counted from the end of the warm-up.")
    after_fault_s: Seconds | None = Field(
        default=None, alias="after_fault", description="Counted from the moment when the first fault was applied."
    )

    @model_validator(mode="after")
    def _one_moment(self) -> Self:
        if self.at_s is not None and self.after_fault_s is not None:
            raise ValueError("`at` and `after_fault` both say when. Keep one of them.")
        return self


class Inject(Cue):
    """A message that is revealed in the course of a round. Without a moment, by the facilitator's hand."""

    text: Text = Field(description="What it says.")
    sender: Line | None = Field(default=None, alias="from", description="Whom it seems to come from.")
    to: Literal["participants", "facilitator"] = Field(default="participants", description="Who sees it.")


class Pause(Cue):
    """The clock stops until the facilitator lets it go on."""

    text: Text = Field(description="What is to be done meanwhile; everybody sees it.")

    @model_validator(mode="after")
    def _timed(self) -> Self:
        if self.at_s is None and self.after_fault_s is None:
            raise ValueError("a pause needs a moment. Write for example `at: 2h`.")
        return self


class Question(Cue):
    """Something that participants are asked. Without a moment, when the round has ended."""

    ask: Text = Field(description="The question.")
    choices: tuple[Line, ...] = Field(default=(), max_length=20, description="Answers to choose from. Default: any.")
    expected: Text | None = Field(default=None, description="The facilitator's answer, told when all is over.")


class RoundPlan(_Part):
    """One scenario of the gameday, with what goes with it."""

    scenario: Line = Field(description="A file beside the plan, or the name of a scenario of the library.")
    title: Line | None = Field(default=None, description="What participants see. Default: `Round 1` and so on.")
    injects: tuple[Inject, ...] = Field(default=(), max_length=MAX_ENTRIES, description="Messages.")
    pauses: tuple[Pause, ...] = Field(default=(), max_length=MAX_ENTRIES, description="When the clock stops.")
    questions: tuple[Question, ...] = Field(default=(), max_length=MAX_ENTRIES, description="What is asked.")


class RolePlan(_Part):
    """A role that people take when they join."""

    name: Line = Field(description="For example `on call`.")
    duty: Text | None = Field(default=None, description="What whoever takes it is there for.")


class Plan(_Part):
    """A gameday."""

    title: Line = Field(description="What the gameday is called.")
    briefing: Text | None = Field(default=None, description="What everybody reads before it begins.")
    roles: tuple[RolePlan, ...] = Field(default=(), max_length=20, description="Roles to choose from.")
    profile: Line = Field(default="mature", description="Which deployment of the target is played against.")
    backend: Line = Field(default="sim", description="Where the target runs.")
    seed: int | None = Field(default=None, strict=True, ge=0, lt=2**53, description="Wins over the scenarios' own.")
    start: Start | None = Field(default=None, description="Start of the replay, UTC; wins over the scenarios' own.")
    speed: float = Field(
        default=60.0,
        strict=True,
        ge=1,
        le=MAX_SPEED,
        description="Seconds of the pipeline's time a second, 1 to 1000. Only the simulator's can change meanwhile.",
    )
    order: Literal["in_turn", "by_hand"] = Field(
        default="by_hand",
        description="in_turn: faults begin when their scenario says; by_hand: when the facilitator says.",
    )
    longest_wait_s: Seconds = Field(
        default=6 * 3600.0,
        alias="longest_wait",
        le=86_400.0,
        description="With `by_hand`: after so long the scenario begins by itself.",
    )
    abort: Literal["facilitator", "anyone"] = Field(default="anyone", description="Who may call everything off.")
    scenarios: tuple[RoundPlan, ...] = Field(min_length=1, max_length=50, description="What is played, in order.")
    questions: tuple[Question, ...] = Field(default=(), max_length=MAX_ENTRIES, description="Asked at the end.")

    def round_title(self, number: int) -> str:
        """What participants call a round; ``number`` counts from 0.

        >>> Plan(title="t", scenarios=[{"scenario": "secret-name"}]).round_title(0)
        'Round 1'
        """
        return self.scenarios[number].title or f"Round {number + 1}"
