"""The processes of a local deployment: what each is told, and how it is known to be up."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import harness
from chaos.rng import uniform
from harness.live.supervisor import Program
from harness.targets.base import Arm
from harness.targets.reference.layout import REPLICA, STORE
from harness.targets.reference.local.overlays import Overlays
from harness.targets.reference.local.store_program import store_command
from harness.targets.reference.local.wiring import HOST, Wiring
from harness.targets.reference.local.wrong_clocks import WrongClocks
from reference_pipeline.profiles import Profile
from reference_pipeline.sources import FEEDS

__all__ = ["Programs"]

_ROOT = Path(harness.__file__).resolve().parents[1]
_ANSWER_WITHIN_S = 2.0
#: Numeric libraries must not start threads: a dozen processes share a few cores.
_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
#: What would keep Python from leaving the trace that it imported an overlay.
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


@dataclass(frozen=True, slots=True)
class Programs:
    """Makes `Program`s for one arm. ``folder`` holds the volumes, ``logs`` the logs, one file a process."""

    arm: Arm
    profile: Profile
    wiring: Wiring
    folder: Path
    logs: Path
    overlays: Overlays
    store_binary: Path
    clocks: WrongClocks

    @property
    def origin_file(self) -> Path:
        """Where every process reads when the replay begins."""
        return self.folder / "origin"

    def store_data(self, name: str) -> Path:
        """Where a store keeps its log of writes."""
        return self.folder / name

    def proxy(self) -> Program:
        """The fault proxy, with a proxy for every link."""
        config = self._write("proxy", self.wiring.proxies())
        options = ["--host", HOST, "--port", str(self.wiring.ports["proxy"]), "--seed", str(self.arm.seed)]
        command = [sys.executable, "-P", "-m", "harness.cli", "proxy", *options, "--config", str(config)]
        return self._program("proxy", command, "/version", essential=True)

    def store(self, name: str = STORE) -> Program:
        """Valkey or Redis."""
        self.store_data(name).mkdir(exist_ok=True)
        command = store_command(self.store_binary, self.wiring.ports[name], self.store_data(name))
        return self._program(name, command, None)

    def gateway(self) -> Program:
        """The feed gateway."""
        config = {
            "listen": [HOST, self.wiring.ports["gateway"]],
            "control": [HOST, self.wiring.ports["control"]],
            "upstreams": {feed: self.wiring.way("gateway", feed) for feed in FEEDS},
            **self._times(),
        }
        module = "harness.targets.reference.gateway_process"
        command = [sys.executable, "-P", "-m", module, "--config", str(self._write("gateway", config))]
        return self._program("gateway", command, "/health")

    def service(self, name: str) -> Program:
        """A service of the pipeline."""
        profile = self.profile
        platform = {"platform": self.wiring.url("alerts")} if profile.supervised else {}
        second = {"second_store": self.wiring.store_address(name, REPLICA)} if profile.second_store else {}
        config = {
            "profile": asdict(profile),
            "volumes": str(self.folder),
            "listen": [HOST, self.wiring.ports[name]],
            "addresses": self.wiring.addresses(name),
            "store": self.wiring.store_address(name),
            "seed": self.arm.seed,
            "grain_s": self.arm.density.grain_s,
            "settings": str(self.overlays.folder_of(name)),
            "phases": {name: phase_s(self.arm.seed, name, profile.watch_s)},
            **self._times(),
            **platform,
            **second,
        }
        wrong = ["harness.targets.reference.local.with_wrong_clock"] if name in self.clocks.services else []
        module = [*wrong, "reference_pipeline"]
        command = [sys.executable, "-P", "-m", *module, name, "--config", str(self._write(name, config))]
        return self._program(name, command, "/health", supervised=profile.supervised)

    def _times(self) -> dict[str, Any]:
        return {
            "start": self.arm.start.timestamp(),
            "time_scale": self.arm.time_scale,
            "origin_file": str(self.origin_file),
        }

    def _write(self, name: str, config: Any) -> Path:
        path = self.folder / "config" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(config, indent=1))
        return path

    def _program(
        self, name: str, command: list[str], health: str | None, *, supervised: bool = False, essential: bool = False
    ) -> Program:
        return Program(
            name,
            command,
            environment=lambda: self._environment(name),
            log=self.logs / f"{name}.log",
            folder=self.folder,
            ready=answers(self.wiring.ports["control" if name == "gateway" else name], health),
            supervised=supervised,
            essential=essential,
        )

    def _environment(self, name: str) -> Mapping[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
        path = [*self.overlays.path_of(name), str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **inherited,
            **_SINGLE_THREADED,
            "PYTHONPATH": os.pathsep.join(path),
            **self.clocks.environment(name),
        }


def phase_s(seed: int, service: str, period_s: float) -> float:
    """When a service's periodic work begins within its period: the same in every backend."""
    return round(period_s * uniform(seed, "phase", service), 3)


def answers(port: int, path: str | None) -> Callable[[], Awaitable[bool]]:
    """Asks whether a server on loopback answers GET with 200, or, without a path, a Redis server PING."""
    request = (
        b"PING\r\n" if path is None else f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    )
    expected = b"+PONG" if path is None else b"HTTP/1.1 200"

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(request)
            return await reader.readuntil(b"\r\n")
        finally:
            writer.close()

    async def up() -> bool:
        try:
            return (await asyncio.wait_for(ask(), _ANSWER_WITHIN_S)).startswith(expected)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return False

    return up
