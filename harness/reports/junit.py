"""The scorecard as JUnit XML, as GitHub, GitLab and Jenkins read it: a suite a profile, a test case an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from harness.reports.narrative import (
    Rerun,
    availability_text,
    detected_text,
    harm_of,
    harmless,
    plain,
    reason_text,
    recovered_text,
    unmet,
)
from harness.reports.unrun import Unrun
from harness.scoring.findings import ExperimentFinding
from harness.scoring.policy import HOUR_S
from harness.scoring.scorecard import Scorecard
from harness.verdict import Verdict

__all__ = ["render"]


def render(scorecard: Scorecard, *, rerun: Rerun | None = None, started: str = "", unrun: Sequence[Unrun] = ()) -> str:
    """The XML document.

    A claim that did not come true makes its case a failure, an experiment that showed nothing or never started an
    error: a pass that nobody saw would be worse than none. ``time`` is 0, because a journal knows the replay's time
    and not the machine's. Only elements and attributes that every common schema of JUnit's has are written.
    """
    root = ElementTree.Element("testsuites", name="pipequake")
    names = [*(profile.profile for profile in scorecard.profiles), *(one.profile for one in unrun)]
    for profile in dict.fromkeys(names):
        mine = [e for e in scorecard.experiments if e.profile == profile]
        missing = [one for one in unrun if one.profile == profile]
        if mine or missing:
            root.append(_suite(profile, mine, missing, rerun, started))
    _count(root, scorecard.experiments, unrun)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(
    profile: str, experiments: Sequence[ExperimentFinding], missing: Sequence[Unrun], rerun: Rerun | None, started: str
) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=plain(profile) or "any profile", hostname="localhost")
    _count(suite, experiments, missing)
    suite.set("skipped", "0")
    if started:
        suite.set("timestamp", started.removesuffix("Z").partition("+")[0])
    names = [experiment.scenario for experiment in experiments]
    for experiment in experiments:
        repeated = names.count(experiment.scenario) > 1
        suite.append(_case(experiment, rerun, repeated))
    for one in missing:
        suite.append(_unrun_case(one))
    return suite


def _count(element: ElementTree.Element, experiments: Sequence[ExperimentFinding], missing: Sequence[Unrun]) -> None:
    element.set("tests", str(len(experiments) + len(missing)))
    element.set("failures", str(sum(e.verdict is Verdict.FAILED for e in experiments)))
    element.set("errors", str(sum(e.verdict is Verdict.INCONCLUSIVE for e in experiments) + len(missing)))
    element.set("time", "0")


def _case(experiment: ExperimentFinding, rerun: Rerun | None, repeated: bool) -> ElementTree.Element:
    which = f" [seed {experiment.seed}, from {experiment.begins_s:g} s]" if repeated else ""
    case = ElementTree.Element(
        "testcase",
        name=plain(experiment.scenario) + which,
        classname=f"pipequake.{plain(experiment.profile)}",
        time="0",
    )
    if experiment.verdict is not Verdict.PASSED:
        tag = "failure" if experiment.verdict is Verdict.FAILED else "error"
        problem = ElementTree.SubElement(case, tag, message=_message(experiment), type=experiment.outcome.value)
        problem.text = _account(experiment, rerun)
    ElementTree.SubElement(case, "system-out").text = "\n".join(
        f"{name}: {value}" for name, value in _facts(experiment)
    )
    return case


def _unrun_case(unrun: Unrun) -> ElementTree.Element:
    """One case for all experiments of a scenario that never started."""
    name = f"{plain(unrun.scenario)} [never started]"
    where = f"pipequake.{plain(unrun.profile)}" if unrun.profile else "pipequake"
    case = ElementTree.Element("testcase", name=name, classname=where, time="0")
    ElementTree.SubElement(case, "error", message=unrun.text(), type="unknown")
    return case


def _facts(experiment: ExperimentFinding) -> list[tuple[str, str]]:
    found = [
        ("outcome", experiment.outcome.value),
        ("backend", plain(experiment.backend)),
        ("seed", str(experiment.seed)),
        ("detected", detected_text(experiment)),
        ("recovered", recovered_text(experiment)),
        ("availability", availability_text(experiment)),
    ]
    harm = harm_of(experiment)
    return found if harm is None else [*found, ("harm_s", f"{harm * HOUR_S:.6g}")]


def _message(experiment: ExperimentFinding) -> str:
    claims = unmet(experiment)
    return "; ".join(plain(f"{c.claim}: {c.what}") for c in claims) or plain("; ".join(experiment.reasons))


def _account(experiment: ExperimentFinding, rerun: Rerun | None) -> str:
    """What a reader of the failing case sees: the story, each claim with what, why and fix, and the command."""
    lines = [reason_text(experiment)]
    for claim in unmet(experiment):
        rows = (("expected", claim.claim), ("what", claim.what), ("why", claim.why), ("fix", claim.fix))
        lines += ["", *(f"{word:<9} {plain(text)}" for word, text in rows if text)]
    if rerun is not None:
        lines += ["", f"rerun     {harmless(rerun(experiment))}"]
    return "\n" + "\n".join(lines) + "\n"
