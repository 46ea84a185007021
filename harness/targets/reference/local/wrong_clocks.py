"""Wrong clocks for real processes: libfaketime, preloaded, tells them another time of day than the kernel does.

It reads by how much from a file, whenever the clock is read. The monotonic clock is left alone, as a wrong time of day
leaves it. A process has the wrong time if the kernel says that it has loaded the library.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaos.errors import InjectionError
from harness.errors import TargetError

__all__ = ["LIBRARIES", "WrongClocks", "library"]

#: Where distributions put it.
LIBRARIES = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib*/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/*.so.1",
)


def library() -> Path | None:
    """The library, if it is here."""
    return next((path for pattern in LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))), None)


@dataclass(slots=True)
class WrongClocks:
    """The clocks of some services of one deployment, in files in a folder. They are right at first.

    Seconds of faults are the replay's, of which ``time_scale`` pass in one of the machine's.
    """

    folder: Path
    services: Collection[str]
    time_scale: float
    _skews: dict[str, dict[str, float]] = field(default_factory=dict)

    def environment(self, service: str) -> Mapping[str, str]:
        """What a service's process needs in its environment. Raises `TargetError` where the library is missing."""
        if service not in self.services:
            return {}
        found = library()
        if found is None:
            raise TargetError("clocks are made wrong by libfaketime, and it is not here: apt-get install libfaketime")
        self._write(service)
        return {
            "LD_PRELOAD": ":".join([str(found), *filter(None, [os.environ.get("LD_PRELOAD")])]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(service)),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def skew(self, service: str, skew_id: str, by_s: float) -> None:
        """From now on the clock is so much further ahead. Raises `InjectionError` for one that was not prepared."""
        if service not in self.services:
            raise InjectionError(f"the clock of {service} was not prepared for a fault")
        self._skews.setdefault(service, {})[skew_id] = by_s
        self._write(service)

    def unskew(self, service: str, skew_id: str) -> None:
        """And no more."""
        if self._skews.get(service, {}).pop(skew_id, None) is not None:
            self._write(service)

    @staticmethod
    def believed_by(pid: int) -> bool:
        """Whether a process has loaded the library."""
        try:
            return "libfaketime" in Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            return False  # it has ended

    def _ahead_s(self, service: str) -> float:
        return sum(self._skews.get(service, {}).values()) / self.time_scale

    def _write(self, service: str) -> None:
        file = self._file(service)
        file.parent.mkdir(exist_ok=True)
        draft = file.with_suffix(".tmp")
        draft.write_text(f"{self._ahead_s(service):+.3f}\n")
        draft.replace(file)

    def _file(self, service: str) -> Path:
        return self.folder / service
