"""What a client learns of the bytes that went through a proxy: all from the embedded one, little from Toxiproxy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaos.network.evidence import Touched

_SAMPLE = re.compile(r"toxiproxy_proxy_(?P<verb>received|sent)_bytes_total\{(?P<labels>.*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True, slots=True)
class StreamBytes:
    """Bytes of one direction since the proxy was created: taken from the sender, and handed to the receiver."""

    received: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class ProxyEvidence:
    """What went through one proxy, and what its toxics did to it.

    ``exact``: the embedded proxy counts at once, and knows connections and what each toxic touched. A real Toxiproxy
    knows neither (``connections`` and ``toxics`` are empty), and counts the bytes of a connection when it ends.
    """

    upstream: StreamBytes
    downstream: StreamBytes
    exact: bool
    connections: int = 0  #: accepted
    unreachable: int = 0  #: connections that found no upstream
    toxics: Mapping[str, Touched] | None = None  #: also those that were removed

    @property
    def received(self) -> int:
        """Bytes of both directions."""
        return self.upstream.received + self.downstream.received

    def touched(self, toxic: str) -> Touched:
        """What a toxic acted on; nothing if it is not known."""
        return (self.toxics or {}).get(toxic, Touched())

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ProxyEvidence:
        """Reads the embedded proxy's ``GET /proxies/<name>/evidence``."""
        return cls(
            upstream=StreamBytes(**raw["bytes"]["upstream"]),
            downstream=StreamBytes(**raw["bytes"]["downstream"]),
            exact=True,
            connections=raw["connections"]["accepted"],
            unreachable=raw["connections"]["unreachable"],
            toxics={name: Touched(**counts) for name, counts in raw["toxics"].items()},
        )

    @classmethod
    def from_metrics(cls, text: str, proxy: str) -> ProxyEvidence:
        """Reads ``GET /metrics`` of a Toxiproxy; a proxy without a sample has had no connection yet.

        >>> line = 'toxiproxy_proxy_sent_bytes_total{direction="upstream",listener=":1",proxy="p",upstream="h:2"} 12'
        >>> ProxyEvidence.from_metrics(line, "p").upstream
        StreamBytes(received=0, sent=12)
        """
        counts = {(stream, verb): 0 for stream in ("upstream", "downstream") for verb in ("received", "sent")}
        for sample in _SAMPLE.finditer(text):
            labels = {key: re.sub(r"\\.", _unescape, value) for key, value in _LABEL.findall(sample["labels"])}
            key = (labels.get("direction", ""), sample["verb"])
            if labels.get("proxy") == proxy and key in counts:
                counts[key] += int(float(sample["value"]))
        up, down = (
            StreamBytes(counts[stream, "received"], counts[stream, "sent"]) for stream in ("upstream", "downstream")
        )
        return cls(up, down, exact=False)


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], match[0])
