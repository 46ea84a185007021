from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scenario_faults import FACTS, FULL, MINIMAL, REGISTRY

from chaos.registry import registry as built_in
from harness.errors import ScenarioError
from harness.scenario import (
    Scenario,
    TargetFacts,
    check_scenario,
    load_library,
    load_scenario,
    parse_scenario,
    resolve,
)
from harness.scenario.classification import DIMENSIONS
from harness.scenario.model import Classification

LIBRARY = Path(__file__).parents[2] / "scenarios"


def problems_of(text: str | bytes, tmp_path: Path, facts: TargetFacts | None = None) -> list[str]:
    path = tmp_path / "s.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, facts, registry=REGISTRY)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_eight_lines_are_a_scenario() -> None:
    scenario = parse_scenario(MINIMAL, registry=REGISTRY)
    assert len(MINIMAL.splitlines()) == 8
    assert (scenario.warmup_s, scenario.horizon_s, scenario.faults[0].at_s) == (21_600, 86_400, 3600)
    assert scenario.steady_state[0].at_least == 0.99


def test_no_warm_up_is_needed_where_no_steady_state_is_asked_for() -> None:
    scenario = parse_scenario(MINIMAL + "warmup: 0s\nsteady_state: []\n", registry=REGISTRY)
    assert (scenario.warmup_s, scenario.steady_state) == (0, ())


def test_a_full_scenario_is_valid_against_its_target() -> None:
    scenario = parse_scenario(FULL, facts=FACTS, registry=REGISTRY, backend="sim")
    assert scenario.fault_ids() == ("nulls", "data.scale", "data.scale-2")
    assert scenario.faults[1].for_s == 0.25
    assert scenario.classification is not None
    assert scenario.classification.visibility.meaning.startswith("no signal")


def test_every_dimension_of_the_classification_has_its_words() -> None:
    assert set(Classification.model_fields) == set(DIMENSIONS)
    assert all(word.meaning for words in DIMENSIONS.values() for word in words)


def test_a_backend_that_cannot_be_honest_is_refused() -> None:
    text = MINIMAL.replace("data.nulls", "process.end").replace("feed:weather", "service:training")
    text = text.replace("{column: temp, rate: 0.5}", "{}")
    assert parse_scenario(text, registry=REGISTRY, backend="local")
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "s.yaml", registry=REGISTRY, backend="sim")
    assert str(caught.value) == (
        "s.yaml:3:12: faults[0].fault: 'process.end' can't be done in the backend 'sim'. Use one of: compose, local."
    )


def test_files_that_are_no_text(tmp_path: Path) -> None:
    assert problems_of(b"name: caf\xe9\n", tmp_path) == ["1:10: not UTF-8 text. Save the file with the encoding UTF-8."]
    assert problems_of("a: 1\nb: \0", tmp_path) == ["2:4: a NUL byte is not text. Remove it."]
    assert problems_of("a: \x07", tmp_path) == ["1:4: the control character U+0007 is not text. Remove it."]
    large = b"# " + b"x" * (1 << 20)
    assert problems_of(large, tmp_path) == [" larger than 1 MiB, which no scenario needs. Split it into several files."]


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_scenario(path, registry=REGISTRY).name == "weather-goes-null"


def test_paths_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path, message in [
        ("none.yaml", "no such file. Check the path. `pipequake scenarios` shows scenarios to start from."),
        (".", "this is a folder, not a scenario. Name a file in it."),
        ("x" * 300, "can't be read (File name too long). Check the path and its permissions."),
    ]:
        with pytest.raises(ScenarioError) as caught:
            load_scenario(path, registry=REGISTRY)
        assert str(caught.value) == f"{path}: {message}"


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="a shell has no <(command) here")
def test_what_is_written_to_a_pipe_is_read() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, MINIMAL.encode())
        os.close(writer)
        assert load_scenario(f"/dev/fd/{reader}", registry=REGISTRY).name == "weather-goes-null"
    finally:
        os.close(reader)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(MINIMAL)
    path.chmod(0)
    with pytest.raises(ScenarioError, match=r"can't be read \(Permission denied\)"):
        load_scenario(path, registry=REGISTRY)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "- " * 200_000,
        "a: [" + "x," * 200_000,
        "x: 1\n" * 100_000,
        "faults:\n" + "  - {fault: data.nulls}\n" * 6000,
        "a: " + "9" * 100_000,
        "".join(f"key{number}: 1\n" for number in range(9000)),
        "faults:\n  - {" + "".join(f"key{number}: 1, " for number in range(9000)) + "}",
        "faults:\n  - {fault: data.nulls, with: {" + "".join(f"c{number}: 1, " for number in range(9000)) + "}}",
    ],
)
def test_huge_and_deep_documents_are_refused_soon(text: str, tmp_path: Path) -> None:
    begun = time.process_time()
    problems_of(text, tmp_path)
    assert time.process_time() - begun < 5


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = MINIMAL.replace("data.nulls", "data.scale").replace(
        "{column: temp, rate: 0.5}", "{columns: [on, no, 1:30, 0o17x], by: 1e-3}"
    )
    scenario = parse_scenario(text, registry=REGISTRY)
    assert scenario.faults[0].params == {"columns": ["on", "no", "1:30", "0o17x"], "by": 0.001}


def test_anchors_and_aliases_work() -> None:
    text = MINIMAL.replace("{column: temp, rate: 0.5}", "&p {column: temp}")
    text = text.replace("expect:", "  - {fault: data.nulls, point: feed:weather, with: *p}\nexpect:")
    scenario = parse_scenario(text, registry=REGISTRY)
    assert scenario.faults[0].params == scenario.faults[1].params


def test_a_library_is_loaded_in_the_order_of_paths_and_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one.yaml").write_text(MINIMAL.replace("weather-goes-null", "one"))
    (tmp_path / "a.yml").write_text(MINIMAL.replace("weather-goes-null", "two"))
    (tmp_path / "notes.txt").write_text("not a scenario")
    found = load_library([tmp_path, tmp_path / "a.yml"], registry=REGISTRY)
    assert [scenario.name for scenario in found] == ["two", "one"]


def test_a_library_reports_the_problems_of_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(MINIMAL)
    Path("b.yaml").write_text(MINIMAL)
    Path("c.yaml").write_text(MINIMAL.replace("at: 1h", "at: 1"))
    with pytest.raises(ScenarioError) as caught:
        load_library(["a.yaml", "b.yaml", "c.yaml", "d.yaml"], registry=REGISTRY)
    assert str(caught.value).splitlines() == [
        "c.yaml:6:9: faults[0].at: expected a duration with a unit, got the number 1. Write '1s'.",
        "d.yaml: no such file. Check the path. `pipequake scenarios` shows scenarios to start from.",
        "b.yaml:1:7: name: 'weather-goes-null' is the name of a.yaml already. Rename one of them.",
    ]


def test_a_library_leaves_out_nothing_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lib").mkdir()
    Path("lib/one.yaml").write_text(MINIMAL)
    Path("lib/.#one.yaml").symlink_to("me@here.123")
    Path("lib/lost.yaml").symlink_to("gone.yaml")
    with pytest.raises(ScenarioError, match=r"^lib/lost\.yaml: no such file\."):
        load_library(["lib"], registry=REGISTRY)
    Path("lib/lost.yaml").unlink()
    assert len(load_library(["lib"], registry=REGISTRY)) == 1
    walk = os.walk

    def forbidden(top: Path, *, onerror: Callable[[OSError], None]) -> Iterator[tuple[str, list[str], list[str]]]:
        yield from walk(top)
        onerror(PermissionError(errno.EACCES, "Permission denied", "lib/secret"))

    monkeypatch.setattr(os, "walk", forbidden)
    with pytest.raises(ScenarioError, match=r"^lib/secret: can't be read \(Permission denied\)\. Check its perm"):
        load_library(["lib"], registry=REGISTRY)


def test_a_library_of_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        load_library(["."], registry=REGISTRY)
    assert str(caught.value) == ".: no scenario (*.yaml) here. Name a scenario or a folder of them."


def test_resolving_makes_everything_explicit_and_comes_back_from_the_journal() -> None:
    scenario = parse_scenario(FULL, registry=REGISTRY)
    resolved = resolve(scenario, 9, registry=REGISTRY)
    assert resolved.seed == resolved.scenario.seed == 9
    first, second, third = resolved.spec["faults"]
    assert first["with"] == {"column": "temp", "rate": 0.5, "how": "cells"}
    assert second["id"] == "data.scale"
    assert second["with"] == {"columns": ["temp"], "by": None}
    assert third["id"] == "data.scale-2"
    assert resolved.spec["start"] == "2013-06-10T00:00:00Z"
    again = Scenario.from_spec(resolved.spec)
    assert again == resolved.scenario
    assert resolve(again, registry=REGISTRY) == resolved


def test_a_fault_without_an_end_gets_the_horizon() -> None:
    resolved = resolve(parse_scenario(MINIMAL, registry=REGISTRY), registry=REGISTRY)
    assert resolved.seed == 1
    assert resolved.spec["faults"][0]["for"] == "23h"


def test_a_scenario_built_in_python_is_checked_too() -> None:
    scenario = Scenario.model_validate(
        {
            "name": "built",
            "faults": [{"fault": "data.nulls", "point": "feed:weather", "with": {"column": "tmp"}, "at": "2d"}],
            "expect": [{"detect_within": "5m"}],
        }
    )
    found = [
        (finding.place, finding.message.split(".")[0]) for finding in check_scenario(scenario, FACTS, registry=REGISTRY)
    ]
    assert found == [
        (("faults", 0, "with", "column"), "the feed 'weather' has no column 'tmp'"),
        (("faults", 0, "at"), "begins 2d after the warm-up, but the horizon is 1d"),
    ]


@pytest.mark.parametrize(
    ("where", "place", "message"),
    [
        ({"column": "tmp", "missing": True}, (), "the feed 'weather' has no column 'tmp'"),
        (
            [{"column": "temp", "above": 3}, {"column": "tmp", "below": 1}],
            (1,),
            "the feed 'weather' has no column 'tmp'",
        ),
        ([{"column": "origin", "above": 3}], (0,), "the condition needs a number column, but 'origin' is string"),
    ],
)
def test_the_columns_of_conditions_are_checked(where: object, place: tuple[int, ...], message: str) -> None:
    fault = {
        "fault": "data.null_spike",
        "point": "feed:weather",
        "with": {"column": "temp", "rate": 0.5, "where": where},
    }
    scenario = Scenario.model_validate({"name": "s", "faults": [fault], "expect": [{"detect_within": "5m"}]})
    found = check_scenario(scenario, FACTS)
    assert [(f.place, f.message.split(".")[0]) for f in found] == [
        (("faults", 0, "with", "where", *place, "column"), message)
    ]


@pytest.mark.parametrize("name", built_in.names())
def test_the_example_of_every_built_in_fault_makes_a_scenario(name: str) -> None:
    point, params = built_in.get(name).example
    scenario = Scenario.model_validate(
        {
            "name": "example",
            "faults": [{"fault": name, "point": point, "with": params, "for": "1h"}],
            "expect": [{"detect_within": "5m"}],
        }
    )
    assert check_scenario(scenario) == []
    assert resolve(scenario).scenario.faults[0].fault == name


@pytest.mark.skipif(not any(LIBRARY.glob("**/*.yaml")), reason="the library comes with the source tree")
def test_every_scenario_of_the_library_is_valid_classified_and_described() -> None:
    for scenario in load_library([LIBRARY]):
        assert scenario.classification is not None, scenario.name
        assert scenario.description, scenario.name


@pytest.mark.parametrize(
    ("at", "lasts", "horizon"),
    [("11h15m28s387ms", "2h33m6s154ms", "13h48m34s541ms"), ("4h22m5s684ms", "16h10m59s379ms", "20h33m5s63ms")],
)
def test_what_is_to_the_millisecond_the_horizon_is_not_past_it(at: str, lasts: str, horizon: str) -> None:
    for length, wanted in ((lasts, "outcome: caught"), ("100ms", f"detect_within: {lasts}")):
        scenario = parse_scenario(
            f"name: s\nhorizon: {horizon}\nfaults:\n"
            f"  - {{fault: process.kill, point: 'service:serving', at: {at}, for: {length}}}\n"
            f"expect: [{{{wanted}}}]\n"
        )
        assert len(scenario.expect) == 1


def test_faults_that_follow_one_another_to_the_millisecond_are_not_in_effect_at_once() -> None:
    fault = "fault: process.kill, point: 'service:serving'"
    text = (
        f"name: s\nfaults:\n  - {{id: a, {fault}, at: 100ms, for: 200ms}}\n  - {{id: b, {fault}, at: 300ms}}\n"
        "expect: [{outcome: caught}]\nblast_radius: {max_faults: 1}\n"
    )
    assert len(parse_scenario(text).faults) == 2


@pytest.mark.parametrize(
    ("stale", "down", "message"),
    [
        ("at: 15m, for: 30m", "at: 0s, for: 30m", "begins while 'down' lets nobody in to store:store"),
        ("at: 15m, for: 5m", "at: 0s, for: 30m", "begins while 'down'"),
        ("at: 0s, for: 30m", "at: 0s, for: 30m", "begins while 'down'"),
        ("at: 0s, for: 30m", "at: 15m, for: 30m", "ends while 'down' lets nobody in to store:store"),
        ("at: 0s, for: 1h", "at: 15m, for: 30m", None),
        ("at: 0s, for: 15m", "at: 15m, for: 30m", None),
        ("at: 30m, for: 15m", "at: 0s, for: 30m", None),
    ],
)
@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_nothing_is_asked_of_a_store_that_lets_nobody_in(stale: str, down: str, message: str | None, mode: str) -> None:
    text = (
        "name: s\nfaults:\n"
        f"  - {{id: down, fault: store.outage, point: 'store:store', with: {{mode: {mode}}}, {down}}}\n"
        f"  - {{id: stale, fault: store.stale_values, point: 'store:store', {stale}}}\n"
        "expect: [{outcome: caught}]\n"
    )
    if message is None:
        assert len(parse_scenario(text).faults) == 2
        return
    with pytest.raises(ScenarioError, match=message) as caught:
        parse_scenario(text)
    assert [problem.line for problem in caught.value.problems] == [4]
    parse_scenario(text.replace("stale_values, point: 'store:store'", "stale_values, point: 'store:replica'"))
