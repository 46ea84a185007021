"""Writes docs/faults.md (the reference of every fault, and the scenarios that use it) and docs/coverage.md.

    python scripts/generate_docs.py [--check]

``--check`` writes nothing and fails if a page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import coverage_page

from chaos.catalogue import markdown
from chaos.registry import registry
from harness.scenario import Scenario, load_scenario

DOCS = ROOT / "docs"


def scenarios_by_fault() -> dict[str, list[Path]]:
    """The built-in scenarios that inject each fault."""
    found: dict[str, list[Path]] = {name: [] for name in registry.names()}
    for path in sorted((ROOT / "scenarios").rglob("*.yaml")):
        for name in dict.fromkeys(spec.fault for spec in load_scenario(path).faults):
            found[name].append(path)
    return found


def page() -> str:
    """The whole page."""
    lines = [markdown().rstrip("\n"), "", "## Scenarios by fault", "", "| fault | scenarios |", "|---|---|"]
    for name, paths in scenarios_by_fault().items():
        links = ", ".join(f"[{path.stem}](../{path.relative_to(ROOT).as_posix()})" for path in paths)
        lines.append(f"| `{name}` | {links} |")
    return "\n".join(lines) + "\n"


def library() -> list[tuple[Path, Scenario]]:
    """Every built-in scenario, with its file's path from the top."""
    files = sorted((ROOT / "scenarios").rglob("*.yaml"))
    return [(path.relative_to(ROOT), load_scenario(path)) for path in files]


def main() -> None:
    for name, text in (("faults.md", page()), ("coverage.md", coverage_page.page(library()))):
        file = DOCS / name
        if "--check" not in sys.argv[1:]:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/{name} is out of date; run scripts/generate_docs.py")


if __name__ == "__main__":
    main()
