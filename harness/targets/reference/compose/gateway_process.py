"""The feed gateway as a process of its own: the feeds on one port, the control API on another."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from chaos.gateway.app import create_control, create_gateway
from chaos.gateway.upstream import SessionFetcher
from reference_pipeline.clock import ReplayClock

_ORIGIN_POLL_S = 0.05


async def _begin(clock: ReplayClock, config: dict[str, Any]) -> None:
    file = config.get("origin_file")
    while file is not None:
        try:
            clock.begin(float(Path(file).read_text()))
            return
        except (FileNotFoundError, ValueError):  # not yet, or not yet whole
            await asyncio.sleep(_ORIGIN_POLL_S)
    clock.begin(time.time())


async def _main(config: dict[str, Any]) -> None:
    clock = ReplayClock(float(config["start"]), time_scale=float(config["time_scale"]))
    async with aiohttp.ClientSession() as session:
        gateway = create_gateway(config["upstreams"], SessionFetcher(session), clock.now, lease_clock=time.monotonic)
        control = create_control(gateway, clock.now)
        with ExitStack() as stack:
            serving = [
                uvicorn.Server(_settings(app)).serve(sockets=[stack.enter_context(socket.create_server(tuple(place)))])
                for app, place in ((gateway, config["listen"]), (control, config["control"]))
            ]
            await asyncio.gather(*serving, _begin(clock, config))


def _settings(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_level="warning", access_log=False, timeout_keep_alive=1800
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    asyncio.run(_main(json.loads(parser.parse_args().config.read_text())))
