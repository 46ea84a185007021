"""The feed gateway as a process of its own: the feeds on one port, the control API on another.

Its configuration is a JSON file: ``listen`` and ``control`` are [host, port], ``upstreams`` maps feeds to base URLs;
``start``, ``time_scale`` and ``origin_file`` are as in `reference_pipeline.process_config.ProcessConfig`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from chaos.gateway.app import create_control, create_gateway
from chaos.gateway.upstream import SessionFetcher
from harness.live.serving import QuietServer, bound
from reference_pipeline.clock import ReplayClock

__all__ = ["main"]

_ORIGIN_POLL_S = 0.02
_KEEP_ALIVE_S = 1800


def main(arguments: Sequence[str]) -> int:
    """Runs the gateway until SIGTERM or SIGINT; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    config = json.loads(parser.parse_args(arguments).config.read_text())
    try:
        with bound(*config["listen"]) as feeds, bound(*config["control"]) as control:
            asyncio.run(_run(config, feeds, control))
    except OSError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(config: dict[str, Any], feeds: socket.socket, control: socket.socket) -> None:
    clock = ReplayClock(float(config["start"]), time_scale=float(config["time_scale"]))
    connector = aiohttp.TCPConnector(keepalive_timeout=_KEEP_ALIVE_S)
    async with aiohttp.ClientSession(connector=connector) as session:
        gateway = create_gateway(config["upstreams"], SessionFetcher(session), clock.now, lease_clock=time.monotonic)
        servers = [QuietServer(gateway), QuietServer(create_control(gateway, clock.now))]
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _end, servers)
        beginning = asyncio.ensure_future(_begin(clock, config.get("origin_file")))
        try:
            await asyncio.gather(
                *(s.serve(sockets=[place]) for s, place in zip(servers, (feeds, control), strict=True))
            )
        finally:
            beginning.cancel()


def _end(servers: Sequence[QuietServer]) -> None:
    for server in servers:
        server.should_exit = True


async def _begin(clock: ReplayClock, origin_file: str | None) -> None:
    """Starts the clock when it is time; without a file that says so, at once."""
    if origin_file is None:
        clock.begin(time.time())
        return
    while True:
        try:
            clock.begin(float(Path(origin_file).read_text()))
            return
        except (FileNotFoundError, ValueError):  # not yet, or not yet whole
            await asyncio.sleep(_ORIGIN_POLL_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
