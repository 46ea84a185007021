"""Runs a gameday: carries out what people want, follows what the pipeline does, and tells every browser."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

from harness.gameday.board import Board
from harness.gameday.entries import Entry, entry_of_event, entry_of_record
from harness.gameday.event_log import Event, EventLog, LogError
from harness.gameday.game import Mark, Person, Phase, Seat, kind_of
from harness.gameday.plan import Pause, Question
from harness.gameday.player import arm_to_json
from harness.gameday.remote import RemotePlayer
from harness.gameday.rounds import RoundArms
from harness.gameday.signals import Signals
from harness.gameday.streams import Stream
from harness.gameday.wire import Message
from harness.run_folder import RunFolder

__all__ = ["Director", "Refused"]

#: A simulated world that has not reverted everything this long after an abort is ended as it is, in real seconds.
ABORT_S = 1.5
#: How often everybody is told how things stand, in real seconds.
BEAT_S = 0.5


class Refused(Exception):
    """What somebody wants can't be done now; the text says why."""


class Director:
    """Everything that happens goes through it: it alone writes the log and publishes to the streams."""

    def __init__(
        self, board: Board, arms: RoundArms, log: EventLog, folder: RunFolder, pulse: Callable[[], None] = lambda: None
    ) -> None:
        self.board = board
        self._pulse = pulse
        self._arms = arms
        self._log = log
        self._folder = folder
        self._player = RemotePlayer(self._heard, folder.path / "player.log")
        self._concluded = asyncio.Event()
        self._round_over = asyncio.Event()
        self._stopped_at: float | None = None
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        boot = secrets.token_hex(4)
        self.streams = {seat: Stream(boot, self._snapshot_of(seat)) for seat in Seat}

    # -- from beginning to end

    async def start(self) -> None:
        """Starts the pipeline's process and the heartbeat."""
        await self._player.start()
        self._spawn(self._beat_on())

    async def concluded(self) -> None:
        """Returns when the facilitator has ended the gameday."""
        await self._concluded.wait()

    async def close_player(self) -> None:
        """Reverts what is applied, and ends the pipeline's process."""
        self._closing = True
        if self.board.game.active:
            self._stop("interrupted")
            await self._round_over.wait()
        await self._player.close()

    def reported(self) -> None:
        """The report has been written."""
        self.board.reported = True

    def close(self) -> None:
        """Ends every connection."""
        for task in self._tasks:
            task.cancel()
        for stream in self.streams.values():
            stream.close()

    # -- what people want; each raises `Refused` or `LogError`

    def join(self, name: str, role: str, seat: Seat) -> Person:
        """Somebody new."""
        if len(self.board.game.people) >= 500:
            raise Refused("500 people have joined; nobody else can.")
        person = Person(secrets.token_hex(8), name, role, seat)
        self._record("person.joined", id=person.id, name=name, role=role, seat=seat.value)
        return person

    def mark(self, person: Person, mark: Mark, text: str, component: str) -> None:
        """What somebody sees, thinks or has done."""
        round_ = self.board.game.round
        if round_ is None or round_.live_t is None:
            raise Refused("there is nothing to mark yet: no round has begun.")
        self._record(
            "mark", by=person.id, mark=mark.value, text=text, component=component, round=round_.number, t=self.board.t
        )

    def answer(self, person: Person, question_id: str, text: str) -> None:
        """An answer to a question that was asked; a later one replaces it."""
        if question_id not in {cue.id for cue in self.board.game.asked()}:
            raise Refused("this question has not been asked.")
        self._record("answer", by=person.id, id=question_id, text=text, **self._now())

    def add_action(self, person: Person, text: str, owner: str) -> None:
        """Something to be done after the gameday."""
        self._record("action", by=person.id, text=text, owner=owner, **self._now())

    def begin(self, person: Person, number: int) -> None:
        """A round begins: the pipeline is deployed and warmed up."""
        game = self.board.game
        if game.ended or game.active:
            raise Refused("the gameday is over." if game.ended else "a round is being played; end it first.")
        if not 0 <= number < len(self.board.scenarios):
            raise Refused("there is no such round.")
        self._begin(number, person.id)

    def inject(self, person: Person) -> None:
        """The scenario of the round begins, if it waits for the facilitator."""
        self._need(Phase.LIVE)
        round_ = self.board.game.round
        if self.board.plan.order != "by_hand":
            raise Refused("the scenario begins by itself (`order: in_turn`).")
        if round_ is not None and round_.injected:
            raise Refused("the scenario has begun already.")
        self._record("fault.injected", by=person.id, **self._now())
        self._player.send({"do": "inject"})

    def call_off(self, person: Person) -> None:
        """Every fault is reverted; the round goes on, so that recovery can be watched."""
        self._need(Phase.LIVE)
        self._player.send({"do": "call_off"})
        self._record("fault.called_off", by=person.id, **self._now())

    def set_clock(self, person: Person, *, paused: bool | None = None, speed: float | None = None) -> None:
        """Stops the clock, lets it go on, or changes its speed."""
        self._need(Phase.LIVE)
        if self.board.plan.backend != "sim":
            raise Refused("the pipeline runs in real time: its clock can't be changed.")
        game = self.board.game
        paused = game.paused if paused is None else paused
        speed = game.speed if speed is None else speed
        self._record("clock", by=person.id, paused=paused, speed=speed, text="", **self._now())
        self._player.send({"do": "speed", "speed": speed})
        self._player.send({"do": "pause" if paused else "resume"})

    def reveal(self, person: Person, cue_id: str) -> None:
        """An inject or a question, by the facilitator's hand."""
        cue = self.board.game.cues.get(cue_id)
        if cue is None or isinstance(cue.item, Pause) or cue_id in self.board.game.done:
            raise Refused("this was revealed already." if cue is not None else "there is no such item in the plan.")
        self._record(kind_of(cue.item), by=person.id, id=cue_id, **self._now())

    def abort(self, person: Person) -> None:
        """Everything is reverted at once, and the round ends. Comes first, and is recorded after."""
        self._need(Phase.PREPARING, Phase.LIVE)
        self._stop("stopped")
        self._record_somehow("abort", by=person.id, **self._now())

    def end_round(self, person: Person) -> None:
        """The round ends before its horizon; what is applied is reverted."""
        self._need(Phase.PREPARING, Phase.LIVE)
        self._stop("stopped")

    def conclude(self, person: Person) -> None:
        """The gameday ends."""
        if self.board.game.active:
            raise Refused("a round is being played; end it first.")
        self._record("gameday.end", by=person.id)
        for seat, stream in self.streams.items():
            stream.publish("snapshot", self.board.snapshot(seat))
        self._concluded.set()

    # -- rounds

    def _begin(self, number: int, by: str | None) -> None:
        attempt = 1 + sum(round_.number == number for round_ in self.board.game.rounds)
        arm = self._arms.treatment(number, attempt)
        journal = self._folder.arm_journal(arm.arm_id)
        self._record("round.begin", by=by, round=number, arm=arm.arm_id, journal=journal.name)
        board = self.board
        board.arm, board.t, board.signals, board.faults, board.trouble = arm, 0.0, Signals(), {}, ""
        self._round_over.clear()
        self._stopped_at = None
        self._player.send(
            {
                "do": "play",
                "arm": arm_to_json(arm),
                "journal": str(journal.resolve()),
                "by_hand": board.plan.order == "by_hand",
                "cues": self._cues(number, after_fault=False, from_t=0.0),
                "speed": board.game.speed,
            }
        )
        self._tell_all()

    def _cues(self, number: int, *, after_fault: bool, from_t: float) -> list[Message]:
        due = []
        for cue in self.board.game.cues.values():
            at_s = cue.item.after_fault_s if after_fault else cue.item.at_s
            if cue.round == number and at_s is not None:
                due.append({"id": cue.id, "t": from_t + at_s, "pause": isinstance(cue.item, Pause)})
        return due

    def _stop(self, reason: str) -> None:
        self._stopped_at = time.monotonic()
        self._player.send({"do": "stop", "reason": reason})
        if self.board.plan.backend == "sim":
            self._spawn(self._make_sure(self.board.game.round))

    async def _make_sure(self, round_: Any) -> None:
        """A simulated world that is busy with something else is ended as it is: nothing of its faults is left."""
        await asyncio.sleep(ABORT_S)
        if self.board.game.active and self.board.game.round is round_:
            self._player.kill()

    # -- what the pipeline's process says

    def _heard(self, message: Message) -> None:
        match message["kind"]:
            case "record":
                self._take(message["record"])
            case "beat":
                self.board.t = max(self.board.t, message["t"])
            case "live":
                self.board.t, self.board.note = message["t"], ""
                self._record_somehow("round.live", **self._now())
                self._tell_all()
            case "cue":
                self.board.t = max(self.board.t, message["t"])
                self._cue(message["id"])
            case "note":
                self.board.note = message["text"]
            case "trouble":
                self.board.trouble = message["error"]
            case "ended":
                self._round_ended(message["reason"], message.get("error", ""))
            case "gone":
                self._player_gone()

    def _take(self, record: Message) -> None:
        board, round_ = self.board, self.board.game.round
        if round_ is None:
            return
        board.t = max(board.t, record["t"])
        samples = board.signals.take(record)
        kind = record["kind"]
        if kind == "fault.applied":
            first = round_.first_fault_t is None
            self._record_somehow("fault.applied", id=record["fault_id"], **self._now())
            for cue in self._cues(round_.number, after_fault=True, from_t=record["t"]) if first else []:
                self._player.send({"do": "cue", **cue})
        if kind in ("fault.applied", "fault.reverted", "fault.failed"):
            board.faults[record["fault_id"]] = kind.removeprefix("fault.")
        entry = entry_of_record(record, round_.number)
        if entry is not None:
            self._add(entry)
        if round_.phase is Phase.LIVE:
            for sample in samples:
                for stream in self.streams.values():
                    stream.publish("sample", sample)

    def _cue(self, cue_id: str) -> None:
        cue = self.board.game.cues[cue_id]
        if cue_id in self.board.game.done or not self.board.game.active:
            return
        if isinstance(cue.item, Pause):
            self._record_somehow("pause", id=cue_id, **self._now())
            if self.board.plan.backend == "sim":  # the process has stopped its clock already
                self._record_somehow(
                    "clock", by=None, paused=True, speed=self.board.game.speed, text=cue.item.text, **self._now()
                )
            return
        self._record_somehow(kind_of(cue.item), by=None, id=cue_id, **self._now())

    def _round_ended(self, reason: str, error: str) -> None:
        round_ = self.board.game.round
        if round_ is None or not self.board.game.active:
            return
        took = {} if self._stopped_at is None else {"took_s": round(time.monotonic() - self._stopped_at, 3)}
        self._record_somehow("round.end", reason=reason, error=error, **took, **self._now())
        self.board.faults = {
            fault_id: "reverted" if state == "applied" else state for fault_id, state in self.board.faults.items()
        }
        self._round_over.set()
        if not self._closing:
            self._ask_what_is_left(round_.number)
        self._tell_all()
        following = round_.number + 1
        in_turn = self.board.plan.order == "in_turn" and reason == "horizon" and not self._closing
        if in_turn and following < len(self.board.scenarios):
            self._begin(following, None)

    def _ask_what_is_left(self, number: int) -> None:
        """The questions of a round that have no moment of their own come when it has ended."""
        for cue in self.board.game.cues.values():
            timed = cue.item.at_s is not None or cue.item.after_fault_s is not None
            open_ = cue.round == number and cue.id not in self.board.game.done
            if open_ and isinstance(cue.item, Question) and not timed:
                self._record_somehow("question", by=None, id=cue.id, **self._now())

    def _player_gone(self) -> None:
        if self._closing:
            self._round_ended("interrupted", "")
            return
        if self._stopped_at is not None:
            self._round_ended("stopped", "")
        else:
            self._round_ended("error", "the process of the pipeline died (killed, or out of memory)")
        self._player = RemotePlayer(self._heard, self._folder.path / "player.log")
        self._spawn(self._player.start())

    # -- writing and telling

    def _record(self, kind: str, **fields: Any) -> Event:
        event = self._log.append(kind, fields)
        self.board.trouble = ""
        self._applied(event)
        return event

    def _record_somehow(self, kind: str, **fields: Any) -> None:
        """What has happened already goes on even if it can't be written; everybody is told that it could not."""
        try:
            self._record(kind, **fields)
        except LogError as error:
            self.board.trouble = str(error)
            self._applied({"seq": 0, "at": "", "kind": kind, **fields})

    def _applied(self, event: Event) -> None:
        self.board.game.apply(event)
        entry = entry_of_event(event, self.board.game, [scenario.name for scenario in self.board.scenarios])
        if entry is not None:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        self.board.entries.append(entry)
        round_ = self.board.game.round
        if round_ is not None and round_.phase is Phase.PREPARING:
            return  # told with the snapshot, when the warm-up is over
        for seat, stream in self.streams.items():
            if not entry.secret or self.board.sees_all(seat):
                stream.publish("entry", entry.data)

    def _tell_all(self) -> None:
        for seat, stream in self.streams.items():
            stream.publish("snapshot", self.board.snapshot(seat))

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._pulse()
            self.board.online = {seat: stream.listeners for seat, stream in self.streams.items()}
            for seat, stream in self.streams.items():
                stream.beat(self.board.status(seat))

    def _snapshot_of(self, seat: Seat) -> Callable[[], dict[str, Any]]:
        return lambda: self.board.snapshot(seat)

    def _now(self) -> dict[str, Any]:
        """Where the round is, for an event."""
        round_ = self.board.game.round
        return {"round": None if round_ is None else round_.number, "t": None if round_ is None else self.board.t}

    def _need(self, *phases: Phase) -> None:
        if self.board.game.phase not in phases:
            raise Refused("no round is being played.")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
