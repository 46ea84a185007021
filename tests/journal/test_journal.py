from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import JournalError
from harness.journal import JournalWriter, encode, merge_journals, read_journal
from harness.verdict import Outcome


def record(t: float, arm: str = "a", kind: str = "probe", **fields: Any) -> dict[str, Any]:
    return {"arm": arm, "t": t, "kind": kind, **fields}


def write(path: Path, *records: dict[str, Any]) -> Path:
    with JournalWriter(path) as journal:
        for each in records:
            journal.write(each)
    return path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345678, "0.123457"),
        (-0.0000001, "0.0"),
        (float("inf"), "null"),
        (float("nan"), "null"),
        (1, "1"),
        (True, "true"),
        ((1.0, None), "[1.0,null]"),
        ({"b": 1, "a": {"c": 1 / 3}}, '{"a":{"c":0.333333},"b":1}'),
        (Outcome.CAUGHT, '"caught"'),
        ("é\ud800\n", '"\\u00e9\\ud800\\n"'),
        (np.float64(0.1) * 3, "0.3"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
    ],
)
def test_canonical_values(value: Any, text: str) -> None:
    assert encode({"v": value}) == f'{{"v":{text}}}'


def test_inputs_are_kept_to_the_last_digit() -> None:
    params = {"rate": 1e-9, "deep": [{"x": 0.12345678912}]}
    for field in ("params", "spec", "do", "undo"):
        assert json.loads(encode({field: params})) == {field: params}


@pytest.mark.parametrize("value", [{1}, {1: 2}, b"x", object()])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="in the journal"):
        encode({"v": value})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_encoding_what_was_read_changes_nothing(fields: dict[str, Any]) -> None:
    line = encode(fields)
    assert "\n" not in line
    assert encode(json.loads(line)) == line
    assert encode(dict(reversed(fields.items()))) == line


def test_it_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    with JournalWriter(path) as journal:
        journal.write(record(0, value=1))
        assert list(read_journal(path)) == [record(0, value=1)]
        journal.write(record(1.5), durable=True)
        assert [each["t"] for each in read_journal(path)] == [0, 1.5]


def test_durable_lines_are_synced_and_others_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with JournalWriter(tmp_path / "j") as journal:
        journal.write(record(0))
        assert synced == []
        journal.write(record(0), durable=True)
        assert len(synced) == 1


def test_records_have_an_arm_a_time_and_a_kind(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j") as journal:
        with pytest.raises(ValueError, match="a journal record needs 'kind'"):
            journal.write({"arm": "a", "t": 0})
        journal.write(record(5))
        journal.write(record(1, arm="b"))
        with pytest.raises(ValueError, match=r"time runs backwards in arm 'a': 4 after 5"):
            journal.write(record(4))
    assert [each["t"] for each in read_journal(tmp_path / "j")] == [5, 1]


def test_an_arm_stamps_its_records(tmp_path: Path) -> None:
    now = 3.25
    with JournalWriter(tmp_path / "j") as journal:
        arm = journal.arm("treatment", lambda: now)
        arm.write("fault.applied", {"fault_id": "nulls"}, durable=True)
        with pytest.raises(ValueError, match="the journal's own"):
            arm.write("fault.applied", {"t": 1})
    assert list(read_journal(tmp_path / "j")) == [record(3.25, "treatment", "fault.applied", fault_id="nulls")]


def test_every_way_to_cut_the_last_line_short_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "j", record(0), record(2, value=12))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first + 1, len(whole) - 1):
        path.write_bytes(whole[:end])
        torn = {"arm": "a", "t": 0, "kind": "journal.torn", "line": 2, "bytes": end - first}
        assert list(read_journal(path)) == [record(0), torn]
    path.write_bytes(whole[:-1])
    assert list(read_journal(path)) == [record(0), record(2, value=12)]
    path.write_bytes(whole[:5])
    assert list(read_journal(path)) == [{"arm": "", "t": 0.0, "kind": "journal.torn", "line": 1, "bytes": 5}]


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b"\0\0\0", b"\xff", b"[" * 100_000, b'{"arm": "a"}'])
def test_damage_elsewhere_is_an_error_with_its_line(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path / "j", record(0))
    path.write_bytes(path.read_bytes() + line + b"\n" + path.read_bytes())
    records = read_journal(path)
    assert next(records) == record(0)
    with pytest.raises(JournalError, match=r"j:2: not a journal record: .* Restore the file from a copy"):
        next(records)


def test_appending_after_a_crash_keeps_what_is_whole_and_says_what_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "j", record(0), record(1))
    path.write_bytes(path.read_bytes()[:-4])
    write(path, record(2))
    assert [each["kind"] for each in read_journal(path)] == ["probe", "journal.torn", "probe"]
    path.write_bytes(path.read_bytes()[:-1])
    write(path, record(3))
    assert [each["t"] for each in read_journal(path)] == [0, 0, 2, 3]


def test_parts_are_merged_in_the_order_given(tmp_path: Path) -> None:
    control = write(tmp_path / "control", record(0, "c"), record(9, "c"))
    treatment = write(tmp_path / "treatment", record(0, "t"), record(3, "t"))
    treatment.write_bytes(treatment.read_bytes()[:-3])
    merge_journals([control, treatment], tmp_path / "journal.jsonl")
    found = [(each["arm"], each["kind"]) for each in read_journal(tmp_path / "journal.jsonl")]
    assert found == [("c", "probe"), ("c", "probe"), ("t", "probe"), ("t", "journal.torn")]
    merge_journals([treatment, control], tmp_path / "other.jsonl")
    assert [each["arm"] for each in read_journal(tmp_path / "other.jsonl")] == ["t", "t", "c", "c"]
    again = [control.read_bytes(), (tmp_path / "journal.jsonl").read_bytes()]
    assert again[1].startswith(again[0])


def test_a_merge_that_fails_leaves_no_file(tmp_path: Path) -> None:
    good = write(tmp_path / "good", record(0))
    (tmp_path / "bad").write_text("nonsense\n")
    with pytest.raises(JournalError, match="bad:1: not a journal record"):
        merge_journals([good, tmp_path / "bad"], tmp_path / "journal.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "good"]


def test_folders_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError) as caught:
        JournalWriter(tmp_path / "file" / "journal.jsonl")
    expected = f"{tmp_path}/file/journal.jsonl: the journal can't be written"
    assert str(caught.value).startswith(expected)
    assert str(caught.value).endswith("Choose a folder that you may write to.")
    with pytest.raises(JournalError, match="the journal can't be written"):
        merge_journals([], tmp_path / "none" / "journal.jsonl")


def test_a_journal_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"can't be read \(No such file or directory\). Check the path"):
        list(read_journal(tmp_path / "none"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error_not_a_traceback() -> None:
    with JournalWriter("/dev/full") as journal, pytest.raises(JournalError, match="No space left on device"):
        journal.write(record(0))
