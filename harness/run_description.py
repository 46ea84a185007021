"""What ``run.json`` says that reports need: how the run was started, and how to start a part of it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from harness.errors import UsageError
from harness.report_files import DEFAULT
from harness.reports.unrun import Unrun
from harness.run_folder import RunFolder
from harness.scoring import Rates, Scorecard
from harness.scoring.findings import ExperimentFinding
from harness.targets.base import Arm

__all__ = ["RunDescription", "describe", "planned_experiments"]

_SIMULATOR = "sim"
_HARNESS = "harness"
#: So many scenarios of which nothing was run are named.
_NAMED = 5


def _of_any_profile(value: object) -> object:
    """Runs of earlier versions noted a number a scenario, over all profiles."""
    return {"": value} if isinstance(value, int) else value


Count = Annotated[int, Field(ge=0)]


class RunDescription(BaseModel):
    """The part of ``run.json`` that reports use; whatever else it holds is somebody else's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    started: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\dT[0-9:.+Z-]{1,30})?$")] = ""
    """When the run began, ISO 8601; empty if nobody noted it."""
    paths: tuple[str, ...] = ()
    backend: str = _SIMULATOR
    time_scale: Annotated[float, Field(gt=0)] = 1.0
    load: str = _HARNESS
    later_s: dict[str, float] = {}
    rates: Rates | None = None
    reports: tuple[str, ...] = DEFAULT
    """The forms in which the run is reported besides JSON, names of `harness.report_files.FILES`."""
    planned: dict[str, Annotated[dict[str, Count], BeforeValidator(_of_any_profile)]] = {}
    """How many experiments each scenario was to have under each profile; nothing if nobody noted it."""
    interrupted: bool | None = None
    """Whether it was ended before its time; None if it was never concluded."""

    def unrun(self, scorecard: Scorecard) -> list[Unrun]:
        """What was planned and never started, as in a run that was interrupted."""
        begun = Counter((experiment.scenario, experiment.profile) for experiment in scorecard.experiments)
        begun += Counter((experiment.scenario, "") for experiment in scorecard.experiments)
        return [
            Unrun(scenario, profile, count, count - begun[scenario, profile])
            for scenario, of_profiles in self.planned.items()
            for profile, count in of_profiles.items()
            if count > begun[scenario, profile]
        ]

    def cut_short(self, scorecard: Scorecard) -> bool:
        """Whether it was ended before its time, or killed before all of it had begun."""
        return bool(self.interrupted) or bool(self.unrun(scorecard))

    def unrun_text(self, scorecard: Scorecard) -> str:
        """The same in a sentence; empty if all of it started."""
        unrun = self.unrun(scorecard)
        if not unrun:
            return ""
        total = sum(sum(of_profiles.values()) for of_profiles in self.planned.values())
        begun = {experiment.scenario for experiment in scorecard.experiments}
        if not begun:
            none = f"None of {total} planned experiments started."
            return none if total > 1 else "The one planned experiment never started."
        text = f"{sum(one.missing for one in unrun)} of {total} planned experiments never started"
        whole = list(dict.fromkeys(one.scenario for one in unrun if one.scenario not in begun))
        if not whole:
            return f"{text}."
        more = f" and {len(whole) - _NAMED} more" if len(whole) > _NAMED else ""
        return (
            f"{text}; nothing was run of {len(whole)} of {len(self.planned)} scenarios: "
            f"{', '.join(whole[:_NAMED])}{more}."
        )

    def rerun(self, experiment: ExperimentFinding) -> str:
        """The command that runs one experiment again."""
        where = []
        if self.backend != _SIMULATOR:
            where = ["--backend", self.backend, "--time-scale", f"{self.time_scale:g}"]
        if self.load != _HARNESS:
            where += ["--load", self.load]
        which = ["--only", experiment.scenario, "--profile", experiment.profile, "--seed", str(experiment.seed)]
        if experiment.arm in self.later_s:
            which += ["--later", f"{self.later_s[experiment.arm]:g}s"]
        return shlex.join(["pipequake", "run", *self.paths, *where, *which])


def planned_experiments(arms: Sequence[Arm]) -> dict[str, dict[str, int]]:
    """How many experiments a run is to have, by scenario and profile: what its ``run.json`` says under ``planned``."""
    planned: dict[str, dict[str, int]] = {}
    for arm in arms:
        if arm.scenario is not None:
            of_profiles = planned.setdefault(arm.scenario.name, {})
            of_profiles[arm.profile] = of_profiles.get(arm.profile, 0) + 1
    return planned


def describe(folder: RunFolder) -> RunDescription:
    """The description of a run; an empty one if it has none. Raises `UsageError` for a damaged one."""
    path: Path = folder.path / "run.json"
    try:
        return RunDescription.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return RunDescription()
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror or error}). {_FIX}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"{path}: {': '.join(part for part in (place, first['msg']) if part)}. {_FIX}") from None


_FIX = "Restore it from a copy, or remove it: the journal is all that is judged; reports then don't know when it began."
