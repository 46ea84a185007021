"""Repeats of a scenario: other seeds, and other phases of the injection against everything that happens periodically.

A fault that always begins on the hour meets a poll of five minutes always at the same point of its period, and a time
to detect would be that of one lucky or unlucky phase. So each repeat begins a little later, by a time that depends on
nothing but the seed, the scenario and the number of the repeat.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from chaos.rng import uniform
from harness.scenario import ResolvedScenario

__all__ = ["PHASE_S", "Repeat", "repeats_of", "shifted"]

#: The longest shift: a whole hour is a whole number of the periods of usual polls, scrapes and hourly feeds.
PHASE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Repeat:
    """One repeat: its seed, and by how much its faults begin later, in seconds."""

    seed: int
    shift_s: float


def repeats_of(name: str, seed: int, count: int) -> Iterator[Repeat]:
    """The repeats of a scenario; the first is the scenario as it stands.

    There are about as many seeds as phases of each: repeats of one seed share their control. No two are the same.

    >>> [(repeat.seed, repeat.shift_s) for repeat in repeats_of("weather-frozen", 1, 3)]
    [(1, 0.0), (2, 2850.0), (1, 1952.0)]
    """
    seeds = math.ceil(math.sqrt(count))
    drawn: set[Repeat] = set()
    for number in range(count):
        repeat, again = Repeat(seed + number % seeds, 0.0), 0
        while number and (repeat in drawn or not repeat.shift_s):
            shift = round(PHASE_S * uniform("phase", seed, name, number, *([again] if again else [])))
            repeat, again = Repeat(repeat.seed, float(shift)), again + 1
        drawn.add(repeat)
        yield repeat


def shifted(resolved: ResolvedScenario, shift_s: float) -> ResolvedScenario:
    """The scenario with every fault so much later, and watched for as long after it."""
    scenario = resolved.scenario
    faults = tuple(
        spec if spec.after is not None else spec.model_copy(update={"at_s": (spec.at_s or 0.0) + shift_s})
        for spec in scenario.faults
    )
    changed = scenario.model_copy(update={"faults": faults, "horizon_s": scenario.horizon_s + shift_s})
    return ResolvedScenario(changed, resolved.seed)
