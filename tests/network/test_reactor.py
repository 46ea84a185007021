"""The readiness loop of the proxy: timers, order, bounded turns; and its fallback without epoll."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Callable

import pytest

from chaos.network.poller import SelectorPoller
from chaos.network.reactor import IN, OUT, Reactor

Make = Callable[[], Reactor]


@pytest.fixture(params=["epoll", "selectors"])
def make(request: pytest.FixtureRequest) -> Make:
    def build() -> Reactor:
        poller = SelectorPoller(selectors.DefaultSelector()) if request.param == "selectors" else None
        return Reactor(asyncio.get_running_loop(), poller)

    return build


async def test_timers_fire_in_order_and_never_early(make: Make) -> None:
    reactor, fired, done = make(), [], asyncio.Event()
    start = reactor.now()
    dues = [0.012, 0.003, 0.0031, 0.02, 0.0]
    for due in dues:
        reactor.at(start + due, lambda due=due: fired.append((due, reactor.now() - start)))
    reactor.at(start + 0.03, done.set)
    await asyncio.wait_for(done.wait(), 5)
    reactor.close()
    assert [due for due, _ in fired] == sorted(dues)
    assert all(at >= due for due, at in fired)


async def test_cancelled_timers_do_not_fire_nor_pile_up(make: Make) -> None:
    reactor, fired = make(), []
    for _ in range(1000):
        reactor.cancel(reactor.at(reactor.now() + 3600, lambda: fired.append("never")))
    assert len(reactor._timers) < 200
    timer = reactor.at(reactor.now(), lambda: fired.append("once"))
    await asyncio.sleep(0.01)
    reactor.cancel(timer)
    reactor.cancel(timer)
    reactor.close()
    assert fired == ["once"]


async def test_a_handler_is_called_while_its_socket_is_ready_and_watched(make: Make) -> None:
    reactor, got = make(), []
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        reactor.watch(near.fileno(), IN, lambda events: got.append(near.recv(1)))
        far.send(b"ab")
        await asyncio.sleep(0.02)
        assert got == [b"a", b"b"]
        reactor.watch(near.fileno(), 0, lambda events: got.append(b"?"))
        far.send(b"c")
        await asyncio.sleep(0.02)
        assert got == [b"a", b"b"]
        writable = asyncio.Event()
        reactor.watch(near.fileno(), OUT, lambda events: writable.set())
        await asyncio.wait_for(writable.wait(), 5)
        reactor.unwatch(near.fileno())
        reactor.unwatch(near.fileno())
        reactor.close()


async def test_a_socket_that_is_always_ready_leaves_the_loop_its_turn(make: Make) -> None:
    reactor = make()
    near, far = socket.socketpair()
    with near, far:
        reactor.watch(near.fileno(), OUT, lambda events: None)
        turns = 0
        until = reactor.now() + 0.1
        while reactor.now() < until:
            await asyncio.sleep(0)
            turns += 1
        reactor.unwatch(near.fileno())
        reactor.close()
    assert turns >= 5


class CountingPoller(SelectorPoller):
    """Counts how often it is asked."""

    polls = 0

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        self.polls += 1
        return super().poll(timeout, most)


async def test_sparse_traffic_and_none_are_not_looked_for_again_and_again() -> None:
    poller = CountingPoller(selectors.DefaultSelector())
    reactor = Reactor(asyncio.get_running_loop(), poller)
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        got: list[bytes] = []
        reactor.watch(near.fileno(), IN, lambda events: got.append(near.recv(1)))
        for _ in range(20):
            far.send(b"x")
            await asyncio.sleep(0.003)
        assert len(got) == 20
        assert poller.polls < 20 * 25
        before = poller.polls
        await asyncio.sleep(0.05)
        assert poller.polls == before
        reactor.close()


async def test_a_handler_that_fails_is_reported_and_not_called_again(make: Make) -> None:
    reactor, reports = make(), []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context["exception"]))
    near, far = socket.socketpair()
    with near, far:
        reactor.watch(near.fileno(), OUT, lambda events: 1 // 0)
        reactor.at(reactor.now(), lambda: {}[0])
        await asyncio.sleep(0.03)
        reactor.close()
    assert sorted(type(error).__name__ for error in reports) == ["KeyError", "ZeroDivisionError"]
