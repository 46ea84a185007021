"""Who waits where: what an error about a stuck world has to say."""

from __future__ import annotations

import asyncio
import os.path
from typing import TYPE_CHECKING, Any

from harness.sim.hosts import PAUSED

if TYPE_CHECKING:
    from harness.sim.loop import SimLoop


def describe_tasks(loop: SimLoop) -> str:
    """Who waits where, one task a line, and which hosts are paused or down; for error messages."""
    dead: set[int] = set()
    states = []
    for host in loop.network.hosts.values() if loop.network is not None else ():
        dead.update(id(task) for life in host.graveyard for task in life.corpses)
        if host.state != "running" and (host.life is not None):
            waiting = len(host.life.deferred) if host.life.state == PAUSED else 0
            states.append(f"  host {host.name} is {host.state}" + (f", {waiting} callbacks wait" if waiting else ""))
    lines = sorted(_where(task) for task in asyncio.all_tasks(loop) if id(task) not in dead)
    return "\n".join([*lines, *states]) or "  no task is left"


def _where(task: asyncio.Task[Any]) -> str:
    """Name of a task, and the innermost line of its own that it waits at."""
    innermost: Any = task.get_coro()
    while getattr(innermost, "cr_await", None) is not None and hasattr(innermost.cr_await, "cr_frame"):
        innermost = innermost.cr_await
    frame = getattr(innermost, "cr_frame", None)
    if frame is None:
        return f"  task {task.get_name()}"
    place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    return f"  task {task.get_name()} waits in {frame.f_code.co_qualname} ({place})"
