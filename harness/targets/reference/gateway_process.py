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
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from chaos.gateway.app import create_control, create_gateway
from chaos.gateway.upstream import SessionFetcher
from reference_pipeline.clock import ReplayClock

__all__ = ["main"]

_ORIGIN_POLL_S = 0.02
_KEEP_ALIVE_S = 1800
_GRACE_S = 1


def main(arguments: Sequence[str]) -> int:
    """Runs the gateway until SIGTERM or SIGINT; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    config = json.loads(parser.parse_args(arguments).config.read_text())
    try:
        with _listener(config["listen"]) as feeds, _listener(config["control"]) as control:
            asyncio.run(_run(config, feeds, control))
    except OSError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    return 0


def _listener(place: Sequence[Any]) -> socket.socket:
    """Bound, and not listening yet: until the gateway is built, connections are refused."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place[0], place[1]))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{place[0]}:{place[1]} can't be listened on: {error.strerror}") from None
    return listener


async def _run(config: dict[str, Any], feeds: socket.socket, control: socket.socket) -> None:
    clock = ReplayClock(float(config["start"]), time_scale=float(config["time_scale"]))
    connector = aiohttp.TCPConnector(keepalive_timeout=_KEEP_ALIVE_S)
    async with aiohttp.ClientSession(connector=connector) as session:
        gateway = create_gateway(config["upstreams"], SessionFetcher(session), clock.now, lease_clock=time.monotonic)
        servers = [_Server(_settings(gateway)), _Server(_settings(create_control(gateway, clock.now)))]
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _end, servers)
        beginning = asyncio.ensure_future(_begin(clock, config.get("origin_file")))
        try:
            await asyncio.gather(
                *(s.serve(sockets=[place]) for s, place in zip(servers, (feeds, control), strict=True))
            )
        finally:
            beginning.cancel()


def _end(servers: Sequence[_Server]) -> None:
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


class _Server(uvicorn.Server):
    """Two of them share one process: neither owns its signals."""

    def capture_signals(self) -> Any:
        """None."""
        return nullcontext()


def _settings(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
