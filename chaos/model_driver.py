"""A driver on a model: the state that verbs change, in memory, for the conformance kit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.points import Point, PointKind

_TOXICS = ("add_toxic", "remove_toxic")
_LIMITS = ("limit_cpu", "unlimit_cpu", "limit_memory", "unlimit_memory")
_PROCESS = (
    *("kill", "start", "pause", "resume", "answer", "unanswer", "disconnect", "connect"),
    *("fill_disk", "free_disk", "protect_disk", "unprotect_disk"),
    *_LIMITS,
    *_TOXICS,
)

#: The verbs that drivers know, by kind of point.
VERBS: Mapping[PointKind, tuple[str, ...]] = {
    PointKind.FEED: ("install", "uninstall"),
    PointKind.LINK: _TOXICS,
    PointKind.SERVICE: _PROCESS,
    PointKind.STORE: (*_PROCESS, "hold", "release"),
    PointKind.ENV: ("overlay", "remove_overlay"),
    PointKind.ARTIFACT: ("tamper", "restore"),
    PointKind.CLOCK: ("skew", "unskew"),
    PointKind.TRAFFIC: ("load", "unload", "alter", "unalter"),
}

#: Verbs that put something under a name, with the verb that removes it and the argument that names it.
_NAMED = {
    "install": ("uninstall", "rule_id"),
    "hold": ("release", "hold_id"),
    "overlay": ("remove_overlay", "overlay_id"),
    "tamper": ("restore", "tamper_id"),
    "skew": ("unskew", "skew_id"),
    "load": ("unload", "load_id"),
    "alter": ("unalter", "alter_id"),
}
_REMOVES = {removal: (verb, name) for verb, (removal, name) in _NAMED.items()}
#: Verbs that put a process into a state, with the state.
_STATES = {
    "kill": ("dead", True),
    "start": ("dead", False),
    "pause": ("paused", True),
    "resume": ("paused", False),
    "disconnect": ("cut off", True),
    "connect": ("cut off", False),
    "limit_cpu": ("little CPU", True),
    "unlimit_cpu": ("little CPU", False),
    "fill_disk": ("full disk", True),
    "free_disk": ("full disk", False),
    "protect_disk": ("read-only disk", True),
    "unprotect_disk": ("read-only disk", False),
    "limit_memory": ("little memory", True),
    "unlimit_memory": ("little memory", False),
}

_ENTRIES = {f"origin:{name}": {"temp": "39.0", "stamp": "100"} for name in ("EWR", "JFK", "LGA")}


def observed(what: str) -> Mapping[str, Any]:
    """What the model shows to a fault that asks."""
    if what == "limits":
        return {"cpus": 1.0, "memory_bytes": 768_000_000, "memory_used_bytes": 100_000_000}
    if what != "entries":
        raise InjectionError(f"the model has no {what!r} to observe; it has entries and limits")
    return {"entries": copy.deepcopy(_ENTRIES)}


class ModelDriver:
    """Carries out every verb on plain data; refuses verbs that a point does not have."""

    def __init__(self) -> None:
        self._state: dict[str, dict[str, Any]] = {}
        self._touched: dict[str, Evidence] = {}

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """All that is out of the ordinary, by point; empty when nothing is."""
        return copy.deepcopy({point: state for point, state in self._state.items() if state})

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        """Three entries of a store."""
        return observed(what)

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        """Carry out a verb, as often as asked."""
        if action.verb not in VERBS.get(point.kind, ()):
            raise InjectionError(f"a {point.kind} point has no verb {action.verb!r}")
        state, verb, args = self._state.setdefault(str(point), {}), action.verb, action.args
        if verb in _NAMED:
            state[f"{verb}:{args[_NAMED[verb][1]]}"] = dict(args)
        elif verb in _REMOVES:
            placed, name = _REMOVES[verb]
            state.pop(f"{placed}:{args[name]}", None)
        elif verb == "add_toxic":
            state[f"toxic:{args['toxic']['name']}"] = dict(args["toxic"])
        elif verb == "remove_toxic":
            state.pop(f"toxic:{args['name']}", None)
        elif verb == "answer":
            state["answer"] = args["status"]
        elif verb == "unanswer":
            state.pop("answer", None)
        else:
            self._switch(state, *_STATES[verb])
            if verb in ("kill", "pause", "disconnect"):
                self._touched[args["fault_id"]] = Evidence(1, "processes")

    async def evidence(self, fault_id: str) -> Evidence | None:
        """Processes that were killed or paused; nothing else passes through a model."""
        return self._touched.get(fault_id)

    @staticmethod
    def _switch(state: dict[str, Any], name: str, on: bool) -> None:
        if on:
            state[name] = True
        else:
            state.pop(name, None)
