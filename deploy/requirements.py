"""Prints what the package of a ``pyproject.toml`` depends on, for pip."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

print("\n".join(tomllib.loads(Path(sys.argv[1]).read_text())["project"]["dependencies"]))
