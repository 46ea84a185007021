"""A virtual-time event loop and a virtual network: ordinary asyncio services, a day in seconds, exactly repeatable."""

from __future__ import annotations

from harness.sim.hosts import Host, HostClock
from harness.sim.loop import SimLoop, VirtualDeadlock
from harness.sim.network import Network
from harness.sim.world import World

__all__ = ["Host", "HostClock", "Network", "SimLoop", "VirtualDeadlock", "World"]
