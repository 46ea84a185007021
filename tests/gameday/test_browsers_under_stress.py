"""Real browsers where things go wrong: a line that is cut, a browser that floods, another site that posts."""

from __future__ import annotations

import http.server
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.gameday.web.guard import BURST, RATE

from .consoles import PLAN, gameday, write_plan
from .test_browsers import DESKTOP, PHONE, Browsers, browsers, events, is_within, pytestmark

__all__ = ["browsers", "pytestmark"]


class Line:
    """A line to the console by another way, [::1] at the same port, that can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Connections are passed on, from now on."""
        self._listener = socket.create_server(("::1", self._port), family=socket.AF_INET6)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and none comes through."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            shut(end)
        self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            self._ends += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(one: socket.socket, other: socket.socket) -> None:
    """Passes bytes on until either end is closed."""
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    shut(one)
    shut(other)


def shut(end: socket.socket) -> None:
    """Shuts an end that may be shut already."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def port_of(link: str) -> int:
    return int(re.findall(r"127\.0\.0\.1:(\d+)", link)[0])


@pytest.fixture
def ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on loopback")


@pytest.mark.usefixtures("ipv6")
def test_a_browser_whose_line_was_cut_gets_what_it_missed(tmp_path: Path, browsers: Browsers) -> None:
    write_plan(tmp_path, PLAN.replace("speed: 1000", "speed: 100"))
    with gameday(tmp_path, "plan.yaml") as (_, links):
        port = port_of(links["facilitator"])
        line = Line(port)
        fay = browsers.join(links["facilitator"], "Fay", DESKTOP)
        pat = browsers.join(links["participants"].replace("127.0.0.1", "[::1]"), "Pat", PHONE)
        fay.click("button[aria-label='Begin Morning']")
        fay.wait_for_selector("#inject:visible")
        pat.fill("#mark-text", "before the cut")
        pat.click("button.note")
        fay.wait_for_selector("#feed >> text=before the cut")
        line.cut()
        pat.wait_for_selector("text=connection lost")
        pat.fill("#mark-text", "into the void")
        pat.click("button.note")
        pat.wait_for_selector("#mark-said >> text=Nothing was sent.")
        assert pat.input_value("#mark-text") == "into the void"
        fay.fill("#mark-text", "while you were away")
        fay.click("button.note")
        fay.wait_for_selector("#feed >> text=while you were away")
        line.mend()
        pat.wait_for_selector("#connection >> text=live")
        pat.wait_for_selector("#feed >> text=while you were away")
        assert pat.locator("#feed >> text=before the cut").count() == 1
        pat.click("button.note")
        fay.wait_for_selector("#feed >> text=into the void")
        line.cut()
    sent = [event["text"] for event in events(tmp_path) if event["kind"] == "mark"]
    assert sent == ["before the cut", "while you were away", "into the void"]
    expected = re.compile(r"Failed to load resource: net::ERR_(CONNECTION|EMPTY|INCOMPLETE|SOCKET|NETWORK)\w*")
    assert [error for error in browsers.errors if not expected.match(error)] == []


def test_a_flood_and_another_site_do_not_reach_the_others(tmp_path: Path, browsers: Browsers) -> None:
    write_plan(tmp_path, PLAN.replace("speed: 1000", "speed: 100"))
    with gameday(tmp_path, "plan.yaml") as (_, links), other_site() as site:
        port = port_of(links["facilitator"])
        console = f"http://127.0.0.1:{port}"
        fay = browsers.join(links["facilitator"], "Fay", PHONE)
        eve = browsers.join(links["participants"], "Eve", DESKTOP)
        fay.click("button[aria-label='Begin Morning']")
        fay.wait_for_selector("#inject:visible")
        fay.click("#inject")
        fay.wait_for_selector("#secret >> text=applied")
        assert is_within(fay)
        flood_began = time.monotonic()
        codes = eve.evaluate(
            """async () => {
            const post = () => fetch("/do/mark", {method: "POST", headers: {"content-type": "application/json"},
              body: JSON.stringify({mark: "note", text: "flood"})}).then((answer) => answer.status);
            const codes = {};
            for (const code of await Promise.all(Array.from({length: 400}, post))) codes[code] = (codes[code] || 0) + 1;
            return codes;
            }"""
        )
        assert set(codes) == {"200", "429"}
        took_s = time.monotonic() - flood_began
        assert codes["200"] <= BURST + RATE * took_s  # however slow the machine
        refused(console, links["participants"])
        posted_from(site, fay, f"{console}/do/abort")
        assert fay.is_visible("#abort")
        assert not [event for event in events(tmp_path) if event["kind"] == "abort"]
        begin = time.monotonic()
        fay.click("#abort")
        fay.wait_for_selector("#abort-bar", state="hidden", timeout=10_000)
        assert time.monotonic() - begin < 10
        (end,) = (event for event in events(tmp_path) if event["kind"] == "round.end")
        assert end["took_s"] < 2
        flooded = [event for event in events(tmp_path) if event["kind"] == "mark"]
        assert len(flooded) == codes["200"]
        fay.click("#conclude")
        fay.click("text=Read the after-action report")
        fay.wait_for_selector("text=First to notice")
        assert is_within(fay)
        fay.click("text=the run's report")
        fay.click("#list > details:first-child > summary")
        fay.locator("figure").first.scroll_into_view_if_needed()
        fay.wait_for_selector(".plots canvas")
        assert is_within(fay)
    ours = [error for error in browsers.errors if "429" not in error and "ERR_" not in error]
    assert ours == []


def refused(console: str, link: str) -> None:
    """What a program that is no browser of ours is told by the real server."""
    with httpx.Client(base_url=console) as client:
        assert client.get("/").status_code == 401
        assert client.get("/events").status_code == 401
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        assert client.get(link, headers={"host": "evil.example"}).status_code == 421
        assert client.get("/join", params={"token": "guessed"}).status_code == 403
        assert client.post("/do/abort", json={}, headers={"origin": "http://evil.example"}).status_code == 403
        assert client.post("/do/abort", json={}, headers={"origin": console}).status_code == 401


@contextmanager
def other_site() -> Iterator[str]:
    """A page of somebody else's, on another port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Win a prize</title>")

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def posted_from(site: str, page: Any, address: str) -> None:
    """Posts to the console from another site in the facilitator's own browser, as a form and as a script would."""
    evil = page.context.new_page()
    evil.goto(site)
    evil.evaluate(
        """async (address) => {
        await fetch(address, {method: "POST", mode: "no-cors", credentials: "include", body: "{}"}).catch(() => {});
        const form = document.createElement("form");
        Object.assign(form, {method: "POST", action: address, target: "sink", enctype: "text/plain"});
        const sink = Object.assign(document.createElement("iframe"), {name: "sink"});
        document.body.append(sink, form);
        form.submit();
        await new Promise((done) => setTimeout(done, 1000));
        }""",
        address,
    )
    evil.close()
