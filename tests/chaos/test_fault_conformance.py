"""Every registered fault keeps the contract, with any valid parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.fault import Action, Fault, FeedFault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import registry
from chaos.testing import check_fault, check_variant, faults


@pytest.mark.parametrize("name", registry.names())
def test_declaration_documentation_and_example(name: str) -> None:
    check_fault(registry.get(name))


@pytest.mark.parametrize("name", registry.names())
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_valid_parameters(name: str, data: st.DataObject) -> None:
    check_variant(data.draw(faults(registry.get(name))))


class _Bad(Fault):
    """A fault that breaks a promise.

    >>> 1 + 1
    2
    """

    name: ClassVar[str] = "test.bad"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:serving", {})

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        return Plan((Action("pause", by),), (Action("resume", by),))


class _ForgetsUndo(_Bad):
    """Resumes what it killed.

    >>> 1 + 1
    2
    """

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        return Plan((Action("kill", by),), (Action("resume", by),))


class _WrongVerb(_Bad):
    """Installs a rule on a process.

    >>> 1 + 1
    2
    """

    def plan(self, view: PointView) -> Plan:
        return Plan((Action("install", {"rule_id": "r"}),), (Action("uninstall", {"rule_id": "r"}),))


class _Undocumented(_Bad):
    """Shows nothing."""


class _HidesItsWork(FeedFault):
    """Changes a table and keeps no ledger.

    >>> 1 + 1
    2
    """

    name: ClassVar[str] = "test.hides"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {})

    def corrupt(self, batch: Any, *, seed: int) -> Any:
        return batch.with_table(batch.table.slice(1)), None


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (_ForgetsUndo, "revert leaves"),
        (_WrongVerb, "no verb of a service point"),
        (_Undocumented, "no example that can be executed"),
        (_HidesItsWork, "keeps no ledger"),
    ],
)
def test_the_kit_finds_broken_promises(fault: type[Fault], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_fault(fault)
