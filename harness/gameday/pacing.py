"""Keeps a simulated world in step with the wall clock, at a speed that can change, stop and let go."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["MAX_SPEED", "Pacer"]

#: The fastest pace that is offered, in target seconds a second; a simulated world alone runs 30 times as fast.
MAX_SPEED = 1000.0
#: The longest wait without a beat, in seconds of real time.
BEAT_S = 0.2
#: A world that falls behind by more than this (real seconds) does not rush to catch up: it goes on from where it is.
_PATIENCE_S = 1.0


class Pacer:
    """Decides how far time may move; fits `harness.targets.base.Pace`.

    ``clock`` gives seconds of real time. ``listen`` waits up to so many real seconds for commands and carries them
    out; it returns whether there were any. ``beat`` is told the target's time, at least every `BEAT_S` while time
    passes or stands still at a speed.

    >>> real = [0.0]
    >>> def listen(seconds):
    ...     real[0] += seconds
    ...     return False
    >>> pacer = Pacer(clock=lambda: real[0], listen=listen, beat=lambda t: None)
    >>> pacer(0.0, 60.0)  # as fast as it goes, until a pace is kept
    60.0
    >>> pacer.keep(60.0, speed=120.0)
    >>> pacer(60.0, 180.0), real[0]
    (180.0, 1.0)
    """

    def __init__(
        self, *, clock: Callable[[], float], listen: Callable[[float], bool], beat: Callable[[float], None]
    ) -> None:
        self._clock = clock
        self._listen = listen
        self._beat = beat
        self._free = True
        self._paused = False
        self._speed = 1.0
        self._from_real = self._from_t = self._last_beat = clock()

    @property
    def speed(self) -> float:
        """Target seconds a second, while a pace is kept."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether time stands still."""
        return self._paused and not self._free

    def keep(self, now: float, *, speed: float) -> None:
        """From ``now`` on (the target's time), time passes at this speed."""
        self._free, self._paused, self._speed = False, False, speed
        self._anchor(now)

    def let_go(self) -> None:
        """From now on time passes as fast as it can."""
        self._free = True

    def pause(self, now: float | None = None) -> None:
        """Time stands still, at ``now`` if that is given, else where it should be by now."""
        self._anchor(self._due() if now is None else now)
        self._paused = True

    def resume(self) -> None:
        """Time passes again."""
        self._anchor(self._due())
        self._paused = False

    def set_speed(self, speed: float) -> None:
        """Time passes at another speed from here on."""
        self._anchor(self._due())
        self._speed = speed

    def __call__(self, now: float, then: float) -> float:
        """How far time may move towards ``then``; returns early, at the moment that it is, when there was a command."""
        if self._due() < now:
            self._anchor(now)  # time was let go, or somebody moved it
        while True:
            wait = 0.0 if self._free else self._wait(then)
            heard = self._listen(wait)
            reached = min(then, max(now, self._due()))
            self._beat_if_due(now if self._free else reached)
            if self._free:
                return now if heard else then
            if heard:
                return reached
            if not self._paused and reached >= then:
                self._forgive(then)
                return then

    def _due(self) -> float:
        """Where time should be by now."""
        if self._paused:
            return self._from_t
        return self._from_t + (self._clock() - self._from_real) * self._speed

    def _wait(self, then: float) -> float:
        left = BEAT_S if self._paused else (then - self._due()) / self._speed
        return min(BEAT_S, max(0.0, left))

    def _anchor(self, t: float) -> None:
        self._from_real, self._from_t = self._clock(), t

    def _forgive(self, then: float) -> None:
        if self._due() - then > _PATIENCE_S * self._speed:
            self._anchor(then)

    def _beat_if_due(self, t: float) -> None:
        if self._clock() - self._last_beat >= BEAT_S:
            self._last_beat = self._clock()
            self._beat(t)
