"""Errors of a user's: each names the fix, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.targets.reference.compose import compose_file, stack
from harness.targets.reference.compose.engine import connect, explain
from harness.targets.reference.compose.stack import Stack, clean_up
from harness.targets.reference.compose.wiring import SERVERS, gateway_config, service_config

from .conftest import left_of

ROOT = Path(__file__).resolve().parents[2]


def configs(**common: Any) -> dict[str, Any]:
    start = {"start": 1_370_854_800.0, "time_scale": 60.0}
    common = {"profile": "mature", "seed": 1, **start, **common}
    return {name: service_config(name, **common) for name in SERVERS} | {"gateway": gateway_config(**start)}


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(HarnessError, match=r"no Docker engine answers at unix:///nowhere.*apt-get install docker.io"):
        connect()


#: Runs a command as nobody, who may read everything (the interpreter may lie in root's home) and write nothing.
AS_NOBODY = (
    "setpriv",
    *("--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
    *("--bounding-set=-all,+dac_read_search", "--no-new-privs"),
)


def can_be_nobody() -> bool:
    """Whether this is root, with the right to give others the right to read."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        return False
    return subprocess.run([*AS_NOBODY, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def with_compose() -> Iterator[str]:
    """A folder for the search path with a docker-compose in it, as not every machine has one; open to everybody."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        program = Path(folder) / "docker-compose"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        yield folder


@pytest.mark.skipif(not can_be_nobody(), reason="needs root, and setpriv of util-linux")
@pytest.mark.parametrize("command", [["run", "tests/compose/scenarios", "--backend", "compose"], ["doctor"]])
def test_a_user_without_rights_on_the_engine(tmp_path: Path, with_compose: str, command: list[str]) -> None:
    """A socket that answers, but not to everybody."""
    place = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        place.chmod(0o600)
        listening.listen()
        done = subprocess.run(
            [*AS_NOBODY, sys.executable, "-B", "-m", "harness.cli", *command],
            env={
                **os.environ,
                "DOCKER_HOST": f"unix://{place}",
                "HOME": "/nonexistent",
                "PATH": f"{with_compose}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    said = " ".join((done.stdout + done.stderr).split())
    assert "refuses this user: permission denied" in said
    assert "Add the user to the group docker (usermod -aG docker NAME" in said
    assert "Traceback" not in said
    assert done.returncode == (3 if command[0] == "run" else 0)


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("write /x: no space left on device", "docker system df"),
        ("Bind for 127.0.0.1:8474 failed: port is already allocated", "Another program has the port"),
        ("could not find an available, non-overlapping IPv4 address pool", "docker network prune"),
    ],
)
def test_what_engines_say_gets_a_fix(said: str, fix: str) -> None:
    assert fix in explain(said)


def test_the_command_line_says_it_in_one_line_and_does_not_hang(with_compose: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", "tests/compose/scenarios", "--backend", "compose"],
        env={
            "DOCKER_HOST": "unix:///nowhere/docker.sock",
            "PATH": f"{with_compose}:/usr/bin:/bin",
            "HOME": "/nonexistent",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "no Docker engine answers" in done.stderr or "docker compose" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def missing(engine: Any) -> Iterator[str]:
    """The name of an image that the engine has lost for the time of a test."""
    name = compose_file.images()["store"]
    image = engine.images.get(name)
    image.tag("pipequake-test-kept", "for-a-test")
    engine.images.remove(name, noprune=True)
    try:
        yield name
    finally:
        image.tag(*name.rsplit(":", 1))
        engine.images.remove("pipequake-test-kept:for-a-test", noprune=True)


@pytest.mark.slow
def test_a_missing_image(engine: Any, missing: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", str(ROOT / "tests/compose/scenarios"), "--backend", "compose"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = " ".join(done.stderr.split())
    assert done.returncode == 3
    assert f"lacks the image {missing}" in said
    assert "scripts/offline-images" in said
    assert "Traceback" not in said
    assert left_of(engine) == []


@pytest.mark.slow
def test_a_container_that_dies_at_its_start(engine: Any) -> None:
    made = Stack.create(configs(profile="no-such-profile"))
    try:
        with pytest.raises(HarnessError, match=r"ended at its start, with exit code 2(.|\n)*no-such-profile"):
            made.start()
    finally:
        made.tear_down()
    assert made.project not in " ".join(left_of(engine))


@pytest.mark.slow
def test_a_port_that_is_taken(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever starts the deployment by hand."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(stack, "_PORT_VARIABLES", ())
        monkeypatch.setenv("PIPEQUAKE_TOXIPROXY_PORT", str(taken.getsockname()[1]))
        for name in ("SERVING", "STORE", "GATEWAY", "OUTPOST", "PROMETHEUS", "ALERTMANAGER", "REPLICA"):
            monkeypatch.setenv(f"PIPEQUAKE_{name}_PORT", "")
        made = Stack.create(configs())
        try:
            with pytest.raises(HarnessError, match="Another program has the port"):
                made.start()
        finally:
            made.tear_down()
    assert made.project not in " ".join(left_of(engine))


@pytest.mark.slow
def test_what_a_killed_run_left_is_removed_and_what_lives_is_not(engine: Any) -> None:
    code = (
        "import json, os, signal, sys\n"
        "from harness.targets.reference.compose.stack import Stack\n"
        "made = Stack.create(json.load(sys.stdin))\n"
        "print(json.dumps(made.description.to_json()), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    alive = Stack.create(configs())
    try:
        dead = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(configs()),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert dead.returncode == -9, dead.stderr
        project = json.loads(dead.stdout)["project"]
        assert any(name.startswith(project) for name in left_of(engine))
        assert clean_up(engine) == [project]
        left = " ".join(left_of(engine))
        assert project not in left
        assert alive.project in left
    finally:
        alive.tear_down()
