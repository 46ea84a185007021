"""Raw transports: order, half-close, flow control, FIN and RST, and each toxic on a link."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from chaos.network.toxics import ToxicSpec
from harness.sim import Link

from .lab import Lab

PORT = 7000


class Recorder(asyncio.Protocol):
    """Keeps what happened to one side, with times; ``stay_open`` after the peer's FIN."""

    def __init__(self, lab: Lab, *, stay_open: bool = False, reading: bool = True) -> None:
        self.lab = lab
        self.stay_open = stay_open
        self.reading = reading
        self.events: list[tuple[float, Any]] = []
        self.transport: Any = None
        self.writable = True

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if not self.reading:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.events.append((self.lab.now, data))

    def eof_received(self) -> bool:
        self.events.append((self.lab.now, "eof"))
        return self.stay_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append((self.lab.now, f"lost: {type(exc).__name__}" if exc else "lost"))

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True

    @property
    def data(self) -> bytes:
        return b"".join(what for _, what in self.events if isinstance(what, bytes))

    def what(self) -> list[Any]:
        return [what for _, what in self.events]


class Pair:
    """A connection from client to server; ``here`` and ``there`` are its two sides."""

    def __init__(self, lab: Lab, **options: Any) -> None:
        self.lab = lab
        self.accepted: list[Recorder] = []
        self.options = options
        lab.boot = self._listen

    async def _listen(self) -> None:
        def accept() -> Recorder:
            self.accepted.append(Recorder(self.lab, **self.options))
            return self.accepted[-1]

        self.server = await asyncio.get_running_loop().create_server(accept, "0.0.0.0", PORT)

    async def connect(self, **options: Any) -> tuple[Recorder, Recorder]:
        loop = asyncio.get_running_loop()
        _, here = await loop.create_connection(lambda: Recorder(self.lab, **options), "server", PORT)
        await asyncio.sleep(0)
        return here, self.accepted[-1]

    def toxic(self, kind: str, stream: str = "upstream", toxicity: float = 1.0, **attributes: float) -> None:
        spec = ToxicSpec(f"{kind}.{stream}", kind, stream, toxicity, attributes)
        self.lab.world.network.add_toxic("client->server", spec)

    def heal(self, kind: str, stream: str = "upstream") -> None:
        self.lab.world.network.remove_toxic("client->server", f"{kind}.{stream}")

    @property
    def link(self) -> Link:
        return self.lab.world.network.link("client", "server")


@pytest.fixture
def pair(lab: Lab) -> Pair:
    return Pair(lab)


def test_bytes_arrive_in_order_one_latency_later(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        for number in range(50):
            here.transport.write(b"%d," % number)
            if number % 7 == 0:
                await asyncio.sleep(1e-5)
        await asyncio.sleep(1)
        assert there.data == b"".join(b"%d," % number for number in range(50))
        assert there.events[0][0] == pytest.approx(3 * lab.latency_s)

    lab.run(client())


def test_half_close_still_gets_the_answer(lab: Lab) -> None:
    pair = Pair(lab, stay_open=True)

    async def client() -> None:
        here, there = await pair.connect()
        here.transport.write(b"question")
        here.transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            here.transport.write(b"more")
        await asyncio.sleep(1)
        assert there.what() == [b"question", "eof"]
        there.transport.write(b"answer")
        there.transport.close()
        await asyncio.sleep(1)
        assert here.what() == [b"answer", "eof", "lost"]

    lab.run(client())


def test_streams_and_asyncio_start_server(lab: Lab) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    async def boot() -> None:
        await asyncio.start_server(answer, port=PORT)

    lab.boot = boot

    async def client() -> bytes:
        reader, writer = await asyncio.open_connection("server", PORT)
        writer.write(b"x" * 1_000_000)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    assert lab.run(client()) == b"x" * 1_000_000


def test_a_reader_that_pauses_holds_the_writer_back(lab: Lab) -> None:
    pair = Pair(lab, reading=False)

    async def client() -> None:
        here, there = await pair.connect()
        while here.writable:
            here.transport.write(b"y" * 10_000)
        sent = here.transport.get_write_buffer_size()
        assert 256 * 1024 < sent < 300 * 1024
        await asyncio.sleep(100)
        assert not here.writable
        assert there.what() == []
        there.transport.resume_reading()
        await asyncio.sleep(1)
        assert here.writable
        assert len(there.data) == sent
        assert here.transport.get_write_buffer_size() == 0

    lab.run(client())


def test_the_end_waits_behind_unread_bytes(lab: Lab) -> None:
    pair = Pair(lab, reading=False)

    async def client() -> None:
        here, there = await pair.connect()
        here.transport.write(b"last words")
        here.transport.close()
        await asyncio.sleep(1)
        assert there.what() == []
        there.transport.resume_reading()
        await asyncio.sleep(1)
        assert there.what() == [b"last words", "eof", "lost"]

    lab.run(client())


def test_writing_to_a_closed_peer_is_answered_with_a_reset(lab: Lab) -> None:
    pair = Pair(lab, stay_open=True)

    async def client() -> None:
        here, there = await pair.connect()
        here.transport.close()
        await asyncio.sleep(1)
        there.transport.write(b"too late")
        await asyncio.sleep(1)
        assert there.what() == ["eof", "lost: ConnectionResetError"]

    lab.run(client())


def test_abort_is_a_reset(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        here.transport.abort()
        await asyncio.sleep(1)
        assert here.what() == ["lost"]
        assert there.what() == ["lost: ConnectionResetError"]
        assert not pair.link.connections

    lab.run(client())


def test_a_protocol_that_fails_loses_its_connection(lab: Lab) -> None:
    class Broken(Recorder):
        def data_received(self, data: bytes) -> None:
            raise ValueError("not my protocol")

    async def boot() -> None:
        await asyncio.get_running_loop().create_server(lambda: Broken(lab), port=PORT)

    lab.boot = boot

    async def client() -> None:
        _, here = await asyncio.get_running_loop().create_connection(lambda: Recorder(lab), "server", PORT)
        here.transport.write(b"?")
        await asyncio.sleep(1)
        assert here.what() == ["lost: ConnectionResetError"]

    lab.run(client())
    assert [error.host for error in lab.world.loop.errors] == ["server"]


def test_kill_delivers_what_was_on_the_wire_then_a_reset(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        there.transport.write(b"sent before the kill")
        lab.world.kill("server")
        await asyncio.sleep(1)
        assert here.what() == [b"sent before the kill", "lost: ConnectionResetError"]
        assert there.what() == []
        assert not pair.link.connections

    lab.run(client())


def test_a_partition_hides_a_kill_until_bytes_reach_the_new_process(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, _ = await pair.connect()
        lab.world.network.cut("client->server")
        lab.world.kill("server")
        await lab.world.start("server")
        here.transport.write(b"anybody there?")
        await asyncio.sleep(10)
        assert here.what() == []
        lab.world.network.mend("client->server")
        await asyncio.sleep(1)
        assert here.what() == ["lost: ConnectionResetError"]

    lab.run(client())


@pytest.mark.parametrize(("cut_s", "arrives"), [(90, True), (2000, False)])
def test_tcp_gives_up_on_a_cut_that_lasts(lab: Lab, pair: Pair, cut_s: float, arrives: bool) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        lab.world.network.cut("client->server")
        here.transport.write(b"data")
        await asyncio.sleep(cut_s)
        lab.world.network.mend("client->server")
        await asyncio.sleep(1)
        assert (there.data == b"data") is arrives
        assert (here.what() == []) is arrives

    lab.run(client())
    assert pair.link.cut is False


@pytest.mark.parametrize(("cut_s", "arrives"), [(60, True), (300, False)])
def test_what_a_client_that_gave_up_had_sent_is_soon_forgotten(
    lab: Lab, pair: Pair, cut_s: float, arrives: bool
) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        lab.world.network.cut("client->server")
        here.transport.write(b"request")
        await asyncio.sleep(1)
        here.transport.close()
        await asyncio.sleep(cut_s)
        lab.world.network.mend("client->server")
        await asyncio.sleep(1)
        expected = [b"request", "eof", "lost"] if arrives else ["lost: ConnectionResetError"]
        assert there.what() == expected

    lab.run(client())


def test_a_protocol_that_pauses_at_its_last_bytes_hears_of_the_end_when_it_resumes(lab: Lab) -> None:
    class Slow(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()
            lab.world.loop.call_later(5, self.transport.resume_reading)

    accepted: list[Slow] = []

    def accept() -> Slow:
        accepted.append(Slow(lab))
        return accepted[-1]

    async def boot() -> None:
        await asyncio.get_running_loop().create_server(accept, port=PORT)

    lab.boot = boot

    async def client() -> None:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "server", PORT)
        transport.write(b"last")
        transport.close()
        await asyncio.sleep(10)

    lab.run(client())
    (got, _), (ended, what), *_ = accepted[0].events
    assert (what, ended - got) == ("eof", 5.0)


def test_names_ports_and_listeners(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        local, remote = (here.transport.get_extra_info(name) for name in ("sockname", "peername"))
        assert remote == (lab.world.network.hosts["server"].ip, PORT)
        assert there.transport.get_extra_info("peername") == local
        sock = here.transport.get_extra_info("socket")
        assert (sock.getsockname(), sock.getpeername()) == (local, remote)
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, port=9)
        with pytest.raises(OSError, match="port 9 of host client is in use"):
            await loop.create_server(asyncio.Protocol, port=9)
        pair.server.close()
        assert not pair.server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, "server", PORT)
        with pytest.raises(socket.gaierror):
            await loop.create_connection(asyncio.Protocol, "sever", PORT)
        with pytest.raises(ValueError, match="no TLS"):
            await loop.create_connection(asyncio.Protocol, "server", PORT, ssl=True)

    lab.run(client())


def test_patterns_of_links(lab: Lab) -> None:
    lab.world.add_host("store")
    network = lab.world.network
    assert [link.name for link in network.matching("*->store")] == ["server->store", "client->store"]
    assert len(network.matching("*->*")) == 6
    for wrong in ("client-server", "client->srever", "->"):
        with pytest.raises(ValueError, match=r"write client->server; hosts: server, client, store"):
            network.matching(wrong)


# -- toxics


def test_latency_is_exact_adds_up_and_does_not_delay_the_connect(lab: Lab, pair: Pair) -> None:
    pair.toxic("latency", latency=250)
    spec = ToxicSpec("more", "latency", "upstream", attributes={"latency": 500})
    lab.world.network.add_toxic("client->server", spec)

    async def client() -> None:
        here, there = await pair.connect()
        connected = lab.now
        assert connected == pytest.approx(2 * lab.latency_s)
        here.transport.write(b"x")
        await asyncio.sleep(5)
        assert there.events == [(pytest.approx(connected + 0.75 + lab.latency_s, abs=1e-12), b"x")]

    lab.run(client())
    assert pair.link.touched == {"latency.upstream": 1, "more": 1}


def test_removing_latency_releases_what_is_under_way_at_once(lab: Lab, pair: Pair) -> None:
    pair.toxic("latency", latency=60_000)

    async def client() -> None:
        here, there = await pair.connect()
        here.transport.write(b"a")
        await asyncio.sleep(1)
        here.transport.write(b"b")
        pair.heal("latency")
        here.transport.write(b"c")
        await asyncio.sleep(1)
        assert there.data == b"abc"

    lab.run(client())


def test_bandwidth_delays_by_size(lab: Lab, pair: Pair) -> None:
    pair.toxic("bandwidth", rate=10)

    async def client() -> None:
        here, there = await pair.connect()
        started = lab.now
        here.transport.write(b"z" * 25_000)
        await asyncio.sleep(60)
        assert there.data == b"z" * 25_000
        assert there.events[-1][0] - started == pytest.approx(2.5 + lab.latency_s)
        assert len(there.events) == 25

    lab.run(client())


def test_bandwidth_zero_stalls_without_blocking_for_ever_once_healed(lab: Lab, pair: Pair) -> None:
    pair.toxic("bandwidth", rate=0)

    async def client() -> None:
        here, there = await pair.connect()
        while here.writable:
            here.transport.write(b"z" * 50_000)
        await asyncio.sleep(60)
        assert there.what() == []
        pair.heal("bandwidth")
        await asyncio.sleep(1)
        assert there.data
        assert here.writable

    lab.run(client())


def test_slow_close_delays_the_fin_only(lab: Lab, pair: Pair) -> None:
    pair.toxic("slow_close", delay=3000)

    async def client() -> None:
        here, there = await pair.connect()
        here.transport.write(b"bye")
        here.transport.close()
        sent = lab.now
        await asyncio.sleep(10)
        (got, data), (ended, eof), *_ = there.events
        assert (data, eof) == (b"bye", "eof")
        assert (got - sent, ended - sent) == pytest.approx((lab.latency_s, 3 + lab.latency_s))

    lab.run(client())


def test_limit_data_passes_exactly_so_much_then_closes_both_sides(lab: Lab, pair: Pair) -> None:
    pair.toxic("limit_data", bytes=10)

    async def client() -> None:
        here, there = await pair.connect()
        for _ in range(3):
            here.transport.write(b"1234")
        await asyncio.sleep(1)
        assert there.data == b"1234123412"
        assert there.what()[-2:] == ["eof", "lost"]
        assert here.what() == ["eof", "lost"]

    lab.run(client())
    assert not pair.link.connections


def test_timeout_closes_an_idle_connection_too(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        pair.toxic("timeout", timeout=4000)
        await asyncio.sleep(10)
        assert [what for _, what in here.events] == ["eof", "lost"]
        assert there.events[0] == (pytest.approx(4 + 3 * lab.latency_s), "eof")

    lab.run(client())


def test_a_black_hole_swallows_for_ever_and_never_blocks_the_writer(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        pair.toxic("timeout", timeout=0)
        for _ in range(100):
            here.transport.write(b"x" * 10_000)
        assert here.writable
        await asyncio.sleep(86_400)
        assert there.what() == here.what() == []

    lab.run(client())


def test_reset_peer_resets_open_connections_and_new_ones_at_their_first_bytes(lab: Lab, pair: Pair) -> None:
    async def client() -> None:
        here, there = await pair.connect()
        added = lab.now
        pair.toxic("reset_peer", timeout=500)
        await asyncio.sleep(1)
        for side in (here, there):
            assert side.events == [(pytest.approx(added + 0.5 + lab.latency_s), "lost: ConnectionResetError")]
        here, there = await pair.connect()
        await asyncio.sleep(5)
        assert here.what() == there.what() == []
        here.transport.write(b"hello")
        await asyncio.sleep(1)
        assert here.what() == there.what() == ["lost: ConnectionResetError"]

    lab.run(client())


def test_toxicity_is_a_share_of_connections(lab: Lab, pair: Pair) -> None:
    pair.toxic("timeout", toxicity=0.3, timeout=0)

    async def client() -> list[bool]:
        passed = []
        for _ in range(200):
            here, there = await pair.connect()
            for _ in range(3):
                here.transport.write(b"x")
            await asyncio.sleep(1)
            assert there.data in (b"", b"xxx")  # all or nothing
            passed.append(there.data == b"xxx")
            here.transport.abort()
        return passed

    assert 120 < sum(lab.run(client())) < 160


def test_evidence_counts_anew_when_a_toxic_is_added_again(lab: Lab, pair: Pair) -> None:
    first: list[tuple[float, str]] = []
    lab.world.network.on_touched = lambda link, name: first.append((lab.now, f"{link.name} {name}"))

    async def client() -> list[int]:
        here, _ = await pair.connect()
        counts = []
        for chunks in (3, 2):
            pair.toxic("latency", latency=100)
            for _ in range(chunks):
                here.transport.write(b"x")
                await asyncio.sleep(1)
            counts.append(pair.link.touched["latency.upstream"])
            pair.heal("latency")
        return counts

    assert lab.run(client()) == [3, 2]
    assert [what for _, what in first] == ["client->server latency.upstream"] * 2


def test_wires_go_on_while_a_host_is_paused(lab: Lab, pair: Pair) -> None:
    pair.toxic("latency", latency=2000)

    async def client() -> None:
        here, there = await pair.connect()
        here.transport.write(b"a")
        lab.world.pause("server")
        await asyncio.sleep(1)
        here.transport.write(b"b")
        await asyncio.sleep(10)
        assert there.what() == []
        lab.world.resume("server")
        resumed = lab.now
        await asyncio.sleep(1)
        assert there.events == [(resumed, b"a"), (resumed, b"b")]

    lab.run(client())
