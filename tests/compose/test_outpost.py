"""The outpost, without its container."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx

from harness.targets.reference.compose.outpost import Outpost, create_outpost


def outside(tmp_path: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_outpost(Outpost(tmp_path)))
    return httpx.AsyncClient(transport=transport, base_url="http://outpost")


async def test_alerts_come_out_in_order_and_once(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        for name in ("First", "Second"):
            alert = {"status": "firing", "labels": {"alertname": name}}
            assert (await outpost.post("/alerts", json={"alerts": [alert]})).status_code == 200
        events = (await outpost.get("/events?after=0")).json()
        assert [event["alert"]["labels"]["alertname"] for event in events] == ["First", "Second"]
        assert (await outpost.get(f"/events?after={events[-1]['number']}")).json() == []


async def test_a_question_waits_for_news(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        asked = asyncio.ensure_future(outpost.get("/events?after=0&wait_s=30"))
        await asyncio.sleep(0)
        await outpost.post("/alerts", json={"alerts": [{"labels": {}}]})
        assert len((await asyncio.wait_for(asked, 5)).json()) == 1


async def test_nobody_is_promised_a_restart_that_nobody_would_do(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        assert (await outpost.post("/services/serving/restart")).status_code == 503
        await outpost.get("/events")
        assert (await outpost.post("/services/serving/restart")).status_code == 202
        assert (await outpost.get("/events")).json()[0] == {"number": 1, "kind": "restart", "service": "serving"}


async def test_what_is_no_webhook_is_refused(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        for body in (b"", b"[]", b'{"alerts": 3}'):
            assert (await outpost.post("/alerts", content=body)).status_code == 400
        assert (await outpost.get("/events?after=x")).status_code == 400


async def test_an_answer_of_one_status_is_counted(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        port = (await outpost.put("/answers/f1", json={"status": 503})).json()["port"]
        assert (await outpost.put("/answers/f1", json={"status": 503})).json()["port"] == port
        async with httpx.AsyncClient(trust_env=False) as users:
            assert (await users.get(f"http://127.0.0.1:{port}/stages")).status_code == 503
        assert (await outpost.get("/answers/f1")).json()["requests"] == 1
        assert (await outpost.get("/answers/other")).status_code == 404


async def test_an_overlay_shows_when_it_is_imported_and_goes_without_a_trace(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        files = {"files": {"lightgbm/__init__.py": "raise ImportError('broken')"}}
        assert (await outpost.put("/overlays/serving/f1", json=files)).json() == {"loads": 0}
        code = "import sys; sys.path.insert(0, sys.argv[1])\ntry:\n  import lightgbm\nexcept ImportError as e: print(e)"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            str(tmp_path / "serving"),
            stdout=asyncio.subprocess.PIPE,
            env={},  # it may be told to write no bytecode
        )
        assert (await process.communicate())[0] == b"broken\n"
        assert (await outpost.get("/overlays/serving/f1")).json() == {"loads": 1}
        assert (await outpost.delete("/overlays/serving/f1")).status_code == 200
        assert not (tmp_path / "serving").exists()
        assert (await outpost.delete("/overlays/serving/f1")).status_code == 404


async def test_an_overlay_stays_within_its_folder(tmp_path: Path) -> None:
    async with outside(tmp_path) as outpost:
        for name in ("../x.py", "/etc/x.py"):
            assert (await outpost.put("/overlays/serving/f1", json={"files": {name: ""}})).status_code == 400
