"""``pipequake doctor``."""

from __future__ import annotations

import json

import click

from chaos.registry import registry
from harness.doctor import Report, examine, report
from harness.verdict import ExitCode

__all__ = ["doctor_command"]


def doctor_command(backend: str | None, *, as_json: bool) -> int:
    """Tells what this host can do; the exit code says whether the backend that was asked for can run."""
    told = report(examine())
    click.echo(json.dumps(told.to_json(), indent=2) if as_json else text(told))
    missing = told.backends.get(backend, ()) if backend is not None else ()
    return int(ExitCode.USAGE if missing else ExitCode.PASSED)


def text(told: Report) -> str:
    """The report as a table."""
    width = max(len(finding.name) for finding in told.findings)
    lines = []
    for finding in told.findings:
        lines.append(f"{'yes' if finding.ok else 'no ':3}  {finding.name:{width}}  {finding.seen}")
        if not finding.ok and finding.fix:
            lines.append(f"     {'':{width}}  fix: {finding.fix}")
    lines.append("")
    total = len(registry.names())
    for backend, missing in told.backends.items():
        unable = told.faults[backend]
        able = total - len(unable)
        if missing:
            lines.append(f"backend {backend:8} cannot run: needs {', '.join(missing)}")
            continue
        lines.append(f"backend {backend:8} runs {able} of {total} faults")
        for name, reason in unable.items():
            lines.append(f"                 not {name}: {reason}")
    return "\n".join(lines)
