"""Commands that are too long for a line, as a shell reads what a person copies."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reports.command_lines import broken

WORDS = st.one_of(
    st.sampled_from(
        ["pipequake", "run", "--only", "--seed", "1", "my file.yaml", "it's", 'a "b"', "back\\slash", "--", ""]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12),
)


@given(words=st.lists(WORDS, min_size=1, max_size=12), width=st.integers(1, 60))
def test_what_is_copied_is_the_command_and_no_line_is_too_long_but_for_a_word(words: list[str], width: int) -> None:
    lines = broken(shlex.join(words), width)
    assert shlex.split(lines.replace("\\\n", " ")) == words
    for line in lines.split(" \\\n"):
        assert len(line) <= width or len(shlex.split(line)) <= 2


@pytest.mark.parametrize("width", [8, 30, 80])
def test_a_shell_takes_it_as_one_command(width: int) -> None:
    words = ["printf", "%s|", "my file.yaml", "--only", "it's one", "--seed", "1"]
    done = subprocess.run(["sh", "-c", broken(shlex.join(words), width)], capture_output=True, text=True, check=True)
    assert done.stdout == "my file.yaml|--only|it's one|--seed|1|"
