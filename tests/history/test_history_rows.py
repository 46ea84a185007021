"""The rows of a run: what is in them, and that metrics can be made of them again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import POLICY, finding, manifest, put, scorecard

from harness.history.columns import COLUMNS, FORMAT, SCHEMA, metrics_of_rows
from harness.history.rows import rows_of
from harness.scoring.metrics import Pool, all_metrics
from harness.verdict import Verdict

DOCS = Path(__file__).parents[2] / "docs" / "history.md"


def test_a_row_says_what_came_of_an_experiment(tmp_path: Path) -> None:
    caught = finding(detected_s=120.0, back_s=600.0, seed=1)
    silent = finding(seed=2, verdict=Verdict.FAILED)
    run = put(tmp_path / "results" / "a-run", [caught, silent], manifest(3, branch="topic"))
    table = pq.read_table(run / "experiments.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.schema.metadata[b"pipequake"] == FORMAT.encode()
    first, second = table.to_pylist()
    assert (first["run"], first["git_branch"], first["run_verdict"]) == ("a-run", "topic", "failed")
    assert first["started"] == datetime(2026, 3, 3, 10)
    assert (first["outcome"], first["time_to_detect_s"], first["detect_censored"]) == ("caught", 120.0, False)
    assert (first["recovery"], first["time_to_recover_s"]) == ("mitigated", 480.0)
    assert (second["outcome"], second["time_to_detect_s"], second["detect_censored"]) == ("silent", None, True)
    assert (first["repeat"], second["repeat"]) == (1, 2)
    assert first["faults"] == "schema.rename_column at feed:weather"


@pytest.mark.parametrize(
    "about",
    [{}, {"started": 7, "git": "main", "version": []}, {"started": "never", "git": {"branch": 1}, "interrupted": 0}],
)
def test_a_manifest_is_taken_for_what_it_is(about: dict[str, object]) -> None:
    (row,) = rows_of(scorecard([finding()]), about, "r").to_pylist()
    assert [row[name] for name in ("started", "version", "git_branch", "git_commit", "interrupted")] == [None] * 5


def test_text_that_is_no_unicode_is_kept_out(tmp_path: Path) -> None:
    (row,) = rows_of(scorecard([finding(scenario="half \ud800 pair")]), {}, "r").to_pylist()
    assert row["scenario"] == "half ? pair"


times = st.one_of(st.none(), st.floats(1, 40_000))
experiments = st.lists(
    st.builds(
        finding,
        detected_s=times,
        back_s=st.floats(1, 80_000),
        harmed=st.booleans(),
        seed=st.integers(1, 9),
        scenario=st.sampled_from(["s", "t"]),
    ),
    min_size=1,
    max_size=6,
)


@given(experiments)
def test_every_metric_is_the_ratio_of_its_two_columns(found: list) -> None:
    table = rows_of(scorecard(found), {}, "r").to_pydict()
    pool = Pool(tuple(found), (), POLICY)
    for metric in all_metrics():
        if metric.name in metrics_of_rows():
            above, below = sum(table[f"{metric.name}_sum"]), sum(table[f"{metric.name}_n"])
            value = metric.compute(pool).value
            assert (above / below if below else None) == (None if value is None else pytest.approx(value)), metric.name


def test_the_documentation_names_every_column() -> None:
    text = DOCS.read_text(encoding="utf-8")
    inputs = {f"{name}_{half}" for name in metrics_of_rows() for half in ("sum", "n")}
    assert [c.name for c in COLUMNS if c.name not in inputs and f"| `{c.name}` | {c.meaning} |" not in text] == []
