"""Without ``--chaos`` the plugin costs next to nothing and changes nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from suites import INERT, PLUGIN, QUICK, ROOT, run, scenario

HEAVY = ("numpy", "pandas", "pyarrow", "pydantic", "yaml", "rich", "click", "multiprocessing.context", "chaos")


def test_the_wheel_declares_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"pipequake": "harness.pytest_plugin"}


def test_importing_it_imports_nothing_but_pytest() -> None:
    script = (
        "import sys, pytest; before = set(sys.modules); import harness.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['harness', 'harness.pytest_plugin']"


def test_a_suite_that_does_not_use_it_loads_nothing_heavy_and_collects_no_yaml(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    scenario(suite, QUICK, "scenarios/quick.yaml")
    suite.makepyfile(
        f"""
        import sys

        def test_nothing_was_loaded():
            ours = [m for m in sys.modules if m.split(".")[0] in ("harness", "chaos", "reference_pipeline")]
            assert sorted(ours) == ["harness", "harness.pytest_plugin"]
            assert [m for m in {HEAVY} if m in sys.modules] == []
        """
    )
    done = suite.runpytest_subprocess("-p", "harness.pytest_plugin", "--strict-markers")
    done.assert_outcomes(passed=1)


def test_experiments_are_skipped_with_a_reason(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.scenario("weather-nulls")
        def test_it(experiment):
            assert experiment.caught
        """
    )
    done = run(suite, "-rs", "--strict-markers")
    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines(["*experiments run with --chaos only*"])


def test_it_can_be_switched_off(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(): pass")
    if not PLUGIN:
        run(suite, "-p", "no:pipequake").assert_outcomes(passed=1)
        assert "--chaos" not in run(suite, "-p", "no:pipequake", "--help").stdout.str()


def test_collection_selects_by_marks_and_names(suite: pytest.Pytester) -> None:
    scenario(suite, QUICK, "scenarios/quick.yaml")
    scenario(suite, INERT, "scenarios/deep/inert.yaml")
    scenario(suite, QUICK.replace("name: quick", "name: elsewhere"), "other/elsewhere.yaml")
    scenario(suite, "image: python\n", "docker-compose.yml")
    both = ["--chaos-profile", "ad_hoc", "--chaos-profile", "mature"]

    def collected(*arguments: str) -> list[str]:
        lines = run(suite, "--chaos", "--collect-only", "-q", "--strict-markers", *arguments).outlines
        return [line for line in lines if "::" in line]

    quick, inert = "scenarios/quick.yaml::quick[mature]", "scenarios/deep/inert.yaml::touches-nothing[mature]"
    assert collected() == ["other/elsewhere.yaml::elsewhere[mature]", inert, quick]
    assert collected("scenarios") == [inert, quick]
    assert collected("scenarios", "-m", "freshness and not slow") == [quick]
    assert collected("scenarios", "-m", "nightly or slow") == [inert, quick]
    assert collected("-k", "quick and mature", *both) == [quick]
    assert collected("-m", "slow", "--chaos-seed", "1", "--chaos-seed", "2") == [
        f"scenarios/deep/inert.yaml::touches-nothing[mature-seed-{seed}]" for seed in (1, 2)
    ]
    assert collected(quick) == [quick]


MISTAKES = {
    "unknown profile": (["--chaos-profile", "matur"], "unknown profile 'matur'. Did you mean 'mature'?"),
    "unknown backend": (["--chaos-backend", "moon"], "unknown backend 'moon'*"),
    "seed": (["--chaos-seed", "one"], "--chaos-seed: expected a whole number from 0 to *, got 'one'."),
    "jobs": (["--chaos-jobs", "0"], "--chaos-jobs: expected a whole number from 1 to 256, got '0'."),
    "time scale": (["--chaos-time-scale", "0"], "--chaos-time-scale: expected a number from 1 to 3600, got '0'."),
    "scaled simulator": (["--chaos-time-scale", "60"], "the simulator's time has no scale. Leave out *"),
}


@pytest.mark.parametrize("seed", ["'x'", "-1", "True"])
def test_a_wrong_seed_in_a_mark_is_a_collection_error(suite: pytest.Pytester, seed: str) -> None:
    suite.makepyfile(
        f"import pytest\n\n@pytest.mark.scenario('feature-store-hangs', seed={seed})\ndef test_it(experiment): pass\n"
    )
    done = run(suite, "--chaos")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*the mark's seed: expected a whole number from 0 to *"])
    done.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_results_that_can_not_be_written_are_said_so(suite: pytest.Pytester) -> None:
    scenario(suite, QUICK, "scenarios/quick.yaml")
    suite.makefile(".txt", taken="")
    done = run(suite, "--chaos", "--chaos-results=taken.txt", "scenarios")
    done.stdout.fnmatch_lines(["*results cannot be written to *taken.txt (Not a directory)*"])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_a_results_folder_elsewhere_moves_nothing(
    suite: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """pytest takes a path that exists for one of its own, whatever option it belongs to."""
    scenario(suite, QUICK, "scenarios/quick.yaml")
    there = tmp_path_factory.mktemp("there")
    lines = run(suite, "--chaos", "--collect-only", "-q", "--chaos-results", str(there), "scenarios").outlines
    assert [line.rpartition("/")[2] for line in lines if "::" in line] == ["quick.yaml::quick[mature]"]


@pytest.mark.parametrize("case", MISTAKES)
def test_wrong_options_are_usage_errors(suite: pytest.Pytester, case: str) -> None:
    arguments, expected = MISTAKES[case]
    done = run(suite, "--chaos", *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{expected}"])
    done.stderr.no_fnmatch_line("*Traceback*")


def test_an_invalid_scenario_is_a_collection_error_that_says_where(suite: pytest.Pytester) -> None:
    scenario(suite, QUICK.replace("column: visib", "column: visb"), "scenarios/column.yaml")
    scenario(suite, "name: bad\nfautls: []\n", "scenarios/keys.yaml")
    done = run(suite, "--chaos", "scenarios")
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(
        [
            "*ERROR collecting scenarios/column.yaml*",
            "scenarios/column.yaml:15:20: faults?0?.with.column: the feed 'weather' has no column 'visb'.*'visib'[?]",
            "*ERROR collecting scenarios/keys.yaml*",
            "scenarios/keys.yaml:2:1: fautls: unknown key. Did you mean 'faults'[?]",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    assert "pytest_plugin" not in done.stdout.str()


def test_two_different_scenarios_of_one_name_are_refused(suite: pytest.Pytester) -> None:
    scenario(suite, QUICK, "scenarios/one.yaml")
    scenario(suite, QUICK.replace("45m", "40m"), "scenarios/two.yaml")
    done = run(suite, "--chaos")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*two different scenarios are called 'quick'. Rename one of them."])


MISUSES = {
    "no fixture": ('@pytest.mark.scenario("quick")\ndef test_it(): pass', "*does not take the fixture `experiment`*"),
    "no mark": ("def test_it(experiment): pass", "*is not marked with a scenario*"),
    "unknown name": ('@pytest.mark.scenario("quik")\ndef test_it(experiment): pass', "*Did you mean 'quick'?"),
    "unknown file": ('@pytest.mark.scenario("x.yaml")\ndef test_it(experiment): pass', "*no scenario 'x.yaml'*"),
    "unknown keyword": (
        '@pytest.mark.scenario("quick", sead=1)\ndef test_it(experiment): pass',
        "*takes profile and seed, not 'sead'.",
    ),
}


@pytest.mark.parametrize("case", MISUSES)
def test_misused_marks_are_collection_errors_without_a_traceback(suite: pytest.Pytester, case: str) -> None:
    code, expected = MISUSES[case]
    scenario(suite, QUICK, "scenarios/quick.yaml")
    (suite.path / "test_misuse.py").write_text(f"import pytest\n\n{code}\n")
    done = run(suite, "--chaos", "test_misuse.py")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([expected])
    assert "pytest_plugin" not in done.stdout.str()
