"""What the session was asked for: pytest's options, with the project's configuration behind them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.scenario.suggest import suggestion
from harness.settings import MAX_JOBS, MAX_SEED, find_settings
from harness.targets.base import Target

__all__ = ["ChaosOptions"]


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """Checked options. ``seeds`` is empty where each scenario's own counts; ``folders`` hold scenarios."""

    profiles: tuple[str, ...]
    seeds: tuple[int, ...]
    backend: str
    results: Path
    jobs: int
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, config: pytest.Config, target: Target) -> ChaosOptions:
        """The options of a session. Raises `pytest.UsageError`, which pytest shows without a traceback."""
        root = config.rootpath
        try:
            settings = find_settings(root)
            profiles = tuple(config.getoption("chaos_profile") or settings.profile or ("mature",))
            given = config.getoption("chaos_seed") or ([] if settings.seed is None else [settings.seed])
            results = config.getoption("chaos_results")
            return cls(
                profiles=tuple(dict.fromkeys(_known(one, "profile", target.profiles) for one in profiles)),
                seeds=tuple(dict.fromkeys(_number(one, "--chaos-seed", 0, MAX_SEED) for one in given)),
                backend=_known(
                    config.getoption("chaos_backend") or settings.backend or "sim", "backend", target.backends
                ),
                results=(Path(results) if results else root / (settings.results or "results")).absolute(),
                jobs=_jobs(config, settings.jobs),
                folders=tuple((root / path).absolute() for path in settings.scenarios or (Path("scenarios"),)),
            )
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None


def _jobs(config: pytest.Config, configured: int | None) -> int:
    asked = config.getoption("chaos_jobs")
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    return _number(asked or configured or workers or 1, "--chaos-jobs", 1, MAX_JOBS)


def _known(name: str, what: str, known: Sequence[str]) -> str:
    if name not in known:
        raise UsageError(f"unknown {what} {name!r}. {suggestion(name, known)}")
    return name


def _number(given: object, option: str, low: int, high: int) -> int:
    try:
        number = int(str(given))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"{option}: expected a whole number from {low} to {high}, got {str(given)[:40]!r}.")
    return number
