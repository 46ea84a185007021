"""Hypothesis strategies: data faults that fit a frame, and whole scenarios that fit a target.

``@given(faults(FRAME))`` draws faults for `chaos.inject` or the fixture ``chaos_injector``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from chaos.errors import ChaosError
from chaos.fault import ColumnKind, ColumnRef, Fault, FeedFault, kinds_of_type
from chaos.points import PointKind
from chaos.registry import Registry
from chaos.registry import registry as built_in
from chaos.testing import faults as faults_of
from chaos.testing import parameter_values
from harness.errors import UsageError
from harness.scenario import Scenario, TargetFacts, check_scenario
from harness.scenario.durations import format_duration

try:
    from hypothesis import reject
    from hypothesis import strategies as st
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("harness.strategies needs Hypothesis: pip install hypothesis") from error

__all__ = ["faults", "scenarios"]

#: Parameters that say which rows are hit: without them, rate and seed say it all.
_LEFT_ALONE = frozenset({"where", "key", "exact", "burst", "in_transit", "must_change"})
_TYPICAL = {"number": "float64", "text": "string", "when": "timestamp", "group": "string"}
#: Whose values a parameter is one of, where that is not the column that changes.
_VALUES_OF = {"among": "segment", "giver": "entity", "taker": "entity", "positive": "label"}

Columns = Mapping[str, str]


def faults(
    on: Any = None, *, names: str | Iterable[str] = "*", registry: Registry = built_in
) -> st.SearchStrategy[FeedFault]:
    """Data faults that can be injected into a frame (pandas, polars or Arrow), or into a feed of {column: type}.

    ``names`` are patterns such as ``"schema.*"``. Of a frame, values that a fault looks for are drawn from the column
    that they belong to, so that it finds some. Raises `UsageError` if no fault fits.
    """
    surface = _Feed(on or _TYPICAL) if on is None or isinstance(on, Mapping) else _Frame(on)
    patterns = [names] if isinstance(names, str) else list(names)
    named = [name for name in registry.names() if any(fnmatchcase(name, pattern) for pattern in patterns)]
    classes = [registry.get(name) for name in named]
    fitting = [one for one in classes if issubclass(one, FeedFault) and _acts_on_tables(one) and _fits(one, surface)]
    if not fitting:
        raise UsageError(f"no fault called {' or '.join(patterns)} fits the columns {', '.join(surface.columns)}.")
    return st.one_of([_bound(one, surface) for one in fitting])


def scenarios(
    facts: TargetFacts, *, registry: Registry = built_in, backend: str = "sim"
) -> st.SearchStrategy[Scenario]:
    """Valid scenarios of one to three faults for a target, such as ``load_target().facts()``."""
    places = _places(facts, registry, backend)

    @st.composite
    def scenario(draw: st.DrawFn) -> Scenario:
        horizon_s = draw(st.integers(2, 48)) * 3600
        drawn = []
        for number in range(draw(st.integers(1, 3))):
            point, strategy = draw(st.sampled_from(places))
            fault = draw(strategy)
            at_s = draw(st.integers(0, horizon_s // 2))
            for_s = draw(st.integers(60, horizon_s // 4))
            drawn.append(
                {
                    "id": f"fault-{number + 1}",
                    "fault": fault.name,
                    "point": point,
                    "with": fault.model_dump(mode="json"),
                    "at": format_duration(at_s),
                    "for": format_duration(for_s),
                }
            )
        within = format_duration(draw(st.integers(1, horizon_s // 4)))
        expect = [{draw(st.sampled_from(["detect_within", "recover_within"])): within}]
        made = Scenario.model_validate(
            {"name": "drawn", "horizon": format_duration(horizon_s), "faults": drawn, "expect": expect}
        )
        if check_scenario(made, facts, registry=registry):
            reject()  # faults that are valid each and not together
        return made

    return scenario()


class _Feed:
    """What is known of a feed: the types of its columns, as a manifest has them."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def fitting(self, kind: ColumnKind) -> list[str]:
        """The columns that can be used as this kind."""
        return [name for name, held in self.columns.items() if kind is ColumnKind.ANY or kind in self.kinds(held)]

    def kinds(self, held: str) -> frozenset[ColumnKind]:
        """What a column of a type can be used as."""
        return kinds_of_type(held)

    def values(self, column: str) -> Sequence[Any]:
        """Values that the column has; none if they aren't known."""
        return ()

    def takes(self, fault: FeedFault) -> bool:
        """Whether the fault can be injected."""
        return not fault.check_columns(dict(self.columns))


class _Frame(_Feed):
    """A frame: times are no text there, text no times, and everything can be tried out."""

    def __init__(self, frame: Any) -> None:
        from chaos.data.adapters import adapter_of

        self._frame = frame
        self._adapter = adapter_of(frame)
        self._values: dict[str, Sequence[Any]] = {}
        super().__init__(
            {str(n): str(self._adapter.type_of(self._adapter.column(frame, n))) for n in self._adapter.names(frame)}
        )

    def kinds(self, held: str) -> frozenset[ColumnKind]:
        kinds = kinds_of_type(held)
        if {ColumnKind.TEXT, ColumnKind.TIME} <= kinds:
            return kinds - {ColumnKind.TIME if "str" in held else ColumnKind.TEXT}
        return kinds

    def values(self, column: str) -> Sequence[Any]:
        if column not in self._values:
            distinct = self._adapter.gather(self._adapter.column(self._frame, column), None).unique().to_pylist()
            plain = [value.isoformat() if isinstance(value, datetime) else value for value in distinct]
            self._values[column] = [one for one in plain if isinstance(one, bool | int | float | str) and one == one]
        return self._values[column]

    def takes(self, fault: FeedFault) -> bool:
        from chaos.data.frames import corrupt

        try:
            corrupt(self._frame, fault, seed=0)
        except ChaosError:
            return False
        return True


def _acts_on_tables(fault: type[FeedFault]) -> bool:
    return fault.corrupt is not FeedFault.corrupt


def _refs(fault: type[Fault]) -> dict[str, ColumnKind]:
    """The parameters that name columns, with what those must hold."""
    return {
        name: mark.kind
        for name, info in fault.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, ColumnRef) and name not in _LEFT_ALONE
    }


def _fits(fault: type[Fault], surface: _Feed) -> bool:
    return all(
        surface.fitting(kind) or not fault.model_fields[name].is_required() for name, kind in _refs(fault).items()
    )


def _bound(fault: type[FeedFault], surface: _Feed) -> st.SearchStrategy[FeedFault]:
    """Faults of a class with columns of the surface; its example's other parameters where drawn ones do not agree."""
    refs = _refs(fault)

    @st.composite
    def make(draw: st.DrawFn) -> FeedFault:
        _, example = fault.example
        names = {name: draw(_column_names(fault, name, surface.fitting(kind))) for name, kind in refs.items()}
        looked_for: dict[str, Any] = {}
        for name in [name for name in fault.model_fields if name not in _LEFT_ALONE | refs.keys()]:
            column = names.get(_VALUES_OF.get(name, "column"))
            known = surface.values(column) if isinstance(column, str) and _is_value(fault, name) else ()
            if known:
                looked_for[name] = draw(_some_of(known, _is_tuple(fault, name)))
        others = [name for name in fault.model_fields if name not in _LEFT_ALONE | refs.keys() | looked_for.keys()]
        required = {n: parameter_values(fault, n) for n in others if fault.model_fields[n].is_required()}
        optional = {n: parameter_values(fault, n) for n in others if n not in required}
        drawn = draw(st.fixed_dictionaries(required, optional=optional))
        bare = {name: value for name, value in example.items() if name not in _LEFT_ALONE}
        for params in ({**drawn, **looked_for, **names}, {**bare, **looked_for, **names}):
            try:
                made = fault(**{name: value for name, value in params.items() if value is not None})
            except (ValidationError, ChaosError):
                continue
            if surface.takes(made):
                return made
        return reject()

    return make()


def _column_names(fault: type[Fault], name: str, fitting: Sequence[str]) -> st.SearchStrategy[Any]:
    """Values of a parameter that names a column, or several."""
    info = fault.model_fields[name]
    if _is_tuple(fault, name):
        least = max([mark.min_length for mark in info.metadata if hasattr(mark, "min_length")], default=0)
        if len(fitting) < least:
            return st.just(None)
        return st.lists(st.sampled_from(fitting), unique=True, min_size=least, max_size=4).map(tuple)
    drawn = st.sampled_from(fitting)
    return drawn if info.is_required() else st.none() | drawn


def _is_tuple(fault: type[Fault], name: str) -> bool:
    return get_origin(fault.model_fields[name].annotation) is tuple


def _is_value(fault: type[Fault], name: str) -> bool:
    """Whether a parameter is a value, or several, that the fault looks for in a column or puts there."""
    annotation = fault.model_fields[name].annotation
    inner = get_args(annotation)[0] if _is_tuple(fault, name) else annotation
    return {bool, int, float, str} <= set(get_args(inner)) or (_is_tuple(fault, name) and inner is str)


def _some_of(known: Sequence[Any], several: bool) -> st.SearchStrategy[Any]:
    one = st.sampled_from(known)
    return st.lists(one, unique=True, min_size=min(2, len(known)), max_size=4).map(tuple) if several else one


def _places(facts: TargetFacts, registry: Registry, backend: str) -> list[tuple[str, st.SearchStrategy[Fault]]]:
    """Each injection point with each fault that can act there in the backend."""
    found: list[tuple[str, st.SearchStrategy[Fault]]] = []
    able = [fault for fault in map(registry.get, registry.names()) if backend in fault.backends]
    for fault in able:
        for kind in sorted(fault.points):
            for place in facts.names(kind):
                columns = facts.feeds.get(place) if kind is PointKind.FEED else None
                if columns is not None and issubclass(fault, FeedFault):
                    feed = _Feed(columns if isinstance(columns, Mapping) else dict.fromkeys(columns, ""))
                    if _fits(fault, feed):
                        found.append((f"{kind}:{place}", _bound(fault, feed)))
                else:
                    found.append((f"{kind}:{place}", faults_of(fault)))
    return found
