"""What the console refuses, and what it never shows."""

from __future__ import annotations

import json
import re
import resource
import signal
from pathlib import Path

import pytest

from harness.gameday.board import Board
from harness.gameday.event_log import EventLog
from harness.gameday.game import Seat
from harness.gameday.streams import Stream
from harness.gameday.web.guard import MAX_BODY

from .consoles import HOST, PORT, Console

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x1b[2J"


async def test_another_host_is_refused(tmp_path: Path) -> None:
    async with Console(tmp_path).browser(Seat.FACILITATOR) as browser:
        for host in ("evil.example", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"127.0.0.1:{PORT}.evil.example", ""):
            assert (await browser.get("/", headers={"host": host})).status_code == 421
        for host in (f"localhost:{PORT}", f"[::1]:{PORT}"):
            assert (await browser.get("/", headers={"host": host})).status_code == 200


async def test_without_a_token_nothing_is_shown_or_done(tmp_path: Path) -> None:
    console = Console(tmp_path, title="Hidden title")
    console.go_live()
    async with console.browser() as browser:
        for path in ("/", "/me", "/events", "/report/gameday.html"):
            answer = await browser.get(path)
            assert answer.status_code == 401
            assert "Hidden" not in answer.text
        for token in ("", "x", console.keys.token(Seat.FACILITATOR)[:-1], "ü" * 40):
            assert (await browser.get("/join", params={"token": token})).status_code == 403
            assert (await browser.post("/join", data={"token": token, "name": "Eve"})).status_code == 403
        assert (await browser.post("/do/abort", json={})).status_code == 401
        forged = {"cookie": f"{console.keys.cookie_name}=0123456789abcdef.{'A' * 32}"}
        assert (await browser.get("/", headers=forged)).status_code == 401
    assert not console.board.game.people


async def test_joining_gives_a_cookie_that_other_sites_do_not_send(tmp_path: Path) -> None:
    console = Console(tmp_path)
    async with console.browser() as browser:
        form = {"token": console.keys.token(Seat.PARTICIPANT), "name": "  Pat  ", "role": "on call"}
        answer = await browser.post("/join", data=form)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await browser.get("/")).status_code == 200
    (person,) = console.board.game.people.values()
    assert (person.name, person.seat) == ("Pat", Seat.PARTICIPANT)


async def test_posts_from_another_site_are_refused(tmp_path: Path) -> None:
    console = Console(tmp_path)
    console.go_live()
    async with console.browser(Seat.FACILITATOR) as browser:
        for headers in (
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": f"http://127.0.0.1:{PORT + 1}"},
        ):
            assert (await browser.post("/do/abort", json={}, headers=headers)).status_code == 403
        del browser.headers["origin"]
        assert (await browser.post("/do/abort", json={})).status_code == 403
        assert (await browser.post("/do/abort", json={}, headers={"sec-fetch-site": "cross-site"})).status_code == 403
        form = await browser.post("/do/mark", content="{}", headers={"origin": HOST, "content-type": "text/plain"})
        assert form.status_code == 415
    assert not any(event["kind"] == "abort" for event in console.log.events)


async def test_participants_can_do_what_is_theirs_only(tmp_path: Path) -> None:
    console = Console(tmp_path, abort="facilitator")
    console.go_live()
    async with console.browser(Seat.PARTICIPANT) as browser:
        for wish in ("begin", "inject", "call-off", "end-round", "clock", "reveal", "conclude", "abort"):
            assert (await browser.post(f"/do/{wish}", json={})).status_code == 403
        mark = {"mark": "noticed", "text": "", "component": "weather"}
        assert (await browser.post("/do/mark", json=mark)).json() == {"ok": True}
        wrong = await browser.post("/do/mark", json={"mark": "hypothesis", "text": " "})
        assert (wrong.status_code, wrong.json()["why"]) == (400, "text: write something.")
        for body in ("{", "[]", "null", "[" * 5000):
            answer = await browser.post("/do/mark", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400


async def test_large_bodies_and_floods_are_refused(tmp_path: Path) -> None:
    console = Console(tmp_path)
    console.go_live()
    json_type = {"content-type": "application/json"}

    async def endless():  # type: ignore[no-untyped-def]
        for _ in range(100):
            yield b" " * 1000

    async with console.browser(Seat.PARTICIPANT) as browser:
        assert (await browser.post("/do/mark", content=b" " * (MAX_BODY + 1), headers=json_type)).status_code == 413
        assert (await browser.post("/do/mark", content=endless(), headers=json_type)).status_code == 413
    async with console.browser(Seat.PARTICIPANT, burst=5) as browser:
        codes = [(await browser.get("/me")).status_code for _ in range(8)]
        assert codes == [200] * 5 + [429] * 3


async def test_pages_carry_a_strict_policy_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with Console(tmp_path).browser(Seat.FACILITATOR) as browser:
        page = await browser.get("/")
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert all(part.startswith(("/static/", "#")) for part in parts)
        for part in parts:
            if part.startswith("/"):
                text = await browser.get(part)
                assert text.status_code == 200
                assert "//" not in re.sub(r"//www\.w3\.org/2000/svg|^\s*//.*$", "", text.text, flags=re.M)


async def test_hostile_names_and_texts_stay_text(tmp_path: Path) -> None:
    console = Console(tmp_path, title=HOSTILE[:100], briefing=HOSTILE, roles=[{"name": HOSTILE[:90], "duty": HOSTILE}])
    console.go_live()
    async with console.browser(Seat.FACILITATOR, name=HOSTILE) as browser:
        join = await browser.get("/join", params={"token": console.keys.token(Seat.PARTICIPANT)})
        for page in (await browser.get("/"), join):
            assert "<img" not in page.text
            assert "<script>" not in page.text
            assert "\x1b" not in page.text
    console.director._heard(
        {
            "kind": "record",
            "record": {
                "kind": "alert",
                "t": 101.0,
                "name": HOSTILE,
                "component": HOSTILE,
                "severity": HOSTILE,
                "state": "firing",
                "labels": {},
                "summary": HOSTILE,
            },
        }
    )
    frames = [text async for text in _first(console.director.streams[Seat.PARTICIPANT])]
    assert all(line.startswith(("id: ", "event: ", "data: ")) for line in "".join(frames).split("\n") if line)


async def _first(stream: Stream):  # type: ignore[no-untyped-def]
    listening = stream.listen("")
    yield await anext(listening)
    await listening.aclose()


def _seen_by(board: Board, seat: Seat) -> str:
    return json.dumps([board.snapshot(seat), board.status(seat)])


async def test_participants_are_not_shown_the_fault(tmp_path: Path) -> None:
    console = Console(
        tmp_path, scenarios=[{"scenario": "weather-frozen", "questions": [{"ask": "Q?", "expected": "E!"}]}]
    )
    console.go_live()
    for kind in ("fault.intent", "fault.applied", "fault.evidence", "fault.reverting", "fault.reverted"):
        record = {
            "kind": kind,
            "t": 101.0,
            "fault_id": "freshness.freeze",
            "point": "feed:weather",
            "touched": 1,
            "what": "rows",
        }
        console.director._heard({"kind": "record", "record": record})
    secrets = ("weather-frozen", "freshness.freeze", "feed:weather", "E!", "injected", "export stops")
    shown = _seen_by(console.board, Seat.PARTICIPANT)
    assert [secret for secret in secrets if secret in shown] == []
    assert "freshness.freeze" in _seen_by(console.board, Seat.FACILITATOR)
    async with console.browser(Seat.PARTICIPANT) as browser:
        page = (await browser.get("/")).text
    assert [secret for secret in secrets if secret in page] == []


async def test_hidden_messages_leave_no_gap_in_the_numbers(tmp_path: Path) -> None:
    console = Console(tmp_path)
    console.go_live()
    stream = console.director.streams[Seat.PARTICIPANT]
    listening = stream.listen("")
    await anext(listening)
    fay = console.director.join("Fay", "", Seat.FACILITATOR)
    console.director.add_action(fay, "one", "")
    console.director._heard({"kind": "record", "record": {"kind": "fault.applied", "t": 101.0, "fault_id": "x"}})
    console.director.add_action(fay, "two", "")
    numbers = []
    for _ in range(2):
        found = re.search(r"^id: \S+-(\d+)$", await anext(listening), re.M)
        assert found is not None
        numbers.append(int(found[1]))
    assert numbers[1] == numbers[0] + 1
    await listening.aclose()


async def test_a_browser_that_comes_back_gets_what_it_missed(tmp_path: Path) -> None:
    stream = Stream("boot", lambda: {"all": True})
    for number in range(10):
        stream.publish("entry", {"n": number})
    listening = stream.listen("boot-7")
    assert [json.loads((await anext(listening)).split("data: ")[1])["n"] for _ in range(3)] == [7, 8, 9]
    for stale in ("other-7", "boot-99", "boot-x", "", "boot-" + "9" * 400):
        assert '"all":true' in await anext(stream.listen(stale))


async def test_a_slow_browser_is_cut_off_and_the_others_are_not(tmp_path: Path) -> None:
    stream = Stream("boot", dict)
    slow = stream.listen("")
    await anext(slow)
    for number in range(1500):
        stream.publish("entry", {"n": number})
    assert stream.listeners == 0
    with pytest.raises(StopAsyncIteration):
        await anext(slow)


async def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    console = Console(tmp_path)
    console.go_live()
    async with console.browser(Seat.PARTICIPANT) as browser:
        size = console.log.path.stat().st_size
        old = resource.getrlimit(resource.RLIMIT_FSIZE)

        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, old[1]))
        try:
            answer = await browser.post("/do/mark", json={"mark": "noticed", "text": "x" * 500})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, before)
        assert answer.status_code == 507
        assert "nothing was recorded" in answer.json()["why"]
        assert console.log.path.stat().st_size == size
        assert (await browser.post("/do/mark", json={"mark": "noticed"})).status_code == 200
    assert len(EventLog(console.log.path).events) == len(console.log.events)


def test_a_line_cut_short_is_removed_and_other_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gameday.jsonl"
    with EventLog(path) as log:
        log.append("a", {})
        log.append("b", {})
    with path.open("ab") as file:
        file.write(b'{"seq":3,"at":"')
    with EventLog(path) as log:
        assert [event["kind"] for event in log.events] == ["a", "b"]
        assert log.append("c", {})["seq"] == 3
    path.write_bytes(path.read_bytes().replace(b'"seq":2', b'"seq":7'))
    with pytest.raises(Exception, match=r"gameday\.jsonl:2: not an event of a gameday"):
        EventLog(path)
