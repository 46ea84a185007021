"""Parquet data sets stream through: the same rows as in memory, constant memory, all or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from frame_kinds import mixed_table

import chaos
from chaos.errors import InvalidFault, PayloadError
from chaos.registry import registry

ROWS = 2500
TABLE = mixed_table(ROWS)
FAULTS = [
    registry.create("data.null_spike", {"column": "i64", "rate": 0.1}),
    registry.create("data.typos", {"column": "text", "rate": 0.2, "where": {"column": "seg", "among": ["EWR"]}}),
    registry.create("data.delete_rows", {"rate": 0.1, "burst": 10}),
    registry.create("data.wrong_category", {"column": "cat", "categories": ["c0", "c1", "new"], "rate": 0.2}),
    registry.create("data.duplicate_rows", {"rate": 0.05}),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.parquet"
    codecs = dict.fromkeys(TABLE.column_names, "ZSTD") | {"f64": "NONE"}
    pq.write_table(TABLE.replace_schema_metadata({"owner": "us"}), path, row_group_size=300, compression=codecs)
    return path


def test_the_same_rows_as_in_memory(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    done = chaos.inject_parquet(source, tmp_path / "out.parquet", *FAULTS, seed=4, progress=lambda *at: seen.append(at))
    whole = chaos.corrupt(pq.read_table(source), *FAULTS, seed=4)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == whole.frame.to_pylist()
    assert (done.rows, done.selected, done.changed) == (ROWS, whole.ledger.selected, whole.ledger.changed)
    assert done.requested == pytest.approx(whole.ledger.requested)
    assert seen == [(min(at + 300, ROWS), ROWS) for at in range(0, ROWS, 300)]


def test_layout_compression_types_and_metadata_stay(source: Path, tmp_path: Path) -> None:
    chaos.inject_parquet(source, tmp_path / "out.parquet", FAULTS[0], FAULTS[3], seed=4)
    old, new = pq.ParquetFile(source), pq.ParquetFile(tmp_path / "out.parquet")
    assert new.schema_arrow.equals(old.schema_arrow, check_metadata=True)
    for group in range(old.num_row_groups):
        was, now = old.metadata.row_group(group), new.metadata.row_group(group)
        assert now.num_rows == was.num_rows
        for i in range(was.num_columns):
            assert now.column(i).compression == was.column(i).compression


def test_a_column_that_held_no_null_may_get_its_first_one_late(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("v", pa.int64(), nullable=False)])
    pq.write_table(pa.table({"v": range(1000)}, schema=schema), tmp_path / "in.parquet", row_group_size=100)
    where = {"above": 900}
    chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", "data.null_spike", column="v", rate=1,
                         where=where, seed=1)  # fmt: skip
    out = pq.read_table(tmp_path / "out.parquet")["v"]
    assert (out.type, out.null_count) == (pa.int64(), 99)


def test_a_folder_is_one_data_set(tmp_path: Path) -> None:
    (tmp_path / "in" / "month=1").mkdir(parents=True)
    pq.write_table(TABLE.slice(0, 1000), tmp_path / "in" / "a.parquet")
    pq.write_table(TABLE.slice(1000), tmp_path / "in" / "month=1" / "b.parquet")
    done = chaos.inject_parquet(tmp_path / "in", tmp_path / "out", FAULTS[0], seed=4)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in done.files] == ["a.parquet", "month=1/b.parquet"]
    parts = pa.concat_tables([pq.read_table(path, partitioning=None) for path in done.files])
    assert parts["i64"].to_pylist() == chaos.inject(TABLE, FAULTS[0], seed=4)["i64"].to_pylist()
    with pytest.raises(FileExistsError, match="not empty"):
        chaos.inject_parquet(tmp_path / "in", tmp_path / "out", FAULTS[0], seed=4)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_no_half_file(source: Path, tmp_path: Path, interruption: type[BaseException]) -> None:
    target = tmp_path / "out.parquet"
    target.write_bytes(b"as it was")

    def stop(done: int, _: int) -> None:
        if done > 900:
            raise interruption

    with pytest.raises(interruption):
        chaos.inject_parquet(source, target, FAULTS[0], seed=4, progress=stop)
    assert target.read_bytes() == b"as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


def test_a_killed_process_leaves_no_half_file_and_the_next_run_clears_up(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    script = (
        "import chaos, os, signal, sys\n"
        "die = lambda done, rows: done > 900 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "chaos.inject_parquet(*sys.argv[1:], 'data.null_spike', column='i64', rate=.1, seed=4, progress=die)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(source), str(target)], check=False)
    assert killed.returncode == -9
    assert not target.exists()
    chaos.inject_parquet(source, target, FAULTS[0], seed=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


@pytest.mark.parametrize("folder", [False, True])
def test_what_appears_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool) -> None:
    """The bytes first, then the names in folders, then the rename, and last the name that it gave."""
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(TABLE, source / "a.parquet")
    steps: list[int | str] = []
    sync, rename = os.fsync, Path.replace

    def syncing(at: int) -> None:
        steps.append(os.fstat(at).st_ino)
        sync(at)

    def renaming(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", renaming)
    chaos.inject_parquet(source if folder else source / "a.parquet", tmp_path / "out", FAULTS[0], seed=4)
    out = tmp_path / "out"
    made = {path.stat().st_ino for path in (out, *out.rglob("*"))}
    at = steps.index("rename")
    assert set(steps[:at]) == made
    assert steps[at + 1 :] == [tmp_path.stat().st_ino]


def test_a_file_may_replace_itself(source: Path) -> None:
    expected = chaos.inject(pq.read_table(source), FAULTS[0], seed=4)
    chaos.inject_parquet(source, source, FAULTS[0], seed=4)
    assert pq.read_table(source).to_pylist() == expected.to_pylist()


@pytest.mark.parametrize(
    ("fault", "params", "message"),
    [
        ("data.null_spike", {"column": "i64", "rate": 0.1, "exact": True}, "exact: a file passes in row groups"),
        ("data.shifted_rows", {"column": "i64"}, "takes values from other rows"),
        ("data.null_spike", {"column": "nope", "rate": 0.1}, "no column 'nope'"),
    ],
)
def test_what_needs_all_rows_at_once_is_refused(
    source: Path, tmp_path: Path, fault: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidFault, match=message):
        chaos.inject_parquet(source, tmp_path / "out.parquet", fault, seed=1, **params)
    assert not (tmp_path / "out.parquet").exists()


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no parquet at all")
    with pytest.raises(PayloadError, match=r"text\.parquet' is no Parquet file"):
        chaos.inject_parquet(tmp_path / "text.parquet", tmp_path / "out", FAULTS[0], seed=1)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        chaos.inject_parquet(tmp_path / "nothing", tmp_path / "out", FAULTS[0], seed=1)


def test_an_empty_file_stays_one(tmp_path: Path) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "in.parquet")
    chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", FAULTS[0], seed=1)
    assert pq.read_table(tmp_path / "out.parquet").schema.names == TABLE.schema.names


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Eight times the row groups take the memory of a few."""
    script = (
        "import chaos, sys, resource\n"
        "chaos.inject_parquet(*sys.argv[1:], 'data.null_spike', column='v', rate=.1, seed=4)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for groups in (4, 32):
        path = tmp_path / f"{groups}.parquet"
        with pq.ParquetWriter(path, pa.schema([("v", pa.float64())]), compression="none") as writer:
            for group in range(groups):
                rng = np.random.Generator(np.random.Philox(key=group))
                writer.write_table(pa.table({"v": rng.normal(size=250_000)}))
        run = [sys.executable, "-c", script, str(path), str(tmp_path / "out.parquet")]
        peaks.append(int(subprocess.run(run, capture_output=True, text=True, check=True).stdout) / 1024)
    assert peaks[1] - peaks[0] < 28  # MB; the larger file has 56 MB more
