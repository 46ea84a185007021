"""What `docker-compose.yml` promises, read from the file itself: it needs no engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.targets.reference.compose.wiring import ENTRIES, LINK_PORTS, SERVERS, files
from harness.targets.reference.layout import LINKS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_host_of_the_pipeline_has_a_container() -> None:
    around = {"gateway", "store", "replica", "toxiproxy", "outpost", "prometheus", "alertmanager"}
    assert set(CONTAINERS) == {*SERVERS, *around}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_confined(name: str) -> None:
    container = CONTAINERS[name]
    assert not str(container["user"]).startswith(("0", "root"))
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["mem_limit"]
    assert container["cpu_quota"] > 0
    assert container["healthcheck"]["test"][0] == "CMD"
    assert re.search(r":v?\d+\.\d+", container["image"]), "the image is not pinned"


def test_only_toxiproxy_has_a_way_out_and_only_to_loopback() -> None:
    assert COMPOSE["networks"]["pipeline"]["internal"] is True
    assert [name for name, container in CONTAINERS.items() if "outside" in container["networks"]] == ["toxiproxy"]
    published = {name: container["ports"] for name, container in CONTAINERS.items() if "ports" in container}
    assert list(published) == ["toxiproxy"]
    assert all(port.startswith("127.0.0.1:") for port in published["toxiproxy"])
    inside = {int(port.rpartition(":")[2]) for port in published["toxiproxy"]}
    assert inside == {
        8474,
        LINK_PORTS["users->serving"],
        LINK_PORTS["users->dispatch"],
        *(port for port, _ in ENTRIES.values()),
    }


def test_the_volume_that_the_image_fills_is_filled_by_one_container_before_the_others_are_made() -> None:
    """An engine that fills it for two at once fails now and then: "mkdir ...: file exists"."""
    mounts = {
        name: [mount for mount in container.get("volumes", ()) if mount.startswith("cache:")]
        for name, container in CONTAINERS.items()
    }
    assert [name for name, found in mounts.items() if any(not m.endswith(":nocopy") for m in found)] == ["registry"]
    for name in mounts:
        if mounts[name] and name != "registry":
            assert "registry" in CONTAINERS[name]["depends_on"], name


def test_every_link_has_a_port_of_its_own() -> None:
    ports = [*LINK_PORTS.values(), *(port for port, _ in ENTRIES.values())]
    assert set(LINK_PORTS) == set(LINKS)
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("name", files())
def test_the_files_of_a_deployment_by_hand_are_up_to_date(name: str) -> None:
    fix = "run python -m harness.targets.reference.compose.wiring"
    assert (ROOT / "deploy" / "compose" / name).read_text() == files()[name], fix


def test_the_base_image_is_an_argument() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("ARG BASE_IMAGE=python:3.11") == 1
    assert re.findall(r"^FROM (\S+)", text, flags=re.M) == ["${BASE_IMAGE}", "${BASE_IMAGE}"]
