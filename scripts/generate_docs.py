"""Writes docs/faults.md: the reference of every fault, from its own declaration, and the scenarios that use it.

    python scripts/generate_docs.py [--check]

``--check`` writes nothing and fails if the page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from chaos.catalogue import markdown
from chaos.registry import registry
from harness.scenario import load_scenario

PAGE = ROOT / "docs" / "faults.md"


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


def main() -> None:
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit("docs/faults.md is out of date; run scripts/generate_docs.py")
        return
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
