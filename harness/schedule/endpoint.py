"""Health and metrics of a scheduler, on this machine only."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.errors import UsageError

__all__ = ["Endpoint", "exposition"]

Sample = tuple[str, Mapping[str, str], float]


def exposition(samples: list[Sample], helps: Mapping[str, tuple[str, str]]) -> str:
    """Prometheus's text format. ``helps`` has type and meaning of each name.

    >>> print(exposition([("up", {"job": 'a"b'}, 1.0)], {"up": ("gauge", "Whether it is.")}), end="")
    # HELP up Whether it is.
    # TYPE up gauge
    up{job="a\\"b"} 1
    """
    lines = []
    for name, (kind, meaning) in helps.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        for sample, labels, value in samples:
            if sample == name:
                shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
                lines.append(f"{name}{f'{{{shown}}}' if shown else ''} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: Any) -> None:
        """A client that goes away is no news."""


class Endpoint:
    """Serves ``/health`` and ``/metrics`` until `close`. Only GET, and only under the name of this machine."""

    def __init__(
        self, address: tuple[str, int], health: Callable[[], dict[str, Any]], metrics: Callable[[], str]
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                if self.headers.get_all("Host", []) not in [[name] for name in endpoint.names]:
                    self._answer(421, "text/plain", "this host is not served here\n")
                elif self.path == "/health":
                    told = health()
                    self._answer(200 if told["ok"] else 503, "application/json", json.dumps(told) + "\n")
                elif self.path == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics())
                else:
                    self._answer(404, "text/plain", "there are /health and /metrics\n")

            def _answer(self, status: int, kind: str, text: str) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                return

        endpoint = self
        try:
            self._server = _Server(address, Handler)
        except OSError as error:
            raise UsageError(
                f"{address[0]}:{address[1]} cannot be listened on ({error.strerror}). End what does, or choose another "
                "port for `endpoint`."
            ) from error
        self.port = int(self._server.server_address[1])
        self.names = [f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serves no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
