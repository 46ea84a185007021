"""What the engine itself says of a project's containers, as it happens: the evidence of faults on processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.targets.reference.compose.engine import PROJECT_LABEL, SERVICE_LABEL, connect

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["EngineEvent", "EngineEvents"]

_ACTIONS = ("die", "kill", "oom", "pause", "unpause", "start", "connect", "disconnect")


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One thing that happened to a service's container: ``action`` in the engine's words.

    ``died_of`` is said of a process that nobody had the engine end.
    """

    service: str
    action: str
    died_of: str = field(default="", compare=False)


class EngineEvents:
    """Follows the engine's event stream in a thread of its own; a context manager.

    Each event is counted, and ``on_event`` is told of it in that thread.
    """

    def __init__(self, project: str, containers: dict[str, str], on_event: Callable[[EngineEvent], None]) -> None:
        self._project = project
        self._service_of = {container: service for service, container in containers.items()}
        self._on_event = on_event
        self._counts: dict[EngineEvent, int] = {}
        self._told_to_end: set[str] = set()
        self._stream: Any = None
        self._client: DockerClient | None = None
        self._thread = threading.Thread(target=self._follow, name="engine-events", daemon=True)

    def __enter__(self) -> EngineEvents:
        self._client = connect(timeout_s=None)
        self._stream = self._client.events(
            decode=True, filters={"type": ["container", "network"], "event": list(_ACTIONS)}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._thread.join(timeout=2.0)
        assert self._client is not None
        self._client.close()

    def count(self, service: str, action: str) -> int:
        """How often something has happened to a service since this follows."""
        return self._counts.get(EngineEvent(service, action), 0)

    def _follow(self) -> None:
        for raw in self._stream:
            service = self._service(raw)
            if service is not None:
                event = self._event(service, raw)
                self._counts[event] = self._counts.get(event, 0) + 1
                self._on_event(event)

    def _event(self, service: str, raw: dict[str, Any]) -> EngineEvent:
        action, died_of = raw.get("Action", ""), ""
        if action == "kill":  # by whatever signal: the engine tells it before it stops or starts anew, too
            self._told_to_end.add(service)
        elif action == "die":
            if service not in self._told_to_end:
                code = raw.get("Actor", {}).get("Attributes", {}).get("exitCode", "unknown")
                died_of = f"exit code {code}"
            self._told_to_end.discard(service)
        return EngineEvent(service, action, died_of)

    def _service(self, raw: dict[str, Any]) -> str | None:
        attributes = raw.get("Actor", {}).get("Attributes", {})
        if raw.get("Type") == "network":
            return self._service_of.get(attributes.get("container", ""))
        if attributes.get(PROJECT_LABEL) == self._project:
            found: str | None = attributes.get(SERVICE_LABEL)
            return found
        return None
