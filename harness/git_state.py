"""What is checked out where a run is started: so that a run can be told from another by its code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["git_state"]

#: Where continuous integration, which checks out a commit without its branch, says what the branch is.
_BRANCH_IN_CI = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BUILDKITE_BRANCH", "CIRCLE_BRANCH")
_TIMEOUT_S = 5.0


def git_state(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """``commit``, ``branch`` (None if unknown) and ``dirty`` (tracked files have changes); None outside of a
    repository, before its first commit, or without git."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    named = next((environment[name] for name in _BRANCH_IN_CI if environment.get(name)), None)
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "branch": branch or named, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None if it fails. It changes nothing, not even the times that it keeps of files."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
