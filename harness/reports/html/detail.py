"""An experiment in full: its story, its claims, its timeline, its evidence, and how to run it again."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.reports.html.curves import curves_of
from harness.reports.html.markup import Html, el, join
from harness.reports.html.plot_data import PlotData
from harness.reports.html.summary import chip
from harness.reports.html.timeline import draw
from harness.reports.narrative import Rerun, availability_text, harm_text, reason_text
from harness.reports.traces import TraceReader
from harness.scoring.expectations import grade_text
from harness.scoring.findings import ExpectationFinding, ExperimentFinding, FaultFinding
from harness.scoring.wording import clock_text, duration_text
from harness.verdict import Verdict

__all__ = ["experiment_card"]

_SIGNS = {"passed": "✓", "failed": "✗", "inconclusive": "?"}


def experiment_card(
    experiment: ExperimentFinding, repeats: int, rerun: Rerun | None, traces: TraceReader | None, data: PlotData
) -> Html:
    """An experiment in full; ``repeats`` says of how many it is the most telling."""
    curves = curves_of(experiment, traces)
    title = el(
        "h4",
        experiment.profile,
        " ",
        chip(experiment.outcome),
        el("span", experiment.verdict.value, class_=f"verdict {experiment.verdict.value}"),
    )
    begins = clock_text(experiment.start, experiment.warmup_s)
    which = f"the worst of {repeats} repeats, " if repeats > 1 else ""
    where = f"{which}{experiment.backend}, seed {experiment.seed}; 0 h is {begins} UTC of the replay"
    return el(
        "section",
        title,
        el("p", reason_text(experiment), class_="story"),
        el("ul", *(_claim(claim) for claim in experiment.expectations), class_="claims"),
        draw(experiment, curves, data.add(experiment, curves) if curves else 0),
        _facts(experiment),
        _command(rerun(experiment)) if rerun else None,
        el("p", where, class_="muted note"),
        class_="experiment",
    )


def _command(text: str) -> Html:
    copy = el("button", "Copy", type="button", class_="copy", hidden=True)
    return el("div", el("span", "Run it again", class_="muted"), el("code", text), copy, class_="rerun")


def _facts(experiment: ExperimentFinding) -> Html:
    facts = [("Harm", harm_text(experiment)), ("Availability", availability_text(experiment))]
    blocks = [_list(facts)] if experiment.counts else []
    for fault in experiment.faults:
        title = el("h5", f"{fault.fault} on {fault.point}")
        params = json.dumps(fault.params, ensure_ascii=False, sort_keys=True)
        shown = el("code", params if len(params) <= 400 else params[:399] + "…") if fault.params else None
        blocks.append(el("div", title, shown, _list(_fault_facts(fault)), class_="injection"))
    return join(*blocks)


def _fault_facts(fault: FaultFinding) -> list[tuple[str, str]]:
    if fault.detection is None or fault.recovery is None:
        return [("Evidence", fault.reason)]
    detection, recovery = fault.detection, fault.recovery
    before = "all of it" if detection.first is None else duration_text(3600 * detection.harm_before)
    facts = [
        ("Touched", f"{fault.touched:g} {fault.what}".strip()),
        ("Detected", duration_text(detection.time_to_detect_s) if detection.first else "never"),
        ("Pointed", grade_text(detection.grade)),
        ("Alert came", _beside(detection.from_onset_s)),
        ("Harm before it", before if fault.t_on is not None else "—"),
        ("Recovered", duration_text(recovery.time_to_recover_s) if fault.t_on is not None else "no harm"),
        ("Over after removal", duration_text(recovery.from_removal_s)),
    ]
    if fault.shared_with:
        facts.append(("Harm shared with", ", ".join(fault.shared_with)))
    return [*facts, ("Remains", fault.remains)] if fault.remains else facts


def _beside(from_onset_s: float | None) -> str:
    if from_onset_s is None:
        return "—"
    return f"{duration_text(abs(from_onset_s))} {'before it' if from_onset_s < 0 else 'after its onset'}"


def _list(facts: Sequence[tuple[str, str]]) -> Html:
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in facts))


def _claim(claim: ExpectationFinding) -> Html:
    """One line for what came true; what, why and how to mend it for the rest."""
    mark = el("span", _SIGNS[claim.verdict.value], class_="sign", aria_hidden="true")
    spoken = el("span", f"{claim.verdict.value}: ", class_="sr")
    if claim.verdict is Verdict.PASSED:
        text = el("div", spoken, el("b", claim.claim), el("span", f" {claim.what}", class_="muted"))
        return el("li", mark, text, class_="passed")
    rows = [("what", claim.what), ("why", claim.why), ("fix", claim.fix)]
    reasons = [el("p", el("i", name), el("span", text), class_=f"row-{name}") for name, text in rows if text]
    return el("li", mark, el("div", spoken, el("b", claim.claim), *reasons), class_=claim.verdict.value)
