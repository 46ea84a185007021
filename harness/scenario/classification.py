"""The six dimensions by which a failure is classified, each value with its meaning."""

from __future__ import annotations

from harness.scenario.fields import Explained

__all__ = ["DIMENSIONS", "Dimension", "Duration", "Impact", "Recovery", "RootCause", "Scope", "Visibility"]


class Dimension(Explained):
    """Base of the six dimensions."""


class Visibility(Dimension):
    """How easily standard monitoring can see the failure."""

    VISIBLE = "visible", "an outage or an explicit error: requests or jobs fail and say so"
    DEGRADED = "degraded", "a metric gets worse (latency, freshness, volume) while every request is answered"
    SILENT = "silent", "no signal of the pipeline itself shows it; only users or late labels do"


class Scope(Dimension):
    """How far the failure reaches."""

    COMPONENT = "component", "one component, and what is behind it goes on as before"
    PIPELINE = "pipeline", "several components of this pipeline, one after another"
    DOWNSTREAM = (
        "downstream",
        "the users of the predictions, or systems that share data or models with the pipeline",
    )


class Duration(Dimension):
    """How long it lasts and whether it comes back."""

    TRANSIENT = "transient", "over by itself within minutes"
    INTERMITTENT = "intermittent", "comes and goes"
    SUSTAINED = "sustained", "lasts for hours or days, until its cause goes away or is taken away"
    PERMANENT = "permanent", "never ends by itself, and its damage stays when the cause is gone"


class RootCause(Dimension):
    """Where the underlying issue comes from."""

    DATA = "data", "what the data says, how it is shaped or when it comes"
    CODE = "code", "the pipeline's own code, a model or a library"
    INFRASTRUCTURE = "infrastructure", "processes, machines, stores or networks"
    CONFIGURATION = "configuration", "settings, credentials, versions or schedules"
    EXTERNAL = "external", "a provider or a service that others run"


class Recovery(Dimension):
    """What it takes to recover."""

    AUTOMATIC = "automatic", "the pipeline recovers by itself"
    GUIDED = "guided", "one person follows a runbook"
    MANUAL = "manual", "one person has to find out what is wrong and mend it"
    COORDINATED = "coordinated", "several teams or components have to be rolled back or mended together"


class Impact(Dimension):
    """Which loss the business sees first."""

    ACCURACY = "accuracy", "predictions are wrong more often"
    AVAILABILITY = "availability", "predictions are missing"
    LATENCY = "latency", "predictions come too late"
    FRESHNESS = "freshness", "predictions rest on old data or an old model"
    COST = "cost", "the same predictions cost more"
    TRUST = "trust", "people stop relying on the predictions, or a rule is broken"


#: The dimensions by their key in a scenario file, in the order of the source document.
DIMENSIONS: dict[str, type[Dimension]] = {
    "visibility": Visibility,
    "scope": Scope,
    "duration": Duration,
    "root_cause": RootCause,
    "recovery": Recovery,
    "impact": Impact,
}
