"""The registry: signatures, versions that never change, stages, rollback; over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.http import UNREACHABLE, Client, ServiceError
from reference_pipeline.registry.app import create_registry
from reference_pipeline.registry.signing import BadSignature, sign, verify
from reference_pipeline.registry.storage import ModelStorage, UnknownVersion, VersionTaken

from .conftest import KEY, Serve


@given(st.binary(min_size=1, max_size=40), st.integers(0, 319), st.dictionaries(st.text(), st.integers()))
def test_one_changed_bit_is_found(artifact: bytes, bit: int, extra: dict[str, int]) -> None:
    signed = sign({**extra, "version": "v1"}, artifact, KEY)
    verify(signed, artifact, KEY)
    verify(json.loads(json.dumps(signed)), artifact, KEY)
    at = bit % (8 * len(artifact))
    changed = bytearray(artifact)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises(BadSignature, match="SHA-256"):
        verify(signed, bytes(changed), KEY)


@pytest.mark.parametrize(
    "tamper",
    [
        {"sha256": hashlib.sha256(b"other").hexdigest()},
        {"trained_at": 2.0},
        {"signature": "0" * 64},
        {"signature": None},
        {"extra": 1},
    ],
)
def test_a_changed_manifest_is_found(tamper: dict[str, Any]) -> None:
    artifact = b"other" if "sha256" in tamper else b"model"
    signed = sign({"version": "v1", "trained_at": 1.0}, b"model", KEY)
    with pytest.raises(BadSignature, match="model v1: the manifest's signature is wrong"):
        verify(signed | tamper, artifact, KEY)
    with pytest.raises(BadSignature):
        verify(signed, b"model", b"another key")


def test_a_crash_while_publishing_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ModelStorage(tmp_path)
    write_text = Path.write_text

    def full(path: Path, *args: Any, **kwargs: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        storage.add({"version": "v1"}, b"model")
    with pytest.raises(OSError, match="No space"):
        storage.set_stage("canary", None)
    monkeypatch.setattr(Path, "write_text", write_text)
    again = ModelStorage(tmp_path)
    assert again.versions() == []
    assert again.stages() == {"production": None, "canary": None, "previous": None}
    again.add({"version": "v1"}, b"model")
    assert again.artifact("v1") == b"model"


def test_a_version_never_changes(tmp_path: Path) -> None:
    storage = ModelStorage(tmp_path)
    storage.add({"version": "v1"}, b"model")
    storage.add({"version": "v1"}, b"model")
    others: list[tuple[dict[str, Any], bytes]] = [
        ({"version": "v1"}, b"other"),
        ({"version": "v1", "rows": 1}, b"model"),
    ]
    for manifest, artifact in others:
        with pytest.raises(VersionTaken):
            storage.add(manifest, artifact)
    assert (storage.artifact("v1"), storage.manifest("v1")) == (b"model", {"version": "v1"})


@pytest.mark.parametrize("version", ["", "..", "../v1", "a/b", ".hidden", "v1\n", None, 7, "x" * 101])
def test_a_version_is_a_name_and_no_path(tmp_path: Path, version: Any) -> None:
    storage = ModelStorage(tmp_path / "registry")
    with pytest.raises(ValueError, match="version: expected letters"):
        storage.add({"version": version}, b"model")
    with pytest.raises(UnknownVersion):
        storage.artifact(str(version))
    assert [path.name for path in tmp_path.iterdir()] == ["registry"]


def test_rolling_back_goes_back_and_never_forth(tmp_path: Path) -> None:
    storage = ModelStorage(tmp_path)
    for version in ("v1", "v2", "v3"):
        storage.add({"version": version}, b"")
        storage.set_stage("production", version)
        storage.set_stage("production", version)  # repeated, as after a lost answer
    assert storage.stages() == {"production": "v3", "canary": None, "previous": "v2"}
    assert ModelStorage(tmp_path).roll_back() == {"production": "v2", "canary": None, "previous": "v1"}
    assert storage.roll_back()["production"] == "v1"
    storage.set_stage("production", "v3")
    assert storage.stages()["previous"] == "v1"


@pytest.fixture
async def registry(tmp_path: Path, serve: Serve, session: aiohttp.ClientSession) -> Client:
    return Client(session, await serve(create_registry(ModelStorage(tmp_path))), timeout_s=5)


async def publish(registry: Client, version: str, artifact: bytes = b"model") -> Any:
    body = {"manifest": sign({"version": version}, artifact, KEY), "artifact": base64.b64encode(artifact).decode()}
    return await registry.post("/models", body)


async def test_publishing_staging_and_rolling_back_over_http(registry: Client) -> None:
    assert await registry.get("/stages") == {"production": None, "canary": None, "previous": None}
    for version in ("v1", "v2"):
        assert await publish(registry, version) == {"version": version}
        await registry.put("/stages", {"stage": "canary", "version": version})
        await registry.put("/stages", {"stage": "production", "version": version})
    await registry.put("/stages", {"stage": "canary", "version": None})
    assert await registry.get("/stages") == {"production": "v2", "canary": None, "previous": "v1"}
    artifact = await registry.raw("GET", "/models/v2")
    verify(await registry.get("/models/v2/manifest"), artifact, KEY)
    assert (await registry.post("/rollback"))["production"] == "v1"
    with pytest.raises(ServiceError, match="no earlier production model") as refused:
        await registry.post("/rollback")
    assert refused.value.status == 409
    status = await registry.get("/status")
    assert [status[name] for name in ("published", "promotions", "rollbacks", "versions")] == [2, 2, 1, 2]
    assert b'pipeline_rollbacks{component="registry"} 1.0' in await registry.raw("GET", "/metrics")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", "/models/v9", None, 404, "no model v9"),
        ("GET", "/models/v9/manifest", None, 404, "no model v9"),
        ("PUT", "/stages", {"stage": "production", "version": "v9"}, 404, "no model v9"),
        ("PUT", "/stages", {"stage": "production"}, 400, "expected"),
        ("PUT", "/stages", {"stage": "previous", "version": "v1"}, 400, "stage is one of production, canary"),
        ("PUT", "/stages", {"stage": "canary", "version": 7}, 400, "version is a version or null"),
        ("PUT", "/stages", [], 400, "expected"),
        ("POST", "/models", {"manifest": {}}, 400, "expected"),
        ("POST", "/models", {"manifest": {"version": "v1", "sha256": "0"}, "artifact": "AAAA"}, 400, "SHA-256 differs"),
        ("POST", "/models", {"manifest": {"version": "v1", "sha256": "0"}, "artifact": "~"}, 400, "expected"),
    ],
)
async def test_bad_requests_say_why(
    registry: Client, method: str, path: str, body: Any, status: int, reason: str
) -> None:
    with pytest.raises(ServiceError, match=reason) as refused:
        await registry.raw(method, path, json.dumps(body).encode())
    assert refused.value.status == status
    assert (await registry.get("/stages"))["production"] is None


async def test_the_same_version_with_another_content_is_a_conflict(registry: Client) -> None:
    await publish(registry, "v1")
    await publish(registry, "v1")
    with pytest.raises(ServiceError) as refused:
        await publish(registry, "v1", b"other")
    assert refused.value.status == 409


# -- the client


async def test_the_client_tells_apart_how_a_call_can_end(session: aiohttp.ClientSession) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        if path == b"/slow":
            await asyncio.sleep(1)
        if path == b"/html":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    client = Client(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=0.1)
    with pytest.raises(ServiceError, match="didn't answer in JSON: '<html>'"):
        await client.get("/html")
    assert await client.raw("GET", "/html") == b"<html>"
    for path in ("/slow", "/hangs-up"):
        with pytest.raises(UNREACHABLE):
            await client.get(path)
    server.close()
    with pytest.raises(UNREACHABLE):
        await client.get("/")
