"""How much CPU and memory a container may use, and how often it was held back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["CPU", "MEMORY", "Resource", "cpu_limit", "memory_limit", "set_cpu_limit", "set_memory_limit", "stats"]

_PERIOD_US = 100_000


def cpu_limit(container: Container) -> float:
    """CPUs; 0 for no limit."""
    config = container.attrs["HostConfig"]
    if config.get("NanoCpus"):
        return float(config["NanoCpus"]) / 1e9
    return max(float(config.get("CpuQuota") or 0), 0.0) / float(config.get("CpuPeriod") or _PERIOD_US)


def set_cpu_limit(container: Container, cpus: float) -> None:
    """Takes effect at once; 0 for no limit."""
    container.update(cpu_period=_PERIOD_US, cpu_quota=int(cpus * _PERIOD_US) or -1)


def memory_limit(container: Container) -> int:
    """Bytes; 0 for no limit."""
    return int(container.attrs["HostConfig"].get("Memory") or 0)


def set_memory_limit(container: Container, size: float) -> None:
    """Memory without swap; takes effect at once. What is used already must fit."""
    container.update(mem_limit=int(size), memswap_limit=int(size))


def stats(container: Container) -> dict[str, int]:
    """Counters of the kernel: ``throttled periods``, ``allocations`` that met the limit, ``memory bytes`` in use."""
    raw: dict[str, Any] = container.stats(stream=False, one_shot=True)
    throttling = raw.get("cpu_stats", {}).get("throttling_data", {})
    memory = raw.get("memory_stats", {})
    return {
        "throttled periods": int(throttling.get("throttled_periods") or 0),
        "allocations": int(memory.get("failcnt") or 0),
        "memory bytes": int(memory.get("usage") or 0),  # with what it caches: the kernel refuses a limit below it
    }


@dataclass(frozen=True, slots=True)
class Resource:
    """Something of which a container may use so much: how that is read and changed, and which of the `stats` counts how
    often it was held back."""

    name: str
    read: Callable[[Container], float]
    change: Callable[[Container, float], None]
    counted: str

    def of(self, service: str) -> str:
        """What a service may use of it, by a name."""
        return f"{self.name} of {service}"


CPU = Resource("CPUs", cpu_limit, set_cpu_limit, "throttled periods")
MEMORY = Resource("memory", memory_limit, set_memory_limit, "allocations")
