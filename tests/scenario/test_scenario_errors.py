"""The whole text of every error, file by file.

After a change of wording, ``UPDATE_GOLDEN=1 pytest tests/scenario/test_scenario_errors.py`` rewrites the expected
texts; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scenario_faults import FACTS, REGISTRY

from harness.errors import Problem, ScenarioError
from harness.scenario import load_scenario

INVALID = Path(__file__).parent / "invalid"


@pytest.mark.parametrize("path", sorted(INVALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_problem_is_named_with_its_place_and_its_remedy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(INVALID)
    facts = FACTS if path.stem == "target" else None
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path.name, facts, registry=REGISTRY)
    text = "".join(f"{problem}\n" for problem in caught.value.problems)
    golden = path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_one_screen_is_shown_and_all_problems_are_kept() -> None:
    error = ScenarioError([Problem("a.yaml", line, 1, "", "wrong.") for line in range(1, 31)])
    lines = str(error).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 10 more problems. Mend these first."
    assert len(error.problems) == 30
