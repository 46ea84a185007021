"""A virtual-time event loop and a virtual network: ordinary asyncio services, a day in seconds, exactly repeatable."""

from __future__ import annotations

from harness.sim.hosts import Host, HostClock, HostDown
from harness.sim.loop import LoopError, SimLoop, VirtualDeadlock, VirtualLivelock
from harness.sim.network import Link, Network
from harness.sim.world import Interrupted, World

__all__ = [
    "Host",
    "HostClock",
    "HostDown",
    "Interrupted",
    "Link",
    "LoopError",
    "Network",
    "SimLoop",
    "VirtualDeadlock",
    "VirtualLivelock",
    "World",
]
