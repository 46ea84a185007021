"""``docker compose`` or docker-compose, whichever there is, on the `docker-compose.yml` at the top of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.targets.reference.compose.engine import EngineError, explain

__all__ = ["COMPOSE_FILE", "compose_command", "compose_file", "create", "images"]

COMPOSE_FILE = "docker-compose.yml"
_TIMEOUT_S = 180.0


def compose_file() -> Path:
    """The file of this checkout. Raises `UsageError` where there is none: the wheel has no images to build."""
    path = Path(__file__).resolve().parents[4] / COMPOSE_FILE
    if not path.exists():
        raise UsageError(
            f"the backend 'compose' runs from a checkout: there is no {COMPOSE_FILE} beside the package "
            f"({path.parent}). Clone the repository, and install it with pip install --editable '.[live,docker]'."
        )
    return path


def compose_command() -> list[str]:
    """The command line of compose. Raises `UsageError` if there is neither."""
    docker = shutil.which("docker")
    if docker is not None and _works([docker, "compose", "version"]):
        return [docker, "compose"]
    alone = shutil.which("docker-compose")
    if alone is not None:
        return [alone]
    raise UsageError(
        "neither `docker compose` nor docker-compose is installed. On Debian: apt-get install docker-compose."
    )


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def images() -> dict[str, str]:
    """The image of each service, as the file names it."""
    import yaml

    services = yaml.safe_load(compose_file().read_text(encoding="utf-8"))["services"]
    return {name: service["image"] for name, service in services.items()}


def create(project: str, variables: Mapping[str, str]) -> None:
    """Makes networks, volumes and containers of a project; nothing is started. Raises `EngineError`."""
    command = [*compose_command(), "-f", str(compose_file()), "-p", project, "up", "--no-start", "--no-build"]
    environment = {**os.environ, "COMPOSE_PARALLEL_LIMIT": "32", **variables}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise EngineError(f"compose took over {_TIMEOUT_S:g} s to make the containers; is the engine busy?") from None
    if done.returncode != 0:
        raise EngineError(f"compose can't make the containers: {explain(_message(done.stderr or done.stdout))}")


def _message(output: str) -> str:
    """The lines that say what is wrong, without the progress."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower() or "cannot" in line.lower()]
    return " ".join((wrong or lines[-3:])[:6]) or json.dumps(output)
