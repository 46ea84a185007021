"""What a deployment begins with: examples of the year, and a first model trained from the weeks before the start."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reference_pipeline.data import Prepared
from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.features import definitions, offline, windows
from reference_pipeline.features.windows import FeatureEngine
from reference_pipeline.registry.signing import sign
from reference_pipeline.sources.feeds import FEEDS
from reference_pipeline.training import candidate, gate, model
from reference_pipeline.training import examples as examples_module
from reference_pipeline.training.examples import RAW, build_examples

_HOUR = 3600
_GROUP = 4096


def prepare_examples(prepared: Prepared, *, making: Callable[[], object] = lambda: None) -> TimeTable:
    """Examples of every flight of the year, sorted by when their label became known; built if the cache lacks them.

    ``making`` is called before that.
    """
    digest = hashlib.blake2b(prepared.version.encode(), digest_size=6)
    for module in (definitions, offline, windows, examples_module):
        digest.update(Path(str(module.__file__)).read_bytes())
    path = prepared.directory / f"examples-{digest.hexdigest()}.parquet"
    if not path.exists():
        making()
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        pq.write_table(_build(prepared), draft, row_group_size=_GROUP, compression="zstd")
        draft.replace(path)
    return TimeTable(path, "known_at")


def first_model(
    examples: TimeTable, trained_at: float, *, view_dropout: float, key: bytes
) -> tuple[dict[str, Any], bytes]:
    """Signed manifest and artifact of the model that is in production when a deployment starts; cached."""
    library = importlib.import_module("lightgbm")
    digest = hashlib.blake2b(f"{examples.path.name} {trained_at} {view_dropout} {library.__version__}".encode())
    for module in (candidate, gate, model):
        digest.update(Path(str(module.__file__)).read_bytes())
    path = examples.path.with_name(f"first-model-{digest.hexdigest()[:12]}.json")
    if path.exists():
        content = json.loads(path.read_text())
        record, artifact = content["record"], content["artifact"].encode()
    else:
        past = examples.slice(trained_at - candidate.WINDOW_DAYS * 86400, trained_at)
        trained, record = candidate.train_candidate(
            library, past, None, trained_at=trained_at, view_dropout=view_dropout
        )
        artifact = model.dump(trained)
        write_atomically(path, json.dumps({"record": record, "artifact": artifact.decode()}, sort_keys=True))
    return sign(record, artifact, key), artifact


def write_atomically(path: Path, text: str) -> None:
    """Writes a cache file that another process may be writing too."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(draft).replace(path)


def _build(prepared: Prepared) -> pa.Table:
    first, last = prepared.span
    flights = prepared.flights(first, last + 1)
    columns = {name: flights[name] for name in (*RAW, "known_at")}
    table = pa.table({**columns, "late": flights["late"].cast(pa.int64())})
    return build_examples(table, _replayed_log(prepared)).sort_by(
        [("known_at", "ascending"), ("flight_id", "ascending")]
    )


def _replayed_log(prepared: Prepared) -> pa.Table:
    """The offline store's log as it would be after a year without a fault, each batch on its nominal time."""
    engine = FeatureEngine()
    written = (
        (engine.update(feed, table.to_pydict(), through), at, through)
        for at, through, feed, table in _batches(prepared)
    )
    return offline.log_rows(written)


def _batches(prepared: Prepared) -> Iterator[tuple[float, float, str, pa.Table]]:
    """Every batch of the year in the order of publication: (published at, end of its window, feed, rows)."""
    first, last = prepared.span
    start = first // 86400 * 86400 - 86400
    yield float(start), float(start), "planes", prepared.planes
    flights, weather = FEEDS["flights"], FEEDS["weather"]
    for hour in range(start, last + 2 * 86400, _HOUR):
        observed = prepared.weather(hour - _HOUR + 1, hour + 1)
        if observed.num_rows:
            yield hour + weather.lag_s, hour, "weather", observed
        for window in range(hour, hour + _HOUR, int(flights.period_s)):
            events = prepared.events(window, window + flights.period_s)
            if events.num_rows:
                end = window + flights.period_s
                yield end + flights.lag_s, end, "flights", events
