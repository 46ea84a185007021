"""One deployment in containers: made, started in order, described so that anybody can find it again, and torn down."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

from harness.errors import TargetError
from harness.safety.identity import ProcessIdentity
from harness.targets.reference.compose import compose_file
from harness.targets.reference.compose.engine import (
    PROJECT_LABEL,
    SERVICE_LABEL,
    connect,
    engine_errors,
    last_lines,
)
from harness.targets.reference.compose.wiring import ENTRIES, LINK_PORTS, PROXY_HOST, SERVERS
from harness.targets.reference.layout import SERVICES
from harness.targets.reference.settling import AGAIN_S, has_failed, has_settled

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["OWNER_LABEL", "Description", "Stack", "check_images", "clean_up", "remove_project"]

OWNER_LABEL = "pipequake.owner"
#: Variables of docker-compose.yml that choose published ports: empty means that the engine chooses free ones.
_PORT_VARIABLES = (
    "TOXIPROXY",
    "SERVING",
    "STORE",
    "GATEWAY",
    "OUTPOST",
    "PROMETHEUS",
    "ALERTMANAGER",
    "DISPATCH",
    "REPLICA",
)
_TOXIPROXY_PORT = 8474
_READY_S = 240.0
_POLL_S = 0.2
#: The harness looks for itself. Each check of the engine's starts a process in a container: dozens would be a load.
_HEALTH_INTERVAL = "10m"
_LOG_LINES = 2000
#: What the engine answers while something is in use, or somebody else is removing it, and how long that may take.
_IN_USE = (403, 409)
_REMOVED_WITHIN_S = 30.0
#: These ask others for something as soon as they start, and must find them there; Prometheus, the last one, would tell
#: of services that are still starting.
_LATER = ("ingestion", "serving", "monitoring", "prometheus")


@dataclass(frozen=True, slots=True)
class Description:
    """Where a deployment is: JSON that outlives the process which made it. URLs are known once it runs."""

    project: str
    owner: str
    config: str
    containers: Mapping[str, str]
    urls: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return {
            "backend": "compose",
            "project": self.project,
            "owner": self.owner,
            "config": self.config,
            "containers": dict(self.containers),
            "urls": dict(self.urls),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Description:
        """Raises ``KeyError`` for what is no description of a compose deployment."""
        return cls(raw["project"], raw["owner"], raw["config"], raw["containers"], raw["urls"])


def owner() -> str:
    """This process, told from any other one that had or will have its number, here or on another machine."""
    own = ProcessIdentity.own()
    return f"{socket.gethostname()}:{own.pid}:{own.ticks}"


def _is_dead(label: str) -> bool:
    """Whether the process that a label names is known to have ended. Those of other machines can't be judged.

    >>> _is_dead(owner()), _is_dead("by-hand"), _is_dead("elsewhere:1:1"), _is_dead(f"{socket.gethostname()}:1:1")
    (False, False, False, True)
    """
    host, _, rest = label.partition(":")
    pid, _, ticks = rest.partition(":")
    if host != socket.gethostname() or not (pid.isdigit() and ticks.isdigit()):
        return False
    return not ProcessIdentity(int(pid), int(ticks)).alive()


class Stack:
    """A compose project. Times are the machine's; methods block."""

    def __init__(self, client: DockerClient, description: Description) -> None:
        self.client = client
        self.description = description
        self._given_up = threading.Event()

    @classmethod
    def create(cls, configs: Mapping[str, Any], describe: Callable[[Description], None] = lambda told: None) -> Stack:
        """Makes a project with a configuration for each service; nothing runs yet.

        ``describe`` is told before there is anything, and again when the containers are known. Raises `TargetError` if
        the project can't be made; then nothing is left of it.
        """
        client = connect()
        check_images(client)
        project = f"pipequake-{uuid4().hex[:10]}"
        folder = Path(tempfile.mkdtemp(prefix=f"{project}-"))
        description = Description(project, owner(), str(folder), {}, {})
        try:
            describe(description)
            _write_configs(folder, configs)
            variables = {f"PIPEQUAKE_{name}_PORT": "" for name in _PORT_VARIABLES} | {
                "PIPEQUAKE_OWNER": description.owner,
                "PIPEQUAKE_CONFIG": str(folder),
                "PIPEQUAKE_HEALTH_INTERVAL": _HEALTH_INTERVAL,
            }
            compose_file.create(project, variables)
            _join_networks(client, project)
            found = {name: str(container.id) for name, container in _containers(client, project).items()}
            description = Description(project, description.owner, str(folder), found, {})
            describe(description)
            return cls(client, description)
        except BaseException:
            cls(client, description).tear_down()
            raise

    @classmethod
    def attach(cls, raw: Mapping[str, Any]) -> Stack:
        """The deployment of a description, whoever made it. Raises `TargetError` if the engine can't be reached."""
        return cls(connect(), Description.from_json(raw))

    @property
    def project(self) -> str:
        """The name that compose knows it by."""
        return self.description.project

    def container(self, service: str) -> Container:
        """A service's container. Raises `TargetError` if it is gone."""
        with engine_errors(f"looking for the container of {service}"):
            return self.client.containers.get(self.description.containers[service])

    def start(self, without: Collection[str] = ()) -> None:
        """Starts the containers, except some, and waits until all services answer.

        Their clocks stand still until `begin`.
        """
        for service in self.description.containers:
            if service not in _LATER and service not in without:
                self._start(service)
        self._find_urls()
        self._await_ready({*SERVICES, "gateway"} - set(_LATER))
        for service in _LATER[:-1]:
            self._start(service)
        self._await_ready({*SERVERS, "gateway"} - set(without))
        self._await_settled()
        self._start("prometheus")

    def give_up(self) -> None:
        """From another thread: a `start` that goes on raises `TargetError` soon."""
        self._given_up.set()

    def begin(self, origin: float) -> None:
        """Starts the clocks at a moment of the machine's wall time (epoch seconds)."""
        folder = Path(self.description.config)
        draft = folder / ".origin"
        draft.write_text(repr(origin))
        draft.replace(folder / "origin")

    def keep_logs(self, path: Path) -> None:
        """Writes down what every container said; what can't be had is left out."""
        with path.open("a", encoding="utf-8") as log:
            for service in sorted(self.description.containers):
                try:
                    with engine_errors(f"reading the log of {service}"):
                        text = last_lines(self.container(service), _LOG_LINES)
                except TargetError:
                    continue
                log.write(f"== {service}\n{text}\n")

    def tear_down(self) -> None:
        """Removes all of it, whatever state it is in. Doing it twice is no error."""
        remove_project(self.client, self.project)
        shutil.rmtree(self.description.config, ignore_errors=True)

    def _go_on(self) -> None:
        if self._given_up.is_set():
            raise TargetError("the deployment was given up while it started")

    def _start(self, service: str) -> None:
        self._go_on()
        with engine_errors(f"{service} can't be started"):
            self.container(service).start()

    def _find_urls(self) -> None:
        with engine_errors("looking for the ports of Toxiproxy"):
            container = self.container("toxiproxy")
            container.reload()
            published = container.attrs["NetworkSettings"]["Ports"]
        ports = {
            "toxiproxy": _TOXIPROXY_PORT,
            "serving": LINK_PORTS["users->serving"],
            "dispatch": LINK_PORTS["users->dispatch"],
            **{name.partition("->")[2]: port for name, (port, _) in ENTRIES.items()},
        }
        urls = {name: f"http://127.0.0.1:{published[f'{port}/tcp'][0]['HostPort']}" for name, port in ports.items()}
        known = self.description
        self.description = Description(known.project, known.owner, known.config, known.containers, urls)

    def _await_ready(self, services: set[str]) -> None:
        """Waits until services answer; a container that ends meanwhile ends the waiting, too."""
        deadline = time.monotonic() + _READY_S
        while True:
            ready = self._ask(f"/ready?of={','.join(sorted(services))}")
            missing = sorted(name for name in services if not ready.get(name))
            if not missing:
                return
            self._go_on()
            self._check_alive()
            if time.monotonic() > deadline:
                tails = "\n".join(f"  {name}:\n{last_lines(self.container(name))}" for name in missing[:3])
                raise TargetError(
                    f"no answer from {', '.join(missing)} within {_READY_S:g} s. Their last lines:\n{tails}"
                )
            time.sleep(_POLL_S)

    def _await_settled(self) -> None:
        """Waits until ingestion has taken what providers had before the start: in the simulator it takes no time."""
        began = again = time.monotonic()
        while time.monotonic() < began + _READY_S:
            feeds = self._ask("/status/ingestion").get("feeds", {})
            if has_settled(feeds):
                return
            self._go_on()
            if has_failed(feeds) and time.monotonic() > again + AGAIN_S:
                with engine_errors("restarting ingestion"):
                    self.container("ingestion").restart(timeout=1)
                again = time.monotonic()
            time.sleep(_POLL_S)
        raise TargetError(
            f"ingestion has not caught up with its providers within {_READY_S:g} s. Its last lines:\n"
            f"{last_lines(self.container('ingestion'))}"
        )

    def _ask(self, path: str) -> dict[str, Any]:
        try:
            with urlopen(self.description.urls["outpost"] + path, timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (URLError, OSError, ValueError):
            return {}  # the outpost, or what it asks, is still starting

    def _check_alive(self) -> None:
        with engine_errors("looking at the containers"):
            for name, container in _containers(self.client, self.project).items():
                if container.status in ("exited", "dead"):
                    code = container.attrs["State"]["ExitCode"]
                    killed = " (out of memory)" if container.attrs["State"].get("OOMKilled") else ""
                    raise TargetError(
                        f"the container of {name} ended at its start, with exit code {code}{killed}. Its last lines:\n"
                        f"{last_lines(container)}\n"
                        f"If its image is older than this checkout: docker compose build, or scripts/offline-images."
                    )


def _write_configs(folder: Path, configs: Mapping[str, Any]) -> None:
    """Readable for the containers' own user, who is nobody here."""
    folder.chmod(0o755)
    for name, config in configs.items():
        (folder / f"{name}.json").write_text(json.dumps({**config, "origin_file": "/etc/pipeline/origin"}))
        (folder / f"{name}.json").chmod(0o644)


def check_images(client: DockerClient) -> None:
    """Raises `TargetError` naming the images that are missing, and the fix."""
    from docker.errors import ImageNotFound

    missing = []
    for image in sorted(set(compose_file.images().values())):
        try:
            with engine_errors(f"looking for the image {image}"):
                try:
                    client.images.get(image)
                except ImageNotFound:
                    missing.append(image)
        except ImageNotFound:
            missing.append(image)
    if missing:
        raise TargetError(
            f"the engine lacks the image{'s' * (len(missing) != 1)} {', '.join(missing)}. "
            "Fix: docker compose build && docker compose pull --ignore-buildable; "
            "on a host that reaches no registry: scripts/offline-images."
        )


def _join_networks(client: DockerClient, project: str) -> None:
    """Toxiproxy is on both networks; docker-compose 1.29 joins the second one only when it starts it itself."""
    with engine_errors("joining Toxiproxy to its networks"):
        toxiproxy = _containers(client, project)[PROXY_HOST]
        for network in client.networks.list(filters={"label": f"{PROJECT_LABEL}={project}"}):
            if network.name not in toxiproxy.attrs["NetworkSettings"]["Networks"]:
                network.connect(toxiproxy, aliases=[PROXY_HOST])


def _containers(client: DockerClient, project: str) -> dict[str, Container]:
    mine = {"label": f"{PROJECT_LABEL}={project}"}
    found: Iterable[Container] = client.containers.list(all=True, ignore_removed=True, filters=mine)
    return {container.labels[SERVICE_LABEL]: container for container in found}


def remove_project(client: DockerClient, project: str) -> None:
    """Removes containers, networks and volumes of a compose project; nothing happens if there are none.

    Someone else may be removing the same: what the engine refuses for that is tried again until it is gone. Raises
    `TargetError` with what the engine says if it isn't after `_REMOVED_WITHIN_S`.
    """
    from docker.errors import APIError, NotFound

    mine = {"label": f"{PROJECT_LABEL}={project}"}
    deadline = time.monotonic() + _REMOVED_WITHIN_S
    with engine_errors(f"removing what is left of {project}"):
        while True:
            refused: APIError | None = None
            for item in _resources(client, mine):
                try:
                    item.remove(**({"force": True, "v": True} if hasattr(item, "exec_run") else {}))
                except NotFound:
                    continue
                except APIError as error:
                    if error.status_code not in _IN_USE or time.monotonic() > deadline:
                        raise
                    refused = error
            if refused is None:
                return
            time.sleep(_POLL_S)


def _resources(client: DockerClient, filters: Mapping[str, str]) -> Iterator[Any]:
    """Containers, then networks, then volumes: in the order in which they can be removed."""
    yield from client.containers.list(all=True, ignore_removed=True, filters=filters)
    yield from client.networks.list(filters=filters)
    yield from client.volumes.list(filters=filters)


def clean_up(client: DockerClient) -> list[str]:
    """Removes the deployments of processes of this machine that have ended; the names of their projects."""
    projects: dict[str, str] = {}
    with engine_errors("looking for what dead runs left"):
        for item in _resources(client, {"label": OWNER_LABEL}):
            labels = item.labels if hasattr(item, "exec_run") else item.attrs.get("Labels") or {}
            projects[labels.get(PROJECT_LABEL, "")] = labels[OWNER_LABEL]
    dead = sorted(project for project, label in projects.items() if project and _is_dead(label))
    for project in dead:
        remove_project(client, project)
        for folder in Path(tempfile.gettempdir()).glob(f"{project}-*"):
            shutil.rmtree(folder, ignore_errors=True)
    return dead
