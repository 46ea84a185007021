"""The store: the index answers as the folders do, whatever happened to it, and nothing breaks for one bad run."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import finding, manifest, put

from harness.errors import UsageError
from harness.history import index as index_module
from harness.history import store as store_module
from harness.history.fresh import marks
from harness.history.index import read_index, write_lock
from harness.history.store import consult, open_store

EVERYTHING = "select * exclude (started) from experiments order by run, arm, repeat"


def quiet(text: str) -> None:
    """Says nothing."""


def answer(results: Path, said: Callable[[str], None] = quiet) -> list[dict[str, Any]]:
    return consult(results, said, lambda store: store.ask(EVERYTHING))


def from_folders(results: Path) -> list[dict[str, Any]]:
    """The same without any index."""
    with TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(results, copy, ignore=shutil.ignore_patterns(".history"), symlinks=True)
        return open_store(copy, quiet, fold=False).ask(EVERYTHING)


def remarks(results: Path) -> dict[str, tuple[str, bool]]:
    store = open_store(results, quiet, fold=False)
    return {remark.run: (remark.text, remark.skipped) for remark in store.remarks}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "re[s]ults *of 'mine'"
    for number in range(1, 6):
        put(folder / f"run-{number}", [finding(detected_s=60.0 * number)], manifest(number))
    return folder


def test_the_index_answers_as_the_folders_do(results: Path) -> None:
    before = answer(results)
    assert len(before) == 5
    assert open_store(results, quiet, fold=True).index.runs() == {f"run-{n}" for n in range(1, 6)}
    assert answer(results) == before == from_folders(results)
    assert open_store(results, quiet).fresh.num_rows == 0


def test_a_run_that_is_scored_again_a_new_one_and_a_removed_one(results: Path) -> None:
    open_store(results, quiet, fold=True)
    put(results / "run-2", [finding(detected_s=7.0), finding(detected_s=8.0, seed=2)], manifest(2))
    put(results / "run-9", [finding(detected_s=9.0)], manifest(9))
    shutil.rmtree(results / "run-3")
    found = answer(results)
    assert [(row["run"], row["time_to_detect_s"]) for row in found] == [
        ("run-1", 60.0),
        ("run-2", 7.0),
        ("run-2", 8.0),
        ("run-4", 240.0),
        ("run-5", 300.0),
        ("run-9", 9.0),
    ]
    open_store(results, quiet, fold=True)
    assert marks(results) == {}
    assert answer(results) == found == from_folders(results)


def test_rows_follow_the_name_of_their_folder(results: Path) -> None:
    shutil.copytree(results / "run-1", results / "copied")
    assert {row["run"] for row in answer(results)} >= {"copied", "run-1"}


def test_what_is_no_whole_run_is_said_and_skipped(results: Path) -> None:
    rows = (results / "run-1" / "experiments.parquet").read_bytes()
    (results / "run-1" / "experiments.parquet").write_bytes(rows[: len(rows) // 2])
    (results / "run-2" / "experiments.parquet").write_bytes(rows[:-200] + bytes(200))
    (results / "run-2" / "scorecard.json").write_text('{"schema_version": "pipequake.sc')
    (results / "run-3" / "experiments.parquet").unlink()
    (results / "run-3" / "scorecard.json").unlink()
    (results / "run-4" / "experiments.parquet").unlink()
    (results / "run-4" / "journal.jsonl").write_text('{"arm": "x", "t": 0, "ki')
    (results / "somebody's photos").mkdir()
    (results / "a file").write_text("")
    (results / "latest").symlink_to("run-5")
    assert remarks(results) == {
        "run-1": ("experiments.parquet is damaged; its scorecard was read instead", False),
        "run-2": ("scorecard.json can't be used: not JSON (line 1: Unterminated string starting at)", True),
        "run-3": ("not scored", True),
        "somebody's photos": ("no run: nothing of Pipequake is in it", True),
    }
    assert [row["run"] for row in answer(results)] == ["run-1", "run-4", "run-5"]


def test_a_run_that_still_goes_or_was_interrupted(results: Path) -> None:
    for name in ("going", "dead"):
        (results / name / "arms").mkdir(parents=True)
        (results / name / "run.json").write_text("{}")
    handle = os.open(results / "going" / "arms", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert remarks(results) == {
            "going": ("still running", True),
            "dead": ("interrupted before it was scored", True),
        }
    finally:
        os.close(handle)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_run_that_may_not_be_read(results: Path) -> None:
    (results / "run-2").chmod(0)
    try:
        assert remarks(results) == {"run-2": ("can't be read (Permission denied)", True)}
    finally:
        (results / "run-2").chmod(0o755)


def test_a_run_that_cannot_be_read(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.parent.name == "run-2":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert remarks(results) == {"run-2": ("can't be read (Permission denied)", True)}


@pytest.mark.parametrize("what", ["index.json", "segment", "pages", "gone"])
def test_a_damaged_index_is_made_again(results: Path, what: str) -> None:
    before = answer(results)
    segment = open_store(results, quiet, fold=True).index.segments[0].path
    if what == "index.json":
        (results / ".history" / "index.json").write_text('{"format": "pipequ')
    elif what == "segment":
        segment.write_bytes(segment.read_bytes()[:-10])
    elif what == "pages":
        data = segment.read_bytes()
        segment.write_bytes(data[:4] + bytes(len(data) - 4 - 8 - 4096) + data[-(4096 + 8) :])
    else:
        segment.unlink()
    assert answer(results) == before
    open_store(results, quiet, fold=True)
    assert answer(results) == before
    assert open_store(results, quiet).fresh.num_rows == 0


def test_a_store_that_cannot_be_written_still_answers(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answer(results)
    monkeypatch.setattr(store_module, "prepare", lambda folder: False)
    store = open_store(results, quiet, fold=True)
    assert store.index.number == 0
    assert store.ask(EVERYTHING) == before


def test_one_process_writes_the_others_answer_all_the_same(results: Path) -> None:
    before = answer(results)
    (results / ".history").mkdir(exist_ok=True)
    with write_lock(results) as mine:
        assert mine
        assert open_store(results, quiet, fold=True).index.number == 0
        assert answer(results) == before
    assert open_store(results, quiet, fold=True).index.number == 1


def test_a_full_disk_is_said_and_the_answer_is_right(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, said = answer(results), list[str]()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_module, "_write_segment", full)
    store = open_store(results, said.append, fold=True)
    assert store.ask(EVERYTHING) == before
    assert said == ["the index can't be written (No space left on device); the answer is right all the same"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: the folder of the runs can't be read \(No such file"):
        open_store(tmp_path / "nowhere", quiet)
    assert not (tmp_path / "nowhere").exists()


def test_without_duckdb_it_says_how_to_install_it(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(UsageError, match=r"needs DuckDB. Install it: pip install 'pipequake\[history\]'"):
        answer(results)


class Cut(BaseException):
    """The end of the process, at a point of the test's choice."""


class Steps:
    """Counts the changes that are made to the disk, and ends the process before one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (Path, "open"), (os, "fsync")):
            self._wrap(monkeypatch, owner, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def counted(*arguments: Any, **more: Any) -> Any:
            if self.left == 0:
                raise Cut
            self.left -= 1
            return real(*arguments, **more)

        monkeypatch.setattr(owner, name, counted)


def test_whenever_the_index_is_cut_off_nothing_is_lost(tmp_path: Path) -> None:
    """Every point at which the process can end while a run that was scored again, a new one and a removed one go in."""
    whole = tmp_path / "whole"
    for number in range(1, 4):
        put(whole / f"run-{number}", [finding(detected_s=60.0 * number)], manifest(number))
    open_store(whole, quiet, fold=True)
    put(whole / "run-2", [finding(detected_s=7.0)], manifest(2))
    put(whole / "run-4", [finding(detected_s=9.0)], manifest(4))
    shutil.rmtree(whole / "run-3")
    expected = from_folders(whole)
    for step in range(100):
        results = tmp_path / f"cut-{step}"
        shutil.copytree(whole, results)
        with pytest.MonkeyPatch.context() as monkeypatch:
            steps = Steps(monkeypatch, step)
            with suppress(Cut):
                open_store(results, quiet, fold=True)
        assert open_store(results, quiet, fold=False).ask(EVERYTHING) == expected, step
        open_store(results, quiet, fold=True)
        assert answer(results) == expected, step
        assert marks(results) == {}
        if steps.left > 0:
            break
    assert step > 10


#: What happens to a store: runs are scored (anew), removed, the index is brought up to date, and the process is cut.
events = st.lists(
    st.one_of(
        st.tuples(st.just("score"), st.integers(0, 5), st.integers(1, 1000)),
        st.tuples(st.just("remove"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("index"), st.integers(0, 25), st.just(0)),
        st.tuples(st.just("tear"), st.integers(0, 2), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20, deadline=None)
@given(events)
def test_whatever_is_cut_off_the_answer_is_that_of_the_folders(history: list[tuple[str, int, int]]) -> None:
    with TemporaryDirectory() as scratch:
        results = Path(scratch)
        for what, number, value in history:
            _happen(results, what, number, value)
            expected = from_folders(results)
            assert open_store(results, quiet, fold=False).ask(EVERYTHING) == expected
            assert answer(results) == expected
        open_store(results, quiet, fold=True)
        assert answer(results) == expected
        assert {path.name for path in (results / ".history").iterdir()} >= {"lock"} or not expected


def _happen(results: Path, what: str, number: int, value: int) -> None:
    run = results / f"run-{number}"
    if what == "score":
        put(run, [finding(detected_s=float(value))], manifest(number + 1))
    elif what == "remove":
        shutil.rmtree(run, ignore_errors=True)
    elif what == "tear":
        for file in sorted((results / ".history").glob("*.*"))[number : number + 1]:
            file.write_bytes(file.read_bytes()[:-20])
    else:
        with pytest.MonkeyPatch.context() as monkeypatch:
            Steps(monkeypatch, number)
            with suppress(Cut):
                open_store(results, quiet, fold=True)


def test_a_run_scored_while_the_index_is_written_is_not_lost(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark that comes after the rows were read stays, and so does what is scored then."""
    real = store_module.read_run

    def read_then_scored(path: Path) -> Any:
        reading = real(path)
        if path.name == "run-5":
            monkeypatch.setattr(store_module, "read_run", real)
            put(results / "run-1", [finding(detected_s=1.0)], manifest(1))
        return reading

    monkeypatch.setattr(store_module, "read_run", read_then_scored)
    open_store(results, quiet, fold=True)
    assert answer(results)[0]["time_to_detect_s"] == 1.0


def test_segments_stay_few(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path / f"run-{number:02d}", [finding(detected_s=1.0 + number)])
        open_store(tmp_path, quiet, fold=True)
    index = read_index(tmp_path)
    assert len(index.segments) <= 4
    assert len(index.runs()) == 40
    assert len(list((tmp_path / ".history").glob("segment-*"))) <= len(index.segments) + 4
    assert json.loads((tmp_path / ".history" / "index.json").read_text())["number"] == 40
