"""The process in which the pipeline runs during a gameday: plays one round after another, as the console tells it.

    python -m harness.gameday.player

Commands come in as JSON lines, what happens goes out as JSON lines. When the console is gone, whatever is applied is
reverted, the journal is ended, and the process ends too.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.arms import run_arm
from harness.errors import HarnessError
from harness.gameday.pacing import Pacer
from harness.gameday.round import Draft, Round
from harness.gameday.wire import Message, Wire
from harness.journal import JournalWriter
from harness.run_folder import RunFolder
from harness.scenario import Scenario
from harness.targets import load_target
from harness.targets.base import Arm, Density, Interrupt, OwnTime, Target

__all__ = ["Player", "arm_from_json", "arm_to_json"]

#: Of these the console needs no more than that they happened: undo records can be large.
_LEFT_OUT = frozenset({"do", "undo", "params", "spec"})
#: Fields of an arm that a message carries as they are.
_PLAIN = ("arm_id", "profile", "backend", "seed", "warmup_s", "end_s", "time_scale")


def arm_to_json(arm: Arm) -> Message:
    """An arm as a message carries it."""
    assert arm.scenario is not None or arm.control is None
    plain = {name: getattr(arm, name) for name in _PLAIN}
    spec = None if arm.scenario is None else arm.scenario.to_spec()
    return {
        **plain,
        "start": arm.start.isoformat(),
        "spec": spec,
        "control": arm.control,
        "reference": list(arm.reference),
        "density": asdict(arm.density),
    }


def arm_from_json(message: Mapping[str, Any]) -> Arm:
    """What `arm_to_json` wrote."""
    fields = {name: message[name] for name in (*_PLAIN, "control")}
    spec = message["spec"]
    return Arm(
        **fields,
        start=datetime.fromisoformat(message["start"]),
        scenario=None if spec is None else Scenario.from_spec(spec),
        reference=tuple(message["reference"]),
        density=Density(**message["density"]),
    )


class Player:
    """Carries out the commands of a wire on a target; also the `harness.gameday.round.Script` of what it plays."""

    def __init__(self, target: Target, wire: Wire) -> None:
        self._target = target
        self._wire = wire
        self._pacer = Pacer(clock=time.perf_counter, listen=self._listen, beat=self._beat)
        self._round: Round | None = None
        self._interrupt = Interrupt()
        self._keeps_pace = False
        self._now: Callable[[], float] = time.perf_counter
        self._time_scale = 1.0
        self._cues: list[Message] = []

    def serve(self) -> None:
        """Until the console closes the wire."""
        self._wire.send({"kind": "ready"})
        while not self._wire.closed:
            for message in self._wire.receive(None):
                if message["do"] == "play":
                    self._guarded(message, self._play)
                elif message["do"] == "control":
                    self._guarded(message, self._control)

    def _guarded(self, message: Message, act: Any) -> None:
        arm_id, ended = message["arm"]["arm_id"], {}
        try:
            ended = {"reason": act(message)}
        except HarnessError as error:
            ended = {"reason": "error", "error": str(error)}
        except Exception as error:  # a round that crashes is an event of the gameday, never its end
            ended = {"reason": "error", "error": f"{type(error).__name__}: {error}"}
        self._wire.send({"kind": "ended", "arm": arm_id, **ended})

    def _control(self, message: Message) -> str:
        """A fault-free arm, as fast as it goes."""
        journal = Path(message["journal"])
        with RunFolder(journal.parent.parent).conducting():
            return run_arm(self._target, arm_from_json(message["arm"]), journal, Interrupt())

    def _play(self, message: Message) -> str:
        with RunFolder(Path(message["journal"]).parent.parent).conducting():
            return self._play_round(message)

    def _play_round(self, message: Message) -> str:
        arm, journal = arm_from_json(message["arm"]), Path(message["journal"])
        self._interrupt = interrupt = Interrupt()
        self._cues = message["cues"]
        self._pacer.set_speed(message["speed"])
        self._pacer.let_go()
        with self._target.theatre(arm, journal.with_suffix(".log")) as theatre, JournalWriter(journal) as writer:
            self._keeps_pace = isinstance(theatre, OwnTime)
            self._now = theatre.now
            draft = Draft(writer, self, theatre.now, self._journal_failed)
            # Users go on asking for as long as the longest wait of the facilitator's.
            stage = theatre.stage(draft)
            self._time_scale = stage.time_scale
            self._round = Round(arm, stage, draft, self, interrupt, by_hand=message["by_hand"])
            if isinstance(theatre, OwnTime):
                theatre.keep_pace(self._pacer)
            try:
                return theatre.run(self._perform(self._round))
            finally:
                self._round = None

    async def _perform(self, round_: Round) -> str:
        loop = asyncio.get_running_loop()
        if not self._keeps_pace:
            loop.add_reader(self._wire.fileno(), self._listen, 0.0)
        beats = None if self._keeps_pace else asyncio.ensure_future(self._beat_on())
        try:
            return await round_.run()
        finally:
            if beats is not None:
                beats.cancel()
                loop.remove_reader(self._wire.fileno())

    async def _beat_on(self) -> None:
        while True:
            self._beat(self._now())
            await asyncio.sleep(0.5)

    # -- what happens, to the console

    def live(self, t: float) -> None:
        """The warm-up is over: from here on time is everybody's."""
        self._wire.send({"kind": "live", "t": t})
        for cue in self._cues:
            self._call_at(t + cue["t"], cue)
        self._pacer.keep(t, speed=self._pacer.speed)

    def recorded(self, kind: str, fields: Mapping[str, Any], t: float) -> None:
        """A line of the journal."""
        shown = {key: value for key, value in fields.items() if key not in _LEFT_OUT}
        self._wire.send({"kind": "record", "record": {**shown, "kind": kind, "t": t}})

    def _call_at(self, t: float, cue: Message) -> None:
        delay_s = max(0.0, t - self._now()) / self._time_scale
        asyncio.get_running_loop().call_later(delay_s, self._cue, cue)

    def _cue(self, cue: Message) -> None:
        """Something of the plan is due. A pause stops the clock here and now, before anything else can happen."""
        if cue["pause"]:
            self._pacer.pause(self._now())
        self._wire.send({"kind": "cue", "id": cue["id"], "t": self._now()})

    def _beat(self, t: float) -> None:
        self._wire.send({"kind": "beat", "t": t})

    def _journal_failed(self, why: str) -> None:
        self._wire.send({"kind": "trouble", "error": why})
        self._stop("error")

    # -- what the console wants

    def _listen(self, wait_s: float) -> bool:
        """Carries out what has been asked for; whether there was anything."""
        messages = self._wire.receive(wait_s)
        if self._wire.closed:
            if not self._interrupt.requested:
                self._stop("interrupted")
                return True
            return False
        for message in messages:
            self._carry_out(message)
        return bool(messages)

    def _carry_out(self, message: Message) -> None:
        match message["do"]:
            case "stop":
                self._stop(message["reason"])
            case "inject" if self._round is not None:
                self._round.inject()
            case "call_off" if self._round is not None:
                self._round.call_off()
            case "pause":
                self._pacer.pause()
            case "resume":
                self._pacer.resume()
            case "speed":
                self._pacer.set_speed(message["speed"])
            case "cue":
                self._call_at(message["t"], message)

    def _stop(self, reason: str) -> None:
        """Everything is reverted, at once: nothing waits for the wall clock any more."""
        self._pacer.let_go()
        self._interrupt.request(reason)


def main() -> None:
    """Keeps the pipes for the wire alone: whatever else is printed goes to standard error."""
    incoming, outgoing = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    wire = Wire(incoming, outgoing)
    target = load_target()
    target.prepare(lambda note: wire.send({"kind": "note", "text": note}))
    Player(target, wire).serve()


if __name__ == "__main__":
    main()
