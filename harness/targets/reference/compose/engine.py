"""The Docker engine: reached through its SDK, with errors that say what to do. Needs the extra ``docker``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.errors import TargetError, UsageError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["PROJECT_LABEL", "SERVICE_LABEL", "EngineError", "connect", "engine_errors", "last_lines"]

#: How long the engine may take to answer: stopping and starting containers on a busy machine takes its time.
TIMEOUT_S = 60.0
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
_DEFAULT_SOCKET = "/var/run/docker.sock"


class EngineError(TargetError):
    """The engine refused something, or can't be reached."""


def connect(timeout_s: float | None = TIMEOUT_S) -> DockerClient:
    """A client of the engine of ``DOCKER_HOST``, or of this machine. Raises `EngineError` with what to do."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        raise UsageError("the backend 'compose' needs the Docker SDK: pip install 'pipequake[docker]'") from None
    try:
        client = docker.from_env(timeout=timeout_s)
        client.ping()
    except (DockerException, OSError) as error:
        raise EngineError(_why_unreachable(error)) from None
    return client


def _why_unreachable(error: BaseException) -> str:
    where = os.environ.get("DOCKER_HOST") or f"unix://{_DEFAULT_SOCKET}"
    text = _chain(error)
    if "Permission denied" in text or "PermissionError" in text:
        return (
            f"the Docker engine at {where} refuses this user: permission denied. "
            "Add the user to the group docker (usermod -aG docker NAME, then log in again), or run as root."
        )
    if any(word in text for word in ("No such file", "FileNotFoundError", "Connection refused", "ConnectionRefused")):
        return (
            f"no Docker engine answers at {where}. Start one (systemctl start docker, or as root: dockerd &); "
            "on Debian, apt-get install docker.io brings it. `pipequake doctor` says what this host can do."
        )
    return f"the Docker engine at {where} can't be used: {text[:300]}. `pipequake doctor` says what this host can do."


def _chain(error: BaseException | None) -> str:
    """What went wrong, down to what the operating system said."""
    texts: list[str] = []
    while error is not None and len(texts) < 8:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "; ".join(texts)


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """What the SDK raises, as an `EngineError` that says what was being done, and the fix where there is one."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise EngineError(f"{doing}: {explain(str(getattr(error, 'explanation', None) or error))}") from error


#: What engines and compose say, and what to do about it.
_FIXES = (
    (
        "no space left on device",
        "The disk is full: free some space (docker system df shows what images and volumes take).",
    ),
    (
        "port is already allocated",
        "Another program has the port: end it, or set its variable (see docker-compose.yml).",
    ),
    (
        "address already in use",
        "Another program has the port: end it, or set its variable (see docker-compose.yml).",
    ),
    (
        "could not find an available, non-overlapping",
        "The engine has no subnet left: remove networks that nobody uses (docker network prune).",
    ),
    ("permission denied", "Run as a user who may use the engine (group docker, or root)."),
)


def explain(text: str) -> str:
    """An engine's message in one line, with what to do about it where that is known.

    >>> explain("port is already allocated")
    'port is already allocated. Another program has the port: end it, or set its variable (see docker-compose.yml).'
    """
    message = " ".join(text.split())
    for sign, fix in _FIXES:
        if sign in message.lower():
            return f"{message}. {fix}"
    return message


def last_lines(container: Container, lines: int = 6) -> str:
    """The end of a container's log, for a message."""
    raw: Any = container.logs(tail=lines)
    return (
        "\n".join(f"    {line}" for line in raw.decode("utf-8", "replace").rstrip().splitlines()) or "    (no output)"
    )
