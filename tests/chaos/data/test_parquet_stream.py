"""Parquet data sets stream through: the same rows as in memory, constant memory, all or nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize(
    ("fault", "params", "nulls"),
    [
        ("data.null_spike", {"rate": 1, "where": {"above": 900}}, 99),
        ("schema.change_nullability", {"rate": 0.001}, 1),
    ],
)
def test_a_column_that_held_no_null_may_get_its_first_one_late(
    tmp_path: Path, fault: str, params: dict[str, Any], nulls: int
) -> None:
    schema = pa.schema([pa.field("v", pa.int64(), nullable=False)])
    pq.write_table(pa.table({"v": range(1000)}, schema=schema), tmp_path / "in.parquet", row_group_size=100)
    chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", fault, column="v", seed=1, **params)
    out = pq.read_table(tmp_path / "out.parquet")["v"]
    assert (out.type, out.null_count) == (pa.int64(), nulls)


def test_a_category_of_pandas_may_get_more_words_late(tmp_path: Path) -> None:
    """Its codes are numbers up to 127, and the words of the first row groups are few."""
    frame = pd.DataFrame({"c": pd.Categorical([f"w{k % 120:03}" for k in range(2000)])})
    frame.to_parquet(tmp_path / "in.parquet", row_group_size=20)
    fault = registry.create("data.broken_keys", {"column": "c", "rate": 0.2})
    chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", fault, seed=1)
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert str(out["c"].dtype) == "category"
    assert out["c"].tolist() == chaos.inject(frame, fault, seed=1)["c"].tolist()


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("schema.rename_column", {"column": "v", "to": "w"}),
        ("schema.add_column", {"to": "w"}),
        ("schema.duplicate_column", {"column": "s"}),
        ("schema.move_field", {"column": "v", "into": "w"}),
    ],
)
def test_columns_that_were_not_there_are_compressed_as_the_others(
    tmp_path: Path, fault: str, params: dict[str, Any]
) -> None:
    table = pa.table({"v": range(9), "s": [{"a": 1, "b": [1]}] * 9, "t": ["a"] * 9})
    codecs = {"v": "ZSTD", "s.a": "ZSTD", "s.b.list.element": "ZSTD", "t": "GZIP"}
    pq.write_table(table, tmp_path / "in.parquet", compression=codecs)
    chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", fault, seed=1, **params)
    group = pq.read_metadata(tmp_path / "out.parquet").row_group(0)
    written = {group.column(i).path_in_schema: group.column(i).compression for i in range(group.num_columns)}
    assert written.pop("t") == "GZIP"
    assert set(written.values()) == {"ZSTD"}


@pytest.mark.parametrize("twice", ["v", "w"])
def test_a_column_that_is_there_twice_can_stay_but_not_change(tmp_path: Path, twice: str) -> None:
    table = pa.table([[1, 2], [3, 4], [5, 6]], ["v", twice, "w"])
    pq.write_table(table, tmp_path / "in.parquet")
    fault = registry.create("data.null_spike", {"column": "v", "rate": 1})
    if twice == "v":
        with pytest.raises(InvalidFault, match="column 'v' occurs 2 times"):
            chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", fault, seed=1)
        assert not (tmp_path / "out.parquet").exists()
    else:
        chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", fault, seed=1)
        assert pq.ParquetFile(tmp_path / "out.parquet").read().column(2).to_pylist() == [5, 6]


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


def test_a_killed_process_leaves_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    script = (
        "import chaos, os, signal, sys\n"
        "die = lambda done, rows: done > 900 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "chaos.inject_parquet(*sys.argv[1:], 'data.null_spike', column='i64', rate=.1, seed=4, progress=die)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(source), str(target)], check=False)
    assert killed.returncode == -9
    left = {path.name for path in tmp_path.iterdir()} - {"in.parquet"}
    assert left == set() if hasattr(os, "O_TMPFILE") else all(name.startswith(".") for name in left)
    chaos.inject_parquet(source, target, FAULTS[0], seed=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


def test_a_folder_comes_whole_and_what_a_killed_process_left_of_one_goes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        pq.write_table(TABLE, tmp_path / "in" / f"{name}.parquet")
    script = (
        "import chaos, os, signal, sys\n"
        "die = lambda done, rows: done == rows and os.kill(os.getpid(), signal.SIGKILL)\n"
        "chaos.inject_parquet(*sys.argv[1:], 'data.null_spike', column='i64', rate=.1, seed=4, progress=die)\n"
    )
    target = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "in"), str(target)], check=False)
    assert (killed.returncode, target.exists()) == (-9, False)
    for half in tmp_path.glob(".out.*/*"):  # of the folder's files, too, only whole ones have names
        assert pq.read_table(half).num_rows == ROWS
    chaos.inject_parquet(tmp_path / "in", target, FAULTS[0], seed=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_hidden_files_are_no_part_of_a_data_set(tmp_path: Path) -> None:
    """As for all who read data sets: a writer may be at work there."""
    for name in ("a.parquet", ".a.parquet", "_temporary/b.parquet", ".out.1f.partial/c.parquet"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(TABLE, tmp_path / "in" / name)
    done = chaos.inject_parquet(tmp_path / "in", tmp_path / "out", FAULTS[0], seed=4)
    assert [path.relative_to(tmp_path).as_posix() for path in done.files] == ["out/a.parquet"]


def test_a_file_may_replace_itself(source: Path) -> None:
    expected = chaos.inject(pq.read_table(source), FAULTS[0], seed=4)
    chaos.inject_parquet(source, source, FAULTS[0], seed=4)
    assert pq.read_table(source).to_pylist() == expected.to_pylist()


def test_a_column_becomes_optional_by_the_names_that_rows_had(source: Path, tmp_path: Path) -> None:
    faults = [FAULTS[2], registry.create("schema.change_nullability", {"column": "u8"})]
    chaos.inject_parquet(source, tmp_path / "out.parquet", *faults, seed=4)
    whole = chaos.inject(pq.read_table(source), *faults, seed=4)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == whole.to_pylist()


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


@pytest.mark.parametrize("at", ["page", "footer"])
def test_a_damaged_file_is_named(source: Path, tmp_path: Path, at: str) -> None:
    written = bytearray(source.read_bytes())
    about = pq.read_metadata(source)
    page = about.row_group(3).column(0).data_page_offset
    first = page if at == "page" else len(written) - 8 - about.serialized_size
    written[first : first + 60] = b"\xff" * 60
    source.write_bytes(written)
    with pytest.raises(PayloadError, match=r"in\.parquet' is (damaged|no Parquet file): "):
        chaos.inject_parquet(source, tmp_path / "out.parquet", FAULTS[0], seed=4)
    assert not (tmp_path / "out.parquet").exists()


def test_a_disk_that_cannot_be_read_is_no_damaged_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> Iterator[pa.RecordBatch]:
        yield from ()
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", failing)
    with pytest.raises(OSError, match="the disk is broken"):
        chaos.inject_parquet(source, tmp_path / "out.parquet", FAULTS[0], seed=4)


def test_an_empty_file_stays_one(tmp_path: Path) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "in.parquet")
    chaos.inject_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", FAULTS[0], seed=1)
    assert pq.read_table(tmp_path / "out.parquet").schema.names == TABLE.schema.names


def test_one_huge_row_group_passes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes out is the same; pieces and batches share no border with blocks, runs or each other."""
    table = mixed_table(30_000)
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=30_000)
    monkeypatch.setattr("chaos.data.parquet.PIECE", 1 << 19)
    seen: list[int] = []
    done = chaos.inject_parquet(
        tmp_path / "in.parquet", tmp_path / "out.parquet", *FAULTS, seed=4, progress=lambda at, _: seen.append(at)
    )
    whole = chaos.corrupt(table, *FAULTS, seed=4)
    out = pq.ParquetFile(tmp_path / "out.parquet")
    assert out.read().to_pylist() == whole.frame.to_pylist()
    assert (done.rows, done.selected, done.changed) == (30_000, whole.ledger.selected, whole.ledger.changed)
    assert out.num_row_groups == len(seen) > 2
    assert seen[-1] == 30_000


#: Prints how large the process became, in MB.
CHILD = """
import chaos, resource, sys
limit = int(sys.argv[3]) << 20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
chaos.inject_parquet(*sys.argv[1:3], "data.typos", column="note", rate=0.01, seed=4)
status = open("/proc/self/status").read()  # getrusage would tell of the parent's peak if that is higher
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""
#: What each row holds in memory, in bytes: a number, a text, and where the text begins.
WIDTH = 8 + 500 + 4


def notes(path: Path, rows: int, row_group: int) -> None:
    """A file that is small on disk, since it names each of its long texts once, and is not in memory."""
    words = pa.array([f"{i:04d} " * 100 for i in range(64)])
    ids = np.arange(rows)
    chosen = pa.DictionaryArray.from_arrays(pa.array((ids * 7 % 64).astype(np.int32)), words)
    pq.write_table(pa.table({"id": ids, "note": chosen}), path, row_group_size=row_group, store_schema=False)


#: Arrow's own allocator reserves a gigabyte to begin with; and what is measured is what we hold, not what it keeps.
ALLOCATOR = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": "1048576"}


def peak_mb(path: Path, limit_mb: int) -> float:
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(path.with_name("out.parquet")), str(limit_mb)],
        env={**os.environ, **ALLOCATOR},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


@pytest.mark.parametrize("row_group", [100_000, 10**9], ids=["row groups", "one row group"])
def test_memory_does_not_grow_with_the_data(tmp_path: Path, row_group: int) -> None:
    peaks = []
    for rows in (300_000, 1_200_000):
        notes(tmp_path / "in.parquet", rows, row_group)
        peaks.append(peak_mb(tmp_path / "in.parquet", 2000))
    assert peaks[1] - peaks[0] < 30, peaks  # the larger one has 440 MB more


@pytest.mark.slow
def test_one_row_group_four_times_larger_than_what_the_process_may_hold(tmp_path: Path) -> None:
    limit_mb = 400
    rows = 4 * (limit_mb << 20) // WIDTH
    notes(tmp_path / "in.parquet", rows, rows)
    assert peak_mb(tmp_path / "in.parquet", limit_mb) < limit_mb
    old, new = pq.ParquetFile(tmp_path / "in.parquet"), pq.ParquetFile(tmp_path / "out.parquet")
    assert new.metadata.num_rows == rows
    for group in (0, new.num_row_groups - 1):
        assert new.read_row_group(group).schema == old.schema_arrow
