"""JUnit XML: what its readers rely on, and texts that XML can't hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hostile_texts import HOSTILE, hostile

from harness.reports import junit
from harness.reports.traces import TraceReader
from harness.scoring import Scorecard, score
from harness.verdict import Verdict

#: By element: attributes that must be there, those that may, and children in their order. It is what the schemas of
#: Ant's JUnit task and of Jenkins' xUnit plugin have in common.
SHAPE: dict[str, tuple[set[str], set[str], tuple[str, ...]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, ("testsuite",)),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname"},
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "testcase": ({"name", "classname", "time"}, set(), ("skipped", "error", "failure", "system-out", "system-err")),
    "failure": ({"type"}, {"message"}, ()),
    "error": ({"type"}, {"message"}, ()),
    "system-out": (set(), set(), ()),
}
CHARACTERS = re.compile("^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*$")


def check(element: ElementTree.Element) -> None:
    """The element and all below it are of the common shape."""
    needed, allowed, children = SHAPE[element.tag]
    assert needed <= set(element.attrib) <= needed | allowed, element.tag
    for number in ("tests", "failures", "errors", "skipped"):
        assert element.get(number, "0").isdigit()
    assert re.fullmatch(r"\d+(\.\d{1,3})?", element.get("time", "0"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.get("timestamp", "2026-01-01T00:00:00"))
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        check(child)


def test_the_common_shape(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    text = junit.render(card, rerun=lambda e: "again", started="2026-11-24T17:50:18+00:00")
    root = ElementTree.fromstring(text)
    check(root)
    assert [suite.get("name") for suite in root] == ["careful", "plain"]
    verdicts = [e.verdict for e in card.experiments]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == (
        "8",
        str(verdicts.count(Verdict.FAILED)),
        str(verdicts.count(Verdict.INCONCLUSIVE)),
    )
    assert len(root.findall(".//failure")) == verdicts.count(Verdict.FAILED)


def test_a_failure_reads_like_the_report(
    judged: tuple[Scorecard, TraceReader], rerun: Callable[..., str], golden: Callable[[str, str], None]
) -> None:
    golden("junit.xml", junit.render(judged[0], rerun=rerun))


def test_cases_of_repeats_have_names_of_their_own(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    again = tuple(e.model_copy(update={"seed": e.seed + 100}) for e in card.experiments)
    root = ElementTree.fromstring(junit.render(card.model_copy(update={"experiments": (*card.experiments, *again)})))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names)) == 16


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(judged: tuple[Scorecard, TraceReader], text: str) -> None:
    shown = junit.render(hostile(judged[0], text), rerun=lambda e: text)
    assert CHARACTERS.match(shown)
    root = ElementTree.fromstring(shown)
    check(root)
    assert shown.encode("utf-8")


def test_no_experiment_gives_no_case(tmp_path: Path) -> None:
    root = ElementTree.fromstring(junit.render(score([])))
    check(root)
    assert root.get("tests") == "0"
