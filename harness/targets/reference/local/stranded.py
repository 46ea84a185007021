"""A local deployment whose harness died: takes faults back where something still lives, and ends everything."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.network.client import ProxyClient, ProxyError
from chaos.points import Point, PointKind
from harness.safety.identity import ProcessIdentity
from harness.targets.reference.local.gateway_client import GatewayClient
from harness.targets.reference.local.overlays import remove_everywhere
from harness.targets.reference.local.with_wrong_clock import forget_names
from harness.temporary import is_temporary

__all__ = ["StrandedLocal"]


class StrandedLocal:
    """`harness.targets.base.Stranded`, and its own driver; an async context manager.

    A process that is gone has taken with it what was done to it; and what the harness itself held up (a stub in a
    service's place, old values in the store) ended with the harness.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._told = description
        self._living = {
            str(process["name"]): ProcessIdentity.from_json(process) for process in description.get("processes", [])
        }
        self._upstreams: Mapping[str, str] = description.get("upstreams", {})
        self._gateway = GatewayClient(str(description.get("gateway", "")))

    async def __aenter__(self) -> StrandedLocal:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self._gateway.close()

    @property
    def driver(self) -> StrandedLocal:
        """Carries out undo actions."""
        return self

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        """Nothing: no fault is planned any more."""
        raise InjectionError(f"{point}: the harness that could observe it is gone")

    async def evidence(self, fault_id: str) -> Evidence | None:
        """None: whoever counted is gone."""
        return None

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        """One undo verb, as far as what it acts on still lives."""
        handler: Callable[[Point, Mapping[str, Any]], Any] | None = getattr(self, f"_{action.verb}", None)
        if handler is None:
            raise InjectionError(f"{point}: {action.verb!r} undoes nothing")
        await handler(point, action.args)

    async def _uninstall(self, point: Point, args: Mapping[str, Any]) -> None:
        if self._lives("gateway"):
            await self._gateway.uninstall(args["rule_id"])

    async def _remove_toxic(self, point: Point, args: Mapping[str, Any]) -> None:
        await self._at_links(point, lambda proxy, link: proxy.remove_toxic(link, args["name"]))

    async def _unanswer(self, point: Point, args: Mapping[str, Any]) -> None:
        await self._at_links(point, lambda proxy, link: proxy.update(link, upstream=self._upstreams[link]))

    async def _at_links(self, point: Point, act: Callable[[ProxyClient, str], Any]) -> None:
        if not self._lives("proxy"):
            return
        client, server = point.ends if point.kind == PointKind.LINK else ("*", point.name)
        links = [link for link in self._upstreams if _joins(link, client, server)]
        try:
            with ProxyClient(str(self._told["proxy"])) as proxy:
                for link in links:
                    await asyncio.to_thread(act, proxy, link)
        except ProxyError as error:
            raise InjectionError(str(error)) from error

    async def _start(self, point: Point, args: Mapping[str, Any]) -> None:
        """The deployment is about to be torn down: a service that died stays dead."""

    async def _resume(self, point: Point, args: Mapping[str, Any]) -> None:
        process = self._living.get(point.name)
        if process is not None and process.alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)

    async def _release(self, point: Point, args: Mapping[str, Any]) -> None:
        """Nobody holds the keys any more."""

    async def _unskew(self, point: Point, args: Mapping[str, Any]) -> None:
        """The time was another one for the processes alone, which are about to end."""

    async def _free_disk(self, point: Point, args: Mapping[str, Any]) -> None:
        """The volume was mounted in a namespace that ends with the processes in it."""

    async def _unprotect_disk(self, point: Point, args: Mapping[str, Any]) -> None:
        """The volume was mounted in a namespace that ends with the processes in it."""

    async def _restore(self, point: Point, args: Mapping[str, Any]) -> None:
        """The volume with the models is about to be removed."""

    async def _unload(self, point: Point, args: Mapping[str, Any]) -> None:
        """Who made the requests ended with the harness."""

    async def _unalter(self, point: Point, args: Mapping[str, Any]) -> None:
        """Who changed the requests ended with the harness."""

    async def _remove_overlay(self, point: Point, args: Mapping[str, Any]) -> None:
        if self._volumes is not None:
            remove_everywhere(self._volumes / "overlays", args["overlay_id"])

    def _lives(self, name: str) -> bool:
        process = self._living.get(name)
        return process is not None and process.alive()

    @property
    def _volumes(self) -> Path | None:
        told = self._told.get("volumes")
        return Path(told) if isinstance(told, str) else None

    async def tear_down(self) -> list[str]:
        """Kills every process that is still the one it was, and removes the volumes; what is left, in words."""
        left = []
        for name, process in self._living.items():
            if not await asyncio.to_thread(process.end):
                left.append(f"process {process.pid} ({name})")
            forget_names(process.pid)
        volumes = self._volumes
        if volumes is not None and volumes.exists():
            if is_temporary(volumes):
                shutil.rmtree(volumes, ignore_errors=True)
            if volumes.exists():
                left.append(f"the folder {volumes}")
        return left


def _joins(link: str, client: str, server: str) -> bool:
    source, _, sink = link.partition("->")
    return client in ("*", source) and server in ("*", sink)
