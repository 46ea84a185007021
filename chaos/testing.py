"""The conformance kit: what every fault has to keep, as checks that anybody can run on a fault of their own.

`check_fault` raises ``AssertionError`` saying which promise is broken. `faults` gives Hypothesis strategies of valid
faults (with the ``hypothesis`` package installed), to run `check_variant` on many of them.
"""

from __future__ import annotations

import asyncio
import doctest
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from chaos.engine import Driver, Engine, Evidence, Injection
from chaos.errors import InjectionError
from chaos.fault import Action, ColumnKind, ColumnRef, Fault, FeedFault, PointView
from chaos.model_driver import VERBS, ModelDriver, observed
from chaos.points import Point, PointKind

if TYPE_CHECKING:
    import pyarrow as pa
    from hypothesis.strategies import SearchStrategy

__all__ = ["ModelDriver", "check_fault", "check_variant", "faults", "sample_table"]

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
        check_variant(fault)


def check_variant(fault: Fault) -> None:
    """Check one fault with its parameters on a model of every kind of point that it acts on."""
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
        _check_corruption(fault)


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
    """A table with every column that the fault names, of a kind that it accepts, and one more."""
    import numpy as np
    import pyarrow as pa

    rng = np.random.Generator(np.random.Philox(key=rows))
    makers: dict[ColumnKind, Callable[[], Any]] = {
        ColumnKind.ANY: lambda: pa.array(np.round(rng.normal(50.0, 10.0, rows), 2)),
        ColumnKind.NUMBER: lambda: pa.array(rng.integers(-100, 100, rows)),
        ColumnKind.TEXT: lambda: pa.array([f"text {i % 13}" for i in range(rows)]),
        ColumnKind.TIME: lambda: pa.array(np.arange(rows) * 60_000_000, pa.timestamp("us", "UTC")),
    }
    columns = {column: makers[kind]() for _, column, kind in fault.column_refs()}
    columns["untouched"] = pa.array([None if i % 7 == 0 else f"row {i}" for i in range(rows)])
    return pa.table(columns)


def _check_corruption(fault: FeedFault) -> None:
    from chaos.gateway.batch import Batch

    table = sample_table(fault)
    before = table.to_pylist()
    batch, ledger = fault.corrupt(Batch.of(table), seed=7)
    assert table.to_pylist() == before, f"{fault.name}: changes its input"
    again, _ = fault.corrupt(Batch.of(table), seed=7)
    assert batch.table.equals(again.table), f"{fault.name}: two runs with one seed differ"
    if ledger is None:
        assert batch.table.equals(table), f"{fault.name}: changes the table and keeps no ledger"
        return
    assert ledger.effective or batch.table.equals(table), f"{fault.name}: a change is missing from its ledger"
    assert ledger.revert(batch.table).equals(table), f"{fault.name}: the ledger does not restore the table"
    assert ledger.changed <= ledger.selected * table.num_columns, f"{fault.name}: changed more than it selected"
    if fault.share() == 0.0:
        assert not ledger.effective, f"{fault.name}: rate 0 changes something"
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
        assert joined.to_pylist() == whole.to_pylist(), f"{fault.name}: batches of {size} rows give other rows"


def faults(fault_class: type[Fault]) -> SearchStrategy[Fault]:
    """A Hypothesis strategy of valid faults of the class, from the types and bounds of its parameters."""
    from hypothesis import strategies as st
    from pydantic import ValidationError

    params = {name: _values(info.annotation, info.metadata) for name, info in fault_class.model_fields.items()}
    required = {n: s for n, s in params.items() if fault_class.model_fields[n].is_required()}
    optional = {n: s for n, s in params.items() if n not in required}

    def make(given: dict[str, Any]) -> Fault | None:
        try:
            return fault_class(**given)
        except ValidationError:
            return None  # parameters that are valid each and not together

    made = st.fixed_dictionaries(required, optional=optional).map(make)
    always_valid = st.just(fault_class(**fault_class.example[1]))
    return st.one_of(made.map(lambda fault: fault or fault_class(**fault_class.example[1])), always_valid)


def _values(annotation: Any, marks: list[Any]) -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    if any(isinstance(mark, ColumnRef) for mark in marks):
        column = st.sampled_from(["a", "b", "c"])
        if get_origin(annotation) is not tuple:
            return column
        return st.lists(column, unique=True, max_size=2).map(tuple)
    args = get_args(annotation)
    if args and all(isinstance(arg, str) for arg in args):
        return st.sampled_from(args)
    if type(None) in args:
        return st.none() | st.one_of([_values(arg, marks) for arg in args if arg is not type(None)])
    bound = {name: getattr(m, name) for m in marks for name in ("ge", "gt", "le", "lt") if hasattr(m, name)}
    low, high = bound.get("ge", bound.get("gt", -1e6)), bound.get("le", bound.get("lt", 1e6))
    if annotation is float:
        return st.floats(low, high, exclude_min="gt" in bound, exclude_max="lt" in bound)
    if annotation is int:
        return st.integers(int(low), int(high))
    if annotation is bool:
        return st.booleans()
    pattern = next((m.pattern for m in marks if getattr(m, "pattern", None)), r"[a-z_]{1,8}")
    return st.from_regex(pattern, fullmatch=True)
