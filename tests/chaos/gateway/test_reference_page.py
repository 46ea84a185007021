"""The reference page of the faults: complete, consistent with the registry, and its examples work."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import yaml

from chaos.catalogue import catalogue, markdown
from chaos.points import Point
from chaos.registry import registry

PAGE = markdown()
DOCS = Path(__file__).parents[3] / "docs" / "faults.md"


def sections() -> dict[str, str]:
    """{fault: its section}"""
    found = re.split(r"^### (\S+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_every_fault_has_a_section_with_all_that_its_declaration_says() -> None:
    found = sections()
    assert list(found) == registry.names()
    for fault in catalogue():
        section = found[fault.name]
        first = fault.summary.split("``")[0]
        assert " ".join(first.split()) in " ".join(section.split())
        for param in fault.params:
            (row,) = re.findall(rf"^\| `{param.name}` .*$", section, flags=re.MULTILINE)
            assert ("required" in row) == (param.default is None)
            assert param.bounds in row
            assert param.unit is None or f"({param.unit})" in row
        assert f"Revert: {fault.reversibility}" in section


@pytest.mark.parametrize("name", registry.names())
def test_examples_are_fragments_of_a_scenario(name: str) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)\n```", sections()[name], flags=re.DOTALL)
    (entry,) = yaml.safe_load(block)
    assert set(entry) <= {"fault", "point", "with"}
    assert entry["fault"] == name
    fault = registry.create(name, entry.get("with", {}))
    fault.check_point(Point.parse(entry["point"]))
    assert fault == registry.get(name)(**registry.get(name).example[1])


@pytest.mark.parametrize("name", registry.names())
def test_sessions_run_as_they_stand(name: str) -> None:
    for code in re.findall(r"```pycon\n(.*?)\n```", sections()[name], flags=re.DOTALL):
        test = doctest.DocTestParser().get_doctest(code + "\n", {}, name, None, None)
        output: list[str] = []
        assert not doctest.DocTestRunner(verbose=False).run(test, out=output.append).failed, "".join(output)


def test_tables_are_whole_and_links_lead_somewhere() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    anchors = {heading.replace(".", "").lower() for heading in re.findall(r"^##+ (\S+)$", PAGE, flags=re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
    assert "``" not in PAGE.replace("```", "")


def test_the_page_is_the_same_every_time_and_the_one_in_the_docs() -> None:
    assert markdown() == PAGE
    if DOCS.exists():
        assert DOCS.read_text().startswith(PAGE), "docs/faults.md is not what the faults say: make it again"
