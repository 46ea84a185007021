"""Processes of the supervisor: started, stopped, killed, started again, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from harness.errors import TargetError
from harness.live.child import Child
from harness.live.supervisor import Program, Supervisor
from harness.safety.identity import ProcessIdentity

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-S", "-c", "import time; open('up', 'w').close(); time.sleep(600)"]


class Watched:
    """A supervisor with programs in a folder, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost: list[str] = []
        self.changes = 0
        self.crashes: list[tuple[str, int]] = []
        self.supervisor = Supervisor(
            restart_after_s=0.05,
            on_change=self._changed,
            on_crash=lambda name, code: self.crashes.append((name, code)),
            on_lost=self.lost.append,
        )

    def _changed(self) -> None:
        self.changes += 1

    def add(self, name: str, argv: list[str] = SLEEPER, **how: Any) -> None:
        async def ready() -> bool:
            return (self.folder / "up").exists()

        log = self.folder / f"{name}.log"
        self.supervisor.add(Program(name, argv, lambda: dict(os.environ), log, self.folder, ready, **how))

    def pid(self, name: str) -> int:
        child = self.supervisor.child(name)
        assert child is not None
        return child.pid


@pytest_asyncio.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    await watched.supervisor.end_all()
    assert watched.supervisor.processes() == []


async def until(holds: Any, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def test_kill_pause_and_start_are_real_and_idempotent(watched: Watched) -> None:
    watched.add("sleeper")
    await watched.supervisor.start("sleeper")
    await watched.supervisor.start("sleeper")
    pid = watched.pid("sleeper")
    assert await watched.supervisor.pause("sleeper")
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    watched.supervisor.resume("sleeper")
    assert await watched.supervisor.kill("sleeper")
    assert not Path(f"/proc/{pid}").exists()
    assert not await watched.supervisor.kill("sleeper")
    assert not await watched.supervisor.pause("sleeper")
    watched.supervisor.resume("sleeper")
    await watched.supervisor.start("sleeper")
    assert watched.pid("sleeper") != pid
    assert watched.changes >= 3
    assert watched.lost == []


async def test_a_supervised_process_that_dies_is_started_again_and_another_one_is_not(watched: Watched) -> None:
    watched.add("kept", supervised=True)
    watched.add("not-kept")
    await asyncio.gather(watched.supervisor.start("kept"), watched.supervisor.start("not-kept"))
    first = watched.pid("kept")
    await asyncio.gather(watched.supervisor.kill("kept"), watched.supervisor.kill("not-kept"))
    await until(lambda: watched.supervisor.child("kept") is not None)
    assert watched.pid("kept") != first
    assert watched.supervisor.child("not-kept") is None


async def test_a_process_that_dies_as_it_starts_is_told_with_what_it_said(watched: Watched) -> None:
    watched.add("broken", [sys.executable, "-S", "-c", "import sys; print('no disk'); sys.exit(7)"])
    with pytest.raises(TargetError, match=r"broken ended with exit code 7.*broken\.log.*\n  no disk"):
        await watched.supervisor.start("broken")
    watched.add("absent", ["/no/such/program"])
    with pytest.raises(TargetError, match=r"absent cannot be started: .*No such file"):
        await watched.supervisor.start("absent")


async def test_who_ends_by_himself_and_not_well_has_crashed_and_who_is_killed_has_not(watched: Watched) -> None:
    crash = "import time; open('up', 'w').close(); time.sleep(0.5); raise SystemExit(3)"
    watched.add("crashing", [sys.executable, "-S", "-c", crash])
    watched.add("killed")
    await watched.supervisor.start("crashing")
    await watched.supervisor.start("killed")
    await watched.supervisor.kill("killed")
    await until(lambda: watched.crashes)
    assert watched.crashes == [("crashing", 3)]


async def test_the_loss_of_an_essential_process_is_told(watched: Watched) -> None:
    watched.add("proxy", essential=True)
    await watched.supervisor.start("proxy")
    os.kill(watched.pid("proxy"), signal.SIGKILL)
    await until(lambda: watched.lost)
    assert watched.lost[0].startswith("proxy ended with SIGKILL")


async def test_a_frozen_process_is_replaced_too(watched: Watched) -> None:
    watched.add("sleeper")
    await watched.supervisor.start("sleeper")
    first = watched.pid("sleeper")
    await watched.supervisor.pause("sleeper")
    await watched.supervisor.restart("sleeper")
    assert watched.pid("sleeper") != first


async def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    log = tmp_path / "log"
    child = Child([sys.executable, "-c", code], environment=os.environ, log=log, folder=tmp_path)
    await until(lambda: log.read_text().strip())
    grandchild = ProcessIdentity.of(int(log.read_text()))
    assert grandchild is not None
    await child.kill()
    await until(lambda: not grandchild.alive())


def test_no_process_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import asyncio, os
        from pathlib import Path
        from harness.live.child import Child

        async def main():
            child = Child(["sleep", "600"], environment=os.environ, log=Path("log"), folder=Path("."))
            await child.stop()
            print(child.pid, flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    orphan = ProcessIdentity.of(int(parent.stdout.readline()))
    assert orphan is not None
    parent.kill()
    parent.communicate()
    asyncio.run(until(lambda: not orphan.alive()))  # although it was stopped


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root on Linux can mount volumes")
def test_volumes_fill_up_and_turn_read_only_for_real_and_nobody_else_sees_them(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import os
        from pathlib import Path
        from harness.live.volumes import Volumes

        def write(path):
            try:
                path.write_bytes(b"x" * 100_000)
                return "written"
            except OSError as error:
                return os.strerror(error.errno)

        root = Path(".").resolve()
        volumes = Volumes(root, ["full", "fixed"])
        said = [write(root / "full" / "before")]
        volumes.fill("full")
        said += [write(root / "full" / "one"), str(len((root / "full" / "before").read_bytes()))]
        volumes.free("full")
        volumes.protect("fixed")
        said += [write(root / "full" / "one"), write(root / "fixed" / "one")]
        volumes.unprotect("fixed")
        said += [write(root / "fixed" / "one")]
        for do in (volumes.protect, volumes.fill, volumes.unprotect, volumes.protect, volumes.free, volumes.unprotect):
            do("fixed")
            said += [write(root / "fixed" / "two")]
        with (root / "fixed" / "open").open("w"):
            try:
                volumes.protect("fixed")
            except OSError as error:
                said += [os.strerror(error.errno)]
        print(",".join(said))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().split(",") == [
        "written",
        "No space left on device",
        "100000",
        "written",
        "Read-only file system",
        "written",
        "Read-only file system",
        "Read-only file system",
        "No space left on device",
        "Read-only file system",
        "Read-only file system",
        "written",
        "Device or resource busy",
    ]
    assert list(tmp_path.glob("*/*")) == []  # it was in a namespace that has ended
