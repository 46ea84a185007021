"""What a target is: a place where an arm of an experiment runs, and the facts that scenarios are checked against."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from chaos.engine import Driver
from harness.scenario import Scenario, TargetFacts

T = TypeVar("T")

#: How the file is called that describes a real deployment beside the journal of its arm, while it exists.
DESCRIPTION = ".live.json"
#: The backend in virtual time. In every other one a replayed second takes a part of a real one.
SIMULATOR = "sim"
#: Who can send the users' requests: the harness itself, or a process of Locust (not in the simulator).
HARNESS_LOAD, LOCUST_LOAD = "harness", "locust"


@dataclass(frozen=True, slots=True)
class Density:
    """How densely an arm is played: no periodic work more often than each ``grain_s`` seconds (0: the target's own
    rhythm), by which share of its ``users``, and ``through`` which service they ask."""

    grain_s: float = 0.0
    users: float = 1.0
    through: str = ""

    def fields(self) -> dict[str, Any]:
        """What is out of the ordinary."""
        found = {"grain_s": self.grain_s, "users": self.users, "through": self.through}
        ordinary = {"grain_s": 0.0, "users": 1.0, "through": ""}
        return {name: value for name, value in found.items() if value != ordinary[name]}


@dataclass(frozen=True, slots=True)
class Arm:
    """One run of the target: a control (``scenario`` None) or a treatment.

    ``end_s`` is warm-up and horizon together, in seconds of the target's time; ``control`` and ``reference`` name the
    fault-free arms that a treatment is compared with (same seed, another seed); ``time_scale`` is how many seconds of
    the target's time pass in one of the machine's; ``load`` says who sends the users' requests. Everything is plain
    data, so that an arm can be sent to another process.
    """

    arm_id: str
    profile: str
    backend: str
    seed: int
    start: datetime
    warmup_s: float
    end_s: float
    scenario: Scenario | None = None
    control: str | None = None
    reference: tuple[str, ...] = ()
    density: Density = Density()
    time_scale: float = 1.0
    load: str = HARNESS_LOAD

    @property
    def simulated(self) -> bool:
        """Whether it runs in virtual time, with no process and no socket of the machine."""
        return self.backend == SIMULATOR

    def start_fields(self) -> dict[str, Any]:
        """The fields of the journal's ``arm.start``."""
        fields: dict[str, Any] = {
            "role": "control" if self.scenario is None else "treatment",
            "scenario": None if self.scenario is None else self.scenario.name,
            "profile": self.profile,
            "backend": self.backend,
            "seed": self.seed,
            "start": self.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "warmup_s": self.warmup_s,
            "horizon_s": self.end_s - self.warmup_s,
            **self.density.fields(),
        }
        if not self.simulated:
            fields["time_scale"] = self.time_scale
        if self.load != HARNESS_LOAD:
            fields["load"] = self.load
        if self.scenario is not None:
            fields |= {
                "control": self.control,
                "reference": list(self.reference),
                "spec": self.scenario.to_spec(),
            }
        return fields


@dataclass(frozen=True, slots=True)
class Growth:
    """A control and the treatments that branch off it, with the journal of each; ``to_end``: the control is wanted."""

    control: Arm
    branches: tuple[Arm, ...]
    journals: Mapping[str, Path]
    to_end: bool = True

    @property
    def wanted(self) -> list[str]:
        """The arms whose end is reported."""
        return [self.control.arm_id] * self.to_end + [arm.arm_id for arm in self.branches]

    @property
    def simulated_s(self) -> float:
        """About how long it all is, in seconds of the clock that is simulated."""
        return self.control.end_s + sum(arm.end_s - arm.warmup_s for arm in self.branches)


class Interrupt:
    """Asks a running arm to stop: may be set from a signal handler, before or while it runs."""

    def __init__(self) -> None:
        self.requested = False
        #: What the arm's journal will give as the reason of its end.
        self.reason = "interrupted"
        self._wake: Callable[[], None] | None = None

    def request(self, reason: str = "interrupted") -> None:
        """Stops the arm at its next step; what it applied is reverted. Only the first reason counts."""
        if not self.requested:
            self.reason = reason
        self.requested = True
        if self._wake is not None:
            self._wake()

    def attach(self, wake: Callable[[], None]) -> None:
        """Sets what wakes the arm."""
        self._wake = wake
        if self.requested:
            wake()


class Recorder(Protocol):
    """Where a stage writes what it observes; `harness.journal.ArmJournal` is one."""

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Appends an event, now."""
        ...


class Stage(Protocol):
    """A deployed target that is about to run: the conductor's view of it.

    Its requests, alerts and samples go to the recorder that it was made with, as they happen.
    """

    @property
    def driver(self) -> Driver:
        """Carries out the actions of faults."""
        ...

    @property
    def time_scale(self) -> float:
        """How many seconds of the target's time pass in one of the event loop's."""
        ...

    def now(self) -> float:
        """Seconds of the target's time since the start."""
        ...

    async def deploy(self) -> None:
        """Starts everything; returns when it runs."""
        ...

    def probe(self, signal: str, window_s: float) -> float | None:
        """A signal over the last seconds, a share from 0 to 1 where more is better; None without data."""
        ...

    def on_touched(self, listener: Callable[[str, str, int], None]) -> None:
        """Sets who is told of each effect of a fault: (fault id, what, how many more)."""
        ...


class Theatre(Protocol):
    """Where one arm plays, and whatever branches off it: the target's time, and what lies outside of a process."""

    def now(self) -> float:
        """Seconds of the target's time since the start."""
        ...

    def stage(self, recorder: Recorder) -> Stage:
        """What is to be deployed; it reports to the recorder."""
        ...

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the target's time; its result."""
        ...

    def branched(self, log: Path) -> None:
        """To be called in a process that was forked within `run`: it goes on with a copy of everything of its own."""
        ...


class Stranded(Protocol):
    """A deployment of real processes whose harness died: enough of it to take faults back, and to end it."""

    @property
    def driver(self) -> Driver:
        """Carries out undo actions, as far as what they act on still lives; each is idempotent."""
        ...

    async def tear_down(self) -> list[str]:
        """Ends every process and removes every volume of the deployment; what is still there, in words."""
        ...


#: Says how far time may move: gets the time now and the time when something is due next, in the target's seconds.
Pace = Callable[[float, float], float]


@runtime_checkable
class OwnTime(Protocol):
    """What a theatre is, besides, whose time passes as fast as it is told to: a simulated one."""

    def keep_pace(self, pace: Pace) -> None:
        """Asks before each step of time; the answer may be late."""
        ...


class Target(Protocol):
    """Something that scenarios can be run against."""

    name: str
    backends: tuple[str, ...]

    @property
    def profiles(self) -> tuple[str, ...]:
        """Kinds of deployment that can be run."""
        ...

    def check_profile(self, name: str) -> None:
        """Raises `UsageError` for a kind of deployment that there is not. There may be more than ``profiles`` lists:
        variants of them, such as one without a certain defence."""
        ...

    def facts(self) -> TargetFacts:
        """What there is to be broken."""
        ...

    def default_start(self) -> datetime:
        """Where a scenario without a ``start`` begins."""
        ...

    def preflight(self, backend: str) -> None:
        """Checks that this machine can run the backend. Raises `harness.errors.UsageError` with what is missing."""
        ...

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Does, once, what must not be in a run's path; says what it is doing."""
        ...

    def fingerprint(self) -> str:
        """Changes whenever the same arm could give another journal: code, data, versions of what computes."""
        ...

    def cache_folder(self) -> Path:
        """Where what can be made again is kept between runs."""
        ...

    def clean_up(self) -> None:
        """Removes what processes that were killed have left outside of the runs' folders."""
        ...

    def attach(self, description: Mapping[str, Any]) -> AbstractAsyncContextManager[Stranded]:
        """What a run that died left of a deployment, by the description that it kept of it (`DESCRIPTION`)."""
        ...

    def theatre(self, arm: Arm, log: Path) -> AbstractContextManager[Theatre]:
        """Where an arm can be run; ``log`` is the file for what the target itself logs.

        What several arms of a run would compute alike may lie beside it, in a folder `harness.run_folder.SHARED`.
        """
        ...
