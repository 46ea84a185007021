"""``pipequake proxy``."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from chaos.network.board import Refused
from chaos.network.server import ProxyServer, raise_descriptor_limit
from chaos.network.toxics import ToxicError
from harness.errors import UsageError
from harness.verdict import ExitCode

__all__ = ["proxy_command"]


def proxy_command(
    host: str, port: int, *, seed: int = 0, config: Path | None = None, hosts: Sequence[str] = (), uvloop: bool = False
) -> int:
    """Runs the fault proxy alone until SIGINT or SIGTERM. ``config``: proxies to begin with, as Toxiproxy's file."""
    proxies = _read_config(config) if config is not None else None
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_uvloop_factory() if uvloop else None) as runner:
        runner.run(_serve(ProxyServer(seed=seed, hosts=hosts), host, port, proxies, config))
    return ExitCode.PASSED


async def _serve(server: ProxyServer, host: str, port: int, proxies: Any, config: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        try:
            address = await server.start(host, port)
        except OSError as error:
            raise UsageError(
                f"the control API can't listen on {host}:{port}: {_reason(error)}. "
                "Give another port with --port (0 takes a free one), or stop what listens there."
            ) from None
        if proxies is not None:
            try:
                server.board.populate(proxies)
            except (Refused, ToxicError) as error:
                raise UsageError(f"{config}: {error}") from None
        for proxy in server.board.proxies():
            click.echo(f"{proxy.name}: {proxy.listen} -> {proxy.upstream}")
        click.echo(f"control API at http://{address[0]}:{address[1]}")
        await stop.wait()


def _read_config(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can't be read: {_reason(error)}.") from None
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}. Give an array of proxies, as for POST /populate.") from None


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


def _uvloop_factory() -> Any:
    try:
        loops = importlib.import_module("uvloop")
    except ImportError:
        raise UsageError("uvloop is not installed: pip install uvloop, or leave out --uvloop.") from None
    return loops.new_event_loop
