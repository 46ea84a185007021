"""One service of the pipeline as a process of its own, on a real event loop and real sockets."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from reference_pipeline import assembly
from reference_pipeline.clock import ReplayClock
from reference_pipeline.data import CacheError, prepare
from reference_pipeline.http import Client
from reference_pipeline.process_config import ConfigError, ProcessConfig, read_config
from reference_pipeline.profiles import PROFILES
from reference_pipeline.registry.storage import ModelStorage
from reference_pipeline.training.history import prepare_examples

__all__ = ["main"]

_log = logging.getLogger("reference_pipeline")

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_ORIGIN_POLL_S = 0.02
_PLATFORM_TIMEOUT_S = 30.0
#: How long a service that is told to end may take to finish its answers, in seconds.
_GRACE_S = 2


def main(arguments: Sequence[str]) -> int:
    """Runs a service until SIGTERM or SIGINT; the exit code: 0, 1 for a failure, 2 for a wrong configuration."""
    parser = argparse.ArgumentParser(prog="python -m reference_pipeline", description=__doc__)
    parser.add_argument("service", choices=assembly.PROGRAMS)
    parser.add_argument("--config", type=Path, help="JSON file; default: what PIPELINE_CONFIG holds or points to")
    options = parser.parse_args(arguments)
    logging.basicConfig(format=_LOG_FORMAT, level=logging.INFO)
    try:
        config = read_config(options.config)
        listener = _listener(config)
    except (ConfigError, OSError) as error:
        print(f"{options.service}: {error}", file=sys.stderr)
        return 2
    with listener:
        try:
            return asyncio.run(_Process(options.service, config, listener).run())
        except CacheError as error:
            print(f"{options.service}: {error}", file=sys.stderr)
            return 1


def _listener(config: ProcessConfig) -> socket.socket:
    """A socket on the service's address, not yet listening: until the service is built, connections are refused."""
    host, port = config.listen
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"listen: {host} is no address of this machine: {error}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ConfigError(f"listen: {host}:{port} can't be listened on: {reason}") from None
    return listener


class _Process:
    def __init__(self, name: str, config: ProcessConfig, listener: socket.socket) -> None:
        self._name = name
        self._config = config
        self._listener = listener
        self._clock = ReplayClock(config.start, time_scale=config.time_scale)

    async def run(self) -> int:
        """Builds the service, serves it, and does its work beside it, until told to end or something fails."""
        follower = asyncio.ensure_future(self._follow_origin())
        session = aiohttp.ClientSession()
        deployment = self._deployment(session)
        if self._name == "registry" and ModelStorage(deployment.folder / "registry").stages()["production"] is None:
            assembly.seed_registry(deployment)
        service = await assembly.build(self._name, deployment, self._clock)
        server = _Server(_settings(service))
        serving = asyncio.ensure_future(server.serve(sockets=[self._listener]))
        work: asyncio.Future[Any] = asyncio.gather(follower, *(begin() for begin in service.background))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.end)
        try:
            await asyncio.wait([serving, work], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()  # raises what the work died of: a service without its work must not look alive
            await serving
            return 0
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await session.close()

    async def _follow_origin(self) -> None:
        """Starts the clock when it is time. Never returns."""
        origin, file = self._config.origin, self._config.origin_file
        while origin is None and file is not None:
            try:
                origin = float(file.read_text())
            except (FileNotFoundError, ValueError):  # not yet, or not yet whole
                await asyncio.sleep(_ORIGIN_POLL_S)
        origin = time.time() if origin is None else origin
        self._clock.begin(origin)
        await asyncio.get_running_loop().create_future()  # what is waited for is never over before the process

    def _deployment(self, session: aiohttp.ClientSession) -> assembly.Deployment:
        config = self._config
        prepared = prepare()
        platform = None if config.platform is None else _HttpPlatform(session, config.platform)
        return assembly.Deployment(
            profile=PROFILES[config.profile] if isinstance(config.profile, str) else config.profile,
            prepared=prepared,
            examples=prepare_examples(prepared),
            start=config.start,
            folder=config.volumes,
            addresses=config.addresses,
            store_address=config.store,
            seed=config.seed,
            phase=lambda purpose, period_s: config.phases.get(purpose, 0.0),
            grain_s=config.grain_s,
            platform=platform,
            images=platform,
            second_store_address=config.second_store,
            read_file=lambda service, name: _newest(config.settings, name),
        )


def _newest(settings: Path | None, name: str) -> str | None:
    """A file of the newest folder that has it."""
    if settings is None:
        return None
    for path in sorted(settings.glob(f"*/{name}"), reverse=True):
        try:
            return path.read_text(encoding="utf-8")
        except OSError:  # removed just now
            continue
    return None


class _HttpPlatform:
    """`reference_pipeline.orchestration.runbook.Platform` and ``Images`` over HTTP.

    ``POST <base>/services/<name>/restart`` and ``.../pin``.
    """

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._client = Client(session, base, timeout_s=_PLATFORM_TIMEOUT_S)

    async def restart(self, service: str) -> None:
        """Stops a service's process, whatever its state, and starts it again."""
        await self._client.raw("POST", f"/services/{service}/restart")

    async def pin(self, service: str) -> None:
        """Starts a service again from the image that it had before its dependencies changed."""
        await self._client.raw("POST", f"/services/{service}/pin")


class _Server(uvicorn.Server):
    """Its signals are this module's business: nothing must be raised again once the service has ended well."""

    def install_signal_handlers(self) -> None:
        """None."""

    def capture_signals(self) -> Any:
        """None."""
        return nullcontext()

    def end(self) -> None:
        """Finishes what is under way and ends."""
        self.should_exit = True


def _settings(service: assembly.Service) -> uvicorn.Config:
    return uvicorn.Config(
        service.app,
        limit_concurrency=service.connections,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=assembly.KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
