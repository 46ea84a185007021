"""Faults for what a test holds in its hands: a frame, or a function that takes or returns one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from chaos import Corrupted
    from chaos.data.ledger import Corruption
    from chaos.fault import FeedFault

__all__ = ["ChaosInjector"]


@dataclass(slots=True)
class _Injection:
    """What was asked for, and whether it ever touched anything."""

    what: str
    touched: int = 0
    why: str = "it was never called"


@dataclass(slots=True)
class ChaosInjector:
    """Injects data faults by name, as `chaos.inject` does, with a seed that the command line may set.

    An injection that touched nothing says nothing about the code under test. It makes the test an error when it ends,
    unless ``allow_inert`` is set.
    """

    seed: int = 1
    allow_inert: bool = False
    record: Callable[[tuple[str, object]], None] = lambda entry: None
    _injections: list[_Injection] = field(default_factory=list)
    _patches: pytest.MonkeyPatch = field(default_factory=pytest.MonkeyPatch)

    def __call__(self, frame: Any, *faults: str | FeedFault, **params: Any) -> Any:
        """A frame of the same kind (pandas, polars or Arrow) with the faults in it; the input stays as it is."""
        return self.corrupt(frame, *faults, **params).frame

    def corrupt(self, frame: Any, *faults: str | FeedFault, **params: Any) -> Corrupted[Any]:
        """The same with the ledger: what was requested, selected and changed, and the frame as it was."""
        import chaos

        done = chaos.corrupt(frame, *faults, seed=self.seed, **params)
        self._count(self._begin(faults), done.ledger)
        return done

    def wrap(
        self,
        function: Callable[..., Any],
        *faults: str | FeedFault,
        on: Literal["result", "arguments"] = "result",
        **params: Any,
    ) -> Callable[..., Any]:
        """The function with faults in what it returns, or in every frame among its arguments.

        Calls are taken for parts of one feed, one after the other: each call has victims of its own.
        """
        injection = self._begin(faults, function)
        spoil = _Spoiler(self, injection, faults, params)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            if on == "arguments":
                return function(*map(spoil, args), **{name: spoil(value) for name, value in kwargs.items()})
            return spoil(function(*args, **kwargs))

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            if on == "arguments":
                return await function(*map(spoil, args), **{name: spoil(value) for name, value in kwargs.items()})
            return spoil(await function(*args, **kwargs))

        return awaited if inspect.iscoroutinefunction(function) else called

    def patch(self, owner: object, name: str, *faults: str | FeedFault, **params: Any) -> None:
        """Puts `wrap` around an attribute of a module, class or object until the test ends."""
        self._patches.setattr(owner, name, self.wrap(getattr(owner, name), *faults, **params))

    def unavailable(self, owner: object, name: str, error: BaseException | type[BaseException]) -> None:
        """Makes an attribute, a dependency of the code under test, raise an error when it is called, until the test
        ends."""
        function = getattr(owner, name)
        kind = error if isinstance(error, type) else type(error)
        injection = self._begin((kind.__name__,), function)

        def raising() -> None:
            injection.touched += 1
            raise error

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            raising()

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            raising()

        self._patches.setattr(owner, name, awaited if inspect.iscoroutinefunction(function) else called)

    def close(self) -> None:
        """Undoes what was patched; ends the test in error if an injection was inert."""
        self._patches.undo()
        inert = [one for one in self._injections if not one.touched]
        for one in self._injections:
            self.record(("fault", one.what))
        if inert and not self.allow_inert:
            lines = [f"  {one.what}: {one.why}" for one in inert]
            fix = "  fix  Raise the rate, choose another column or seed, or set chaos_injector.allow_inert = True."
            head = "INERT: a fault touched nothing, so that the test shows nothing"
            pytest.fail("\n".join([head, *lines, fix]), pytrace=False)

    def _begin(self, faults: Sequence[str | FeedFault], function: Callable[..., Any] | None = None) -> _Injection:
        names = ", ".join(fault if isinstance(fault, str) else fault.name for fault in faults)
        where = "" if function is None else f" in {getattr(function, '__name__', 'a function')}"
        injection = _Injection(names + where)
        self._injections.append(injection)
        return injection

    def _count(self, injection: _Injection, ledger: Corruption) -> None:
        injection.touched += ledger.effective
        injection.why = f"of {ledger.rows} rows it selected {ledger.selected} and changed none"


@dataclass(slots=True)
class _Spoiler:
    """Injects into one frame after another; leaves everything else alone."""

    injector: ChaosInjector
    injection: _Injection
    faults: Sequence[str | FeedFault]
    params: dict[str, Any]
    _row: int = 0

    def __call__(self, value: Any) -> Any:
        import chaos
        from chaos.data.adapters import adapter_of

        try:
            rows = adapter_of(value).rows(value)
        except TypeError:
            if not self.injection.touched:
                self.injection.why = f"it was called, but got no frame: {type(value).__name__}"
            return value
        done = chaos.corrupt(value, *self.faults, seed=self.injector.seed, first_row=self._row, **self.params)
        self._row += rows
        self.injector._count(self.injection, done.ledger)
        return done.frame
