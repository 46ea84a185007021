"""What a runbook is, and what it may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from reference_pipeline.clock import Clock
from reference_pipeline.http import Client


class Platform(Protocol):
    """What runs the services: Kubernetes, an engine, a supervisor."""

    async def restart(self, service: str) -> None:
        """Stops a service's process, whatever its state, and starts it again."""
        ...


class Images(Protocol):
    """Where the services' images are kept, each with its libraries and configuration."""

    async def pin(self, service: str) -> None:
        """Starts a service again from the last image that was known to be good, instead of the newest one."""
        ...


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What runbooks work with. ``promoted_at`` tells when production last changed (epoch seconds), or None; ``retrain``
    starts a retrain with its release, ``rerun`` the one that failed, as of then; both return at once."""

    services: Mapping[str, Client]
    platform: Platform | None
    images: Images | None
    clock: Clock
    promoted_at: Callable[[], float | None]
    retrain: Callable[[], None]
    rerun: Callable[[], None]


@dataclass(slots=True)
class Incident:
    """The alerts that fire now, by identity, each with the moment it began (epoch seconds)."""

    firing: dict[tuple[tuple[str, str], ...], tuple[Mapping[str, str], float]] = field(default_factory=dict)

    def update(self, alert: Mapping[str, Any], at: float) -> None:
        """Takes one alert of Alertmanager's v2 API."""
        labels = alert["labels"]
        identity = tuple(sorted(labels.items()))
        if "endsAt" in alert:
            self.firing.pop(identity, None)
        else:
            self.firing.setdefault(identity, (labels, at))

    def named(self, *names: str) -> list[tuple[Mapping[str, str], float]]:
        """Firing alerts of these names: (labels, since)."""
        return [(labels, since) for labels, since in self.firing.values() if labels["alertname"] in names]


class Runbook(ABC):
    """Looks at the firing alerts whenever they change, and once a minute; acts when it should.

    ``respond_s`` is how long an alert fires before anything is done about it: none where a machine acts, as long as it
    takes a person to wake up, read and approve where one has to.
    """

    def __init__(self, tools: Toolbox, respond_s: float = 0.0) -> None:
        self.tools = tools
        self.respond_s = respond_s
        self.actions = 0

    def due(self, incident: Incident, *names: str) -> list[tuple[Mapping[str, str], float]]:
        """Alerts of these names that have fired for as long as it takes to respond: (labels, since)."""
        now = self.tools.clock.now()
        return [(labels, since) for labels, since in incident.named(*names) if now - since >= self.respond_s]

    @abstractmethod
    async def consider(self, incident: Incident) -> None:
        """Acts, or not."""
