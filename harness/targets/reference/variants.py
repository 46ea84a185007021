"""Profiles with a defence switched off: what a mutation of the pipeline is to whoever judges the judge.

``mature-breaker`` is the profile ``mature`` without its breaker, ``mature-checks.drift-runbooks.retrain`` without one
check and one runbook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from harness.errors import UsageError
from harness.scenario.suggest import suggestion
from reference_pipeline.profiles import PROFILES, Profile

__all__ = ["defences", "profile_of"]

#: What a defence is when it is off, where that is not False or one entry less.
OFF: Mapping[str, Any] = {
    "validation": "none",
    "store_timeout_s": None,
    "cached_features_s": 0,
    "view_dropout": 0.0,
    "requests_a_minute": None,
    "gate_segments": None,
    "canary_s": 0,
    "job_retries": 0,
}
#: Tables whose entries are defences of their own.
LISTED = ("watched", "checks", "runbooks")


def defences(profile: Profile) -> tuple[str, ...]:
    """What can be switched off in a profile, in the order of its table.

    >>> [defence for defence in defences(PROFILES["ad_hoc"]) if defence.startswith("checks.")][:2]
    ['checks.serving_health', 'checks.errors']
    """
    return tuple(_defences(profile))


def profile_of(name: str) -> Profile:
    """The profile of that name, without the defences that are named after it. Raises `UsageError` for another name.

    >>> profile_of("mature-breaker").breaker, profile_of("mature").breaker
    (False, True)
    """
    base, *switches = name.split("-")
    if base not in PROFILES:
        raise UsageError(f"unknown profile {name!r}. {suggestion(name, PROFILES)}")
    profile = PROFILES[base]
    for switch in switches:
        known = defences(profile)
        if switch not in known:
            raise UsageError(f"profile {base!r} has no defence {switch!r} to switch off. {suggestion(switch, known)}")
        profile = replace(_without(profile, switch), name=name)
    return profile


def _defences(profile: Profile) -> Iterator[str]:
    for field in fields(profile):
        value = getattr(profile, field.name)
        if field.name in LISTED:
            yield from (f"{field.name}.{entry}" for entry in value)
        elif value is True or (field.name in OFF and value != OFF[field.name]):
            yield field.name


def _without(profile: Profile, switch: str) -> Profile:
    table, _, entry = switch.partition(".")
    value: Any = OFF.get(table, False)
    if entry:
        entries = getattr(profile, table)
        kept = [one for one in entries if one != entry]
        value = {one: entries[one] for one in kept} if isinstance(entries, Mapping) else tuple(kept)
    return replace(profile, **{table: value})
