"""What the findings mean: for each backend, and for each fault in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.registry import registry
from harness.doctor.checks import Finding

__all__ = ["Report", "report"]

#: What each backend can't do without.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "sim": (),
    "local": ("processes", "httpx", "store-server"),
    "compose": ("docker-sdk", "docker-engine", "compose", "checkout", "images"),
}
#: What single faults need besides, outside of the simulator.
FAULTS_NEED: Mapping[str, tuple[str, ...]] = {
    "clock.skew": ("libfaketime",),
    "process.disk_full": ("mounts",),
    "process.read_only_disk": ("mounts",),
}


@dataclass(frozen=True, slots=True)
class Report:
    """The findings, whether each backend can run, and why each fault can't: {backend: {fault: reason}}."""

    findings: Sequence[Finding]
    backends: Mapping[str, Sequence[str]]
    faults: Mapping[str, Mapping[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``missing`` is empty for a backend that can run, and a fault without a reason can be done."""
        return {
            "checks": [finding.to_json() for finding in self.findings],
            "backends": {
                name: {"ok": not missing, "missing": list(missing)} for name, missing in self.backends.items()
            },
            "faults": {
                name: {backend: reasons.get(name) for backend, reasons in self.faults.items()}
                for name in registry.names()
            },
        }


def report(findings: Sequence[Finding]) -> Report:
    """What can be done with what was found.

    >>> told = report([Finding("docker-engine", False, "none answers")])
    >>> told.backends["sim"], told.faults["sim"]["network.disconnect"]
    ((), 'not in this backend')
    """
    lacking = {finding.name for finding in findings if not finding.ok}
    backends = {backend: tuple(need for need in needs if need in lacking) for backend, needs in NEEDS.items()}
    faults: dict[str, dict[str, str]] = {backend: {} for backend in NEEDS}
    for name in registry.names():
        for backend in NEEDS:
            needs = () if backend == "sim" else FAULTS_NEED.get(name, ())
            missing = (*backends[backend], *(need for need in needs if need in lacking))
            if backend not in registry.get(name).backends:
                faults[backend][name] = "not in this backend"
            elif missing:
                faults[backend][name] = f"needs {', '.join(missing)}"
    return Report(findings, backends, faults)
