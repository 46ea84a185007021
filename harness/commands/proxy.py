"""``pipequake proxy``."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from chaos.network.addresses import is_loopback, join_address
from chaos.network.board import Refused
from chaos.network.server import CONTROL_PORT, ProxyServer, raise_descriptor_limit, spare_collections
from chaos.network.toxics import ToxicError
from harness.end_signals import end_signals
from harness.errors import UsageError
from harness.verdict import ExitCode

__all__ = ["ProxyOptions", "proxy_command"]


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """What the command line gives. ``config``: proxies to begin with, as in Toxiproxy's file."""

    host: str = "127.0.0.1"
    port: int = CONTROL_PORT
    seed: int = 0
    config: Path | None = None
    allow_hosts: Sequence[str] = ()
    allow_remote: bool = False


def proxy_command(options: ProxyOptions) -> int:
    """Runs the fault proxy alone until SIGINT or SIGTERM."""
    if not options.allow_remote and not is_loopback(options.host):
        raise UsageError(
            f"--host {options.host}: anybody who reaches the control API can redirect and break connections, so it "
            "listens on loopback alone. Give 127.0.0.1, ::1 or localhost, or say --allow-remote."
        )
    proxies = _read_config(options.config) if options.config is not None else []
    raise_descriptor_limit()
    spare_collections()
    asyncio.run(_serve(options, proxies))
    return ExitCode.PASSED


async def _serve(options: ProxyOptions, proxies: Any) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in end_signals():
        loop.add_signal_handler(number, stop.set)
    server = ProxyServer(seed=options.seed, hosts=options.allow_hosts, loopback_only=not options.allow_remote)
    async with server:
        # A name would be two addresses, which port 0 would give two ports.
        host = "127.0.0.1" if options.host.lower() == "localhost" else options.host
        try:
            address = await server.start(host, options.port)
        except OSError as error:
            where = join_address(options.host, options.port)
            raise UsageError(f"the control API can't listen on {where}: {_reason(error)}. {_fix(error)}") from None
        try:
            server.board.populate(proxies)
        except (Refused, ToxicError) as error:
            raise UsageError(f"{options.config}: {error}") from None
        for proxy in server.board.proxies():
            listening = proxy.listen if proxy.enabled else f"{proxy.listen} (disabled)"
            click.echo(f"{proxy.name}: {listening} -> {proxy.upstream}")
        click.echo(f"control API at http://{join_address(*address)}")
        await stop.wait()


def _read_config(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can't be read: {_reason(error)}.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}. Give an array of proxies, as for POST /populate.") from None


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error.strerror or error).lower()


def _fix(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "Give an address of this machine with --host."
    if error.errno == errno.EACCES:
        return "Give a port from 1024 up with --port."
    return "Give another port with --port (0 takes a free one), or stop what listens there."
