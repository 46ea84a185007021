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
from harness.targets.base import SIMULATOR, Target

__all__ = ["ChaosOptions"]


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """Checked options. ``seeds`` is empty where each scenario's own counts; ``folders`` hold scenarios."""

    profiles: tuple[str, ...]
    seeds: tuple[int, ...]
    backend: str
    results: Path
    jobs: int | None
    time_scale: float | None
    folders: tuple[Path, ...]
    reports: tuple[str, ...]

    @classmethod
    def of(cls, config: pytest.Config, target: Target) -> ChaosOptions:
        """The options of a session. Raises `pytest.UsageError`, which pytest shows without a traceback."""
        # Without a configuration of its own, pytest's root is whatever the paths on the command line have in common.
        root = config.rootpath if config.inipath is not None else config.invocation_params.dir
        try:
            settings = find_settings(root)
            profiles = tuple(config.getoption("chaos_profile") or settings.profile or ("mature",))
            given = config.getoption("chaos_seed") or ([] if settings.seed is None else [settings.seed])
            results = config.getoption("chaos_results")
            backend = _known(
                config.getoption("chaos_backend") or settings.backend or SIMULATOR, "backend", target.backends
            )
            target.preflight(backend)
            return cls(
                profiles=tuple(dict.fromkeys(_known(one, "profile", target.profiles) for one in profiles)),
                seeds=tuple(dict.fromkeys(_number(one, "--chaos-seed", 0, MAX_SEED) for one in given)),
                backend=backend,
                results=(Path(results) if results else root / (settings.results or "results")).absolute(),
                jobs=_jobs(config, settings.jobs),
                time_scale=_time_scale(config, backend),
                folders=tuple((root / path).absolute() for path in settings.scenarios or (Path("scenarios"),)),
                reports=settings.reports,
            )
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None


def _jobs(config: pytest.Config, configured: int | None) -> int | None:
    asked = config.getoption("chaos_jobs")
    number = asked or configured or os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    return None if number is None else _number(number, "--chaos-jobs", 1, MAX_JOBS)


def _time_scale(config: pytest.Config, backend: str) -> float | None:
    given = config.getoption("chaos_time_scale")
    try:
        scale = None if given is None else float(given)
    except ValueError:
        scale = 0.0
    if scale is not None and not 1 <= scale <= 3600:
        raise UsageError(f"--chaos-time-scale: expected a number from 1 to 3600, got {given!r:.40}.")
    if scale is not None and backend == SIMULATOR:
        raise UsageError("the simulator's time has no scale. Leave out --chaos-time-scale, or give --chaos-backend.")
    return scale


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
