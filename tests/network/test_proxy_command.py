"""``pipequake proxy``, as far as it differs from the server that it runs."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from harness.commands.proxy import proxy_command
from harness.errors import UsageError


def test_a_port_that_is_taken_is_told_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError) as caught:
        proxy_command("127.0.0.1", taken.getsockname()[1])
    assert "address already in use. Give another port with --port" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[", "is not JSON"),
        ("{}", "expected an array of proxies, got an object"),
        (json.dumps([{"name": "p"}]), "missing required field: upstream at proxy 1"),
        (json.dumps([{"name": "p", "upstream": "h:1", "toxics": [{"type": "x"}]}]), "invalid toxic type 'x'"),
    ],
)
def test_a_configuration_that_cannot_be(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "proxies.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=str(path)) as caught:
        proxy_command("127.0.0.1", 0, config=path)
    assert reason in str(caught.value)


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: no such file or directory"):
        proxy_command("127.0.0.1", 0, config=tmp_path / "none.json")
