"""What both forms of the after-action report say, as plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.gameday.after_action.findings import Moment, RoundFinding
from harness.reports.narrative import reason_text, sentence
from harness.scoring.wording import brief_text, duration_text

__all__ = ["ended_text", "entry_text", "moment_text", "rows", "since_text", "verdict_text"]

_ENDED = {
    "horizon": "played to its end",
    "stopped": "ended early by hand",
    "interrupted": "interrupted",
    "unsteady": "the pipeline was not steady",
    "error": "an error ended it",
    "dirty": "something could not be reverted",
}


def moment_text(moment: Moment | None, nothing: str) -> str:
    """When, in the pipeline's time and at the console."""
    if moment is None:
        return nothing
    real = "" if moment.real_s is None else f" ({duration_text(moment.real_s)} at the console)"
    return f"{duration_text(moment.after_s)}{real}"


def rows(found: RoundFinding) -> list[tuple[str, str, str]]:
    """(what, people, monitors): both sides beside each other."""
    alert = found.alerts[0] if found.alerts else None
    right = next((a for a in found.alerts if a.right), None)
    named = "" if found.diagnosed is None or not found.diagnosed.component else f", {found.diagnosed.component}"
    judged = {True: " (right)", False: " (wrong place)", None: ""}[
        None if found.diagnosed is None else found.diagnosed.right
    ]
    return [
        ("Noticed", _by(found.noticed, "not noticed"), _by(alert, "no alert")),
        (
            "Located",
            _by(found.diagnosed, "no diagnosis") + (named + judged if named else ""),
            _by(right, "no alert names the place"),
        ),
        ("Mitigated", _by(found.mitigated, "no mitigation marked"), _recovered(found)),
    ]


def _by(moment: Moment | None, nothing: str) -> str:
    return nothing if moment is None else f"{moment_text(moment, nothing)}, {moment.by}"


def _recovered(found: RoundFinding) -> str:
    if found.experiment is None:
        return "not judged"
    stories = [fault.recovery.kind.value.replace("_", " ") for fault in found.experiment.faults if fault.recovery]
    return ", ".join(dict.fromkeys(stories)) or "not judged"


def ended_text(found: RoundFinding) -> str:
    """How the round ended, and how fast everything was reverted."""
    took = "" if found.took_s is None else f"; everything was reverted within {found.took_s:.2f} s"
    return sentence(_ENDED.get(found.reason, found.reason or "not ended") + took)


def verdict_text(found: RoundFinding) -> str:
    """The judge's word on the round."""
    if found.experiment is None:
        return "Not judged."
    return (
        f"{found.experiment.outcome.value.upper()}, {found.experiment.verdict.value}. {reason_text(found.experiment)}"
    )


def since_text(found: RoundFinding, t: float | None) -> str:
    """Time since people began to watch."""
    return "" if t is None or found.live_t is None else brief_text(max(0.0, t - found.live_t))


def entry_text(data: Mapping[str, Any]) -> tuple[str, str]:
    """(what, text) of a line of the timeline."""
    match data["what"]:
        case "alert":
            return f"{data['name']} {data['state']}", f"{data['component']}: {data['summary']}"
        case "mark":
            where = f" ({data['component']})" if data["component"] else ""
            return f"{data['mark']}{where}, {data['by']}", data["text"]
        case "fault":
            return f"fault {data['state']}", f"{data['id']} {data['text']}".strip()
        case "inject":
            return f"message{' from ' + data['sender'] if data['sender'] else ''}", data["text"]
        case "question":
            return "question", data["text"]
        case "answer":
            return f"answer, {data['by']}", data["text"]
        case "clock":
            return "paused" if data["paused"] else f"the clock goes on at {data['speed']:g}×", data["text"] or ""
        case "abort":
            return f"aborted{', ' + data['by'] if data['by'] else ''}", ""
        case "round":
            return "the round begins" if data["state"] == "live" else "the round is over", ""
    return str(data["what"]), str(data.get("text", ""))
