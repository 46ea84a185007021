"""Real containers: asked for with PIPEQUAKE_COMPOSE=1 (`scripts/test-compose` does), else skipped, with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.targets.reference.compose.engine import connect
from harness.targets.reference.compose.stack import OWNER_LABEL, check_images


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of an engine that has all images."""
    if os.environ.get("PIPEQUAKE_COMPOSE") != "1":
        pytest.skip("containers are tested by scripts/test-compose (PIPEQUAKE_COMPOSE=1)")
    try:
        client = connect()
        check_images(client)
    except HarnessError as error:
        pytest.skip(f"Docker cannot run here: {error}")
    yield client
    client.close()


def left_of(client: Any, owned_by: str = "") -> list[str]:
    """Containers, networks and volumes of runs, or of one process' alone."""
    mine = {"label": f"{OWNER_LABEL}={owned_by}" if owned_by else OWNER_LABEL}
    found = [*client.containers.list(all=True, ignore_removed=True, filters=mine), *client.networks.list(filters=mine)]
    return sorted(item.name for item in [*found, *client.volumes.list(filters=mine)])
