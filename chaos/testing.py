"""The conformance kit: what every fault has to keep, as checks that anybody can run on a fault of their own.

`check_fault` raises ``AssertionError`` saying which promise is broken. `faults` gives Hypothesis strategies of valid
faults (with the ``hypothesis`` package installed), to run `check_variant` on many of them.
"""

from __future__ import annotations

import asyncio
import collections.abc
import doctest
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

from chaos.data.where import typical_of
from chaos.engine import Driver, Engine, Evidence, Injection
from chaos.errors import InjectionError
from chaos.fault import Action, ColumnKind, ColumnRef, Fault, FeedFault, PointView
from chaos.model_driver import VERBS, ModelDriver, observed
from chaos.points import Point, PointKind

if TYPE_CHECKING:
    import pyarrow as pa
    from hypothesis.strategies import SearchStrategy

__all__ = ["ModelDriver", "check_fault", "check_variant", "faults", "parameter_values", "sample_table"]

_BACKENDS = {"sim", "local", "compose"}
_POINT_NAMES = {PointKind.LINK: "serving->store"}


def check_fault(fault_class: type[Fault], variants: Iterable[Fault] = ()) -> None:
    """Check a fault's declaration, its documentation, its example and any further variants."""
    name = fault_class.name
    assert name.count(".") == 1, f"{name}: expected a name of the form family.fault"
    assert fault_class.points, f"{name}: acts on no kind of point"
    assert fault_class.backends <= _BACKENDS, f"{name}: unknown backends {fault_class.backends - _BACKENDS}"
    point_text, params = fault_class.example
    example = fault_class(**params)
    example.check_point(Point.parse(point_text))
    _check_documentation(fault_class)
    for fault in (example, *variants):
        check_variant(fault, must_fit=True)


def check_variant(fault: Fault, *, must_fit: bool = False) -> None:
    """Check one fault with its parameters on a model of every kind of point that it acts on.

    With ``must_fit`` it must also find something to change in a table that is made for it.
    """
    dumped = json.loads(json.dumps(fault.model_dump(mode="json"), allow_nan=False))
    assert type(fault)(**dumped) == fault, f"{fault.name}: parameters change on their way through JSON"
    assert 0.0 <= fault.share() <= 1.0, f"{fault.name}: share() is {fault.share()}, expected 0 to 1"
    if fault.reversibility == "exact":
        assert fault.remains() is None, f"{fault.name}: is EXACT and says that something remains"
    for kind in sorted(fault.points):
        point = Point(kind, _POINT_NAMES.get(kind, "anything"))
        _check_plan(fault, point)
        asyncio.run(_check_revert(fault, point))
    if isinstance(fault, FeedFault):
        _check_corruption(fault, must_fit=must_fit)


def _check_documentation(fault_class: type[Fault]) -> None:
    name = fault_class.name
    module = __import__(fault_class.__module__, fromlist=["_"])
    tests = doctest.DocTestFinder(recurse=False).find(fault_class, name, module)
    examples = sum(len(test.examples) for test in tests)
    assert examples, f"{name}: its docstring shows no example that can be executed"
    runner = doctest.DocTestRunner(verbose=False)
    output: list[str] = []
    for test in tests:
        runner.run(test, out=output.append)
    assert not runner.failures, f"{name}: the docstring's example fails:\n{''.join(output)}"
    for param, info in fault_class.model_fields.items():
        assert info.description, f"{name}: parameter {param!r} has no description"


def _view(fault: Fault, point: Point, seed: int = 7) -> PointView:
    return PointView(point, "f1", seed, observed(fault.observes) if fault.observes else {})


def _check_plan(fault: Fault, point: Point) -> None:
    plan = fault.plan(_view(fault, point))
    assert plan == fault.plan(_view(fault, point)), f"{fault.name}: two plans of one view differ"
    assert plan.do, f"{fault.name}: plans to do nothing"
    assert plan.undo, f"{fault.name}: plans no undo"
    for action in (*plan.do, *plan.undo):
        known = VERBS[point.kind]
        assert action.verb in known, f"{fault.name}: {action.verb!r} is no verb of a {point.kind} point {known}"
        written = json.loads(json.dumps(action.to_json(), allow_nan=False))
        assert Action.from_json(written) == action, f"{fault.name}: {action.verb} changes on its way through JSON"


class _Records:
    """A sink that keeps what was written."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        json.dumps(fields, allow_nan=False)
        self.kinds.append(kind)


class _FailingAt:
    """A driver that fails at its n-th action, once."""

    def __init__(self, inner: ModelDriver, at: int) -> None:
        self._inner = inner
        self._left = at

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        return await self._inner.observe(point, what)

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        self._left -= 1
        if self._left == 0:
            raise InjectionError("the driver was told to fail")
        await self._inner.perform(fault_id, point, action)

    async def evidence(self, fault_id: str) -> Evidence | None:
        return await self._inner.evidence(fault_id)


async def _check_revert(fault: Fault, point: Point) -> None:
    """Revert is identity: after success, after a failure at each action, and with each action done twice."""
    steps = len(fault.plan(_view(fault, point)).do)
    for fail_at in range(steps + 1):
        model = ModelDriver()
        before = model.snapshot()
        driver: Driver = _FailingAt(model, fail_at)
        engine = Engine(driver, sink := _Records(), lambda: 0.0)
        try:
            applied = await engine.inject(Injection("f1", fault, point, 7))
            for action in applied.plan.do:
                await model.perform("f1", point, action)
        except InjectionError:
            assert fail_at, f"{fault.name}: the model driver refused it"
            assert not engine.applied, f"{fault.name}: a failed apply was not undone"
        assert await engine.revert_all() == []
        await engine.revert("f1")
        assert model.snapshot() == before, f"{fault.name}: revert leaves {model.snapshot()}, it was {before}"
        assert sink.kinds[0] == "fault.intent", f"{fault.name}: acted before its intent was written"
        if isinstance(fault, FeedFault):
            assert "fault.evidence" not in sink.kinds, f"{fault.name}: evidence without traffic"


def sample_table(fault: FeedFault, rows: int = 200) -> pa.Table:
    """A table with every column that the fault names, of a kind that it accepts, and one more.

    A fault may have a method ``typical`` that gives values for a column of its own, for it to find something there.
    """
    import numpy as np
    import pyarrow as pa

    rng = np.random.Generator(np.random.Philox(key=rows))
    makers: dict[ColumnKind, Callable[[], Any]] = {
        ColumnKind.ANY: lambda: pa.array(np.round(rng.normal(50.0, 10.0, rows), 2)),
        ColumnKind.NUMBER: lambda: pa.array(rng.integers(-100, 100, rows)),
        ColumnKind.TEXT: lambda: pa.array([f"text {i % 13}" for i in range(rows)]),
        ColumnKind.TIME: lambda: pa.array(np.arange(rows) * 60_000_000, pa.timestamp("us", "UTC")),
    }
    typical: Mapping[str, Any] = {
        **typical_of(getattr(fault, "conditions", tuple)()),
        **getattr(fault, "typical", dict)(),
    }
    given = {column: pa.array([values[i % len(values)] for i in range(rows)]) for column, values in typical.items()}
    by_kind: dict[str, ColumnKind] = {}
    for _, column, kind in fault.column_refs():
        if by_kind.get(column, ColumnKind.ANY) is ColumnKind.ANY:
            by_kind[column] = kind
    columns = {column: given[column] if column in given else makers[kind]() for column, kind in by_kind.items()}
    columns["untouched"] = pa.array([None if i % 7 == 0 else f"row {i}" for i in range(rows)])
    return pa.table(columns)


def _check_corruption(fault: FeedFault, *, must_fit: bool) -> None:
    from chaos.errors import InvalidFault
    from chaos.gateway.batch import Batch

    table = sample_table(fault)
    before = table.to_pylist()
    try:
        batch, ledger = fault.corrupt(Batch.of(table), seed=7)
    except InvalidFault:
        if must_fit:
            raise
        return  # parameters that are valid, and do not fit the columns made for them
    assert table.to_pylist() == before, f"{fault.name}: changes its input"
    again, _ = fault.corrupt(Batch.of(table), seed=7)
    assert _same(batch.table, again.table), f"{fault.name}: two runs with one seed differ"
    if ledger is None:
        assert batch.table.equals(table), f"{fault.name}: changes the table and keeps no ledger"
        return
    assert ledger.effective or batch.table.equals(table), f"{fault.name}: a change is missing from its ledger"
    assert ledger.revert(batch.table).equals(table), f"{fault.name}: the ledger does not restore the table"
    if fault.share() == 0.0:
        assert not ledger.effective, f"{fault.name}: rate 0 changes something"
    if must_fit:
        assert ledger.effective, f"{fault.name}: its example changes nothing in {table.num_rows} typical rows"
    if getattr(fault, "context", lambda: "row")() == "row":
        _check_partitions(fault, table, batch.table)


def _check_partitions(fault: FeedFault, table: pa.Table, whole: pa.Table) -> None:
    """The parts of a table, corrupted each on its own, make up the corrupted table."""
    import pyarrow as pa

    from chaos.gateway.batch import Batch

    for size in (7, 64):
        parts = [
            fault.corrupt(Batch.of(table.slice(at, size), first_row=at), seed=7)[0].table
            for at in range(0, table.num_rows, size)
        ]
        joined = pa.concat_tables(parts, promote_options="permissive")
        assert _same(joined, whole), f"{fault.name}: batches of {size} rows give other rows"


def _same(one: pa.Table, two: pa.Table) -> bool:
    """Whether two tables hold the same; unlike ``Table.equals``, NaN is NaN."""
    return repr(one.to_pylist()) == repr(two.to_pylist())


def faults(fault_class: type[Fault]) -> SearchStrategy[Fault]:
    """A Hypothesis strategy of valid faults of the class, from the types and bounds of its parameters."""
    from hypothesis import strategies as st
    from pydantic import ValidationError

    params = {name: parameter_values(fault_class, name) for name in fault_class.model_fields}
    required = {n: s for n, s in params.items() if fault_class.model_fields[n].is_required()}
    optional = {n: s for n, s in params.items() if n not in required}

    def make(given: dict[str, Any]) -> Fault | None:
        try:
            return fault_class(**given)
        except ValidationError:
            return None  # parameters that are valid each and not together

    made = st.fixed_dictionaries(required, optional=optional).map(make)
    example = fault_class(**fault_class.example[1])
    return st.one_of(made.map(lambda fault: fault or example), st.just(example))


def parameter_values(fault_class: type[Fault], name: str) -> SearchStrategy[Any]:
    """A Hypothesis strategy of values of one parameter, each valid by itself; columns are called a, b and c."""
    info = fault_class.model_fields[name]
    return _values(info.annotation, info.metadata)


def _values(annotation: Any, marks: Sequence[Any]) -> SearchStrategy[Any]:
    from hypothesis import strategies as st
    from pydantic import BaseModel

    if hasattr(annotation, "__metadata__"):
        return _values(annotation.__origin__, [*marks, *annotation.__metadata__])
    if any(isinstance(mark, ColumnRef) for mark in marks):
        return _columns(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _nested(annotation)
    args = get_args(annotation)
    if args and all(isinstance(arg, str) for arg in args):
        return st.sampled_from(args)
    if get_origin(annotation) is tuple:
        size = _bounds(marks, "min_length", "max_length")
        if Ellipsis in args:
            return st.lists(_values(args[0], ()), min_size=int(size[0] or 0), max_size=4).map(tuple)
        return st.tuples(*(_values(arg, ()) for arg in args))
    if get_origin(annotation) is collections.abc.Mapping:
        return st.dictionaries(st.sampled_from(["d", "e"]), _values(args[1], ()), min_size=1, max_size=2)
    if args:
        return st.one_of([st.none() if arg is type(None) else _values(arg, marks) for arg in args])
    return _simple(annotation, marks)


def _columns(annotation: Any) -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    column = st.sampled_from(["a", "b", "c"])
    if get_origin(annotation) is tuple:
        return st.lists(column, unique=True, max_size=2).map(tuple)
    return st.none() | column if type(None) in get_args(annotation) else column


def _nested(model: type[Any]) -> SearchStrategy[Any]:
    """Parameters of a part of a fault; combinations that are not valid are left to `faults` to refuse."""
    from hypothesis import strategies as st

    fields = {name: _values(info.annotation, info.metadata) for name, info in model.model_fields.items()}
    if "column" in fields:
        fields["column"] = st.sampled_from(["a", "b", "c"])
    return st.fixed_dictionaries({}, optional=fields)


def _bounds(marks: Sequence[Any], *names: str) -> list[Any]:
    return [next((getattr(m, name) for m in marks if getattr(m, name, None) is not None), None) for name in names]


def _simple(annotation: Any, marks: Sequence[Any]) -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    at_least, above, at_most, below = _bounds(marks, "ge", "gt", "le", "lt")
    low = next((limit for limit in (at_least, above) if limit is not None), -1e6)
    high = next((limit for limit in (at_most, below) if limit is not None), 1e6)
    if annotation is float:
        return st.floats(low, high, exclude_min=above is not None, exclude_max=below is not None)
    if annotation is int:
        return st.integers(int(low), int(high))
    if annotation is bool:
        return st.booleans()
    pattern = next((m.pattern for m in marks if getattr(m, "pattern", None)), r"[a-z_]{1,8}")
    return st.from_regex(pattern, fullmatch=True)
