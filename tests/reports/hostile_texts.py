"""Texts that want to be more than text, and a scorecard that is full of them."""

from __future__ import annotations

from harness.scoring import Scorecard
from harness.scoring.findings import ExperimentFinding

#: Texts that a scenario, an alert or a pipeline could use to leave the place that they are shown at.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><!--<script>alert(1)//\u2028\u2029",
    "a|b\n| --- |\n# title `code` [link](http://evil.example) @team www.evil.example",
    "\x1b[31mred\x1b]0;title\x07\u202egnp.exe\x00\ufffe\ud800\x0b\x7f",
    "[bold]markup[/bold] [link=http://evil.example]x[/link]",
    "```\n</code></pre>",
    "</style><style>body{display:none}",
    "{{7*7}} ${7*7} %s %(x)s \\",
    "]]> &lt;b&gt; ' \" \\n\nx 1\n# EOF",
    "javascript:alert(1)",
)


def hostile(scorecard: Scorecard, text: str) -> Scorecard:
    """The scorecard with the text wherever a scenario or a pipeline can write."""
    experiments = tuple(_hostile_experiment(experiment, text) for experiment in scorecard.experiments)
    profiles = tuple(profile.model_copy(update={"profile": text}) for profile in scorecard.profiles[:1])
    scenarios = tuple(
        scenario.model_copy(update={"scenario": text, "profile": text}) for scenario in scorecard.scenarios[:1]
    )
    changes = {"experiments": experiments, "profiles": profiles, "scenarios": scenarios}
    return scorecard.model_copy(update=changes)


def _hostile_experiment(experiment: ExperimentFinding, text: str) -> ExperimentFinding:
    faults = []
    for fault in experiment.faults:
        detection = fault.detection
        if detection is not None:
            written = {"name": text, "component": text, "summary": text, "severity": text}
            alerts = [alert.model_copy(update=written) for alert in detection.alerts]
            detection = detection.model_copy(update={"alerts": tuple(alerts), "first": alerts[0] if alerts else None})
        changes = {"detection": detection, "params": {text: text}, "remains": text, "what": text, "id": text}
        faults.append(fault.model_copy(update={**changes, "fault": text, "point": text}))
    claims = tuple(
        claim.model_copy(update={"claim": text, "what": text, "why": text, "fix": text})
        for claim in experiment.expectations
    )
    changes = {
        "scenario": text,
        "description": text,
        "classification": {text: text},
        "reasons": (text,),
        "faults": tuple(faults),
        "expectations": claims,
        "profile": text,
        "backend": text,
    }
    return experiment.model_copy(update=changes)
