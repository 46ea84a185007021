"""Profiles without one of their defences."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from pathlib import Path

import pytest
from played import Played, play

from harness.errors import UsageError
from harness.targets import load_target
from harness.targets.reference.layout import SERVICES
from harness.targets.reference.variants import LISTED, OFF, defences, profile_of
from reference_pipeline.profiles import PROFILES


@pytest.mark.parametrize("base", PROFILES)
def test_each_defence_can_be_switched_off_and_nothing_else_changes(base: str) -> None:
    profile = PROFILES[base]
    for defence in defences(profile):
        mutant = profile_of(f"{base}-{defence}")
        changed = {f.name for f in fields(profile) if getattr(profile, f.name) != getattr(mutant, f.name)}
        assert changed == {"name", defence.partition(".")[0]}
        assert defence not in defences(mutant)
        assert mutant.name == f"{base}-{defence}"


@pytest.mark.parametrize("defence", defences(PROFILES["world_class"]))
def test_the_pipeline_lives_without_any_one_of_its_defences(defence: str, tmp_path: Path) -> None:
    async def script(played: Played) -> None:
        await asyncio.sleep(660)  # a review
        assert {host for host in SERVICES if played.state(host) != "running"} == set()

    play(f"world_class-{defence}", script, tmp_path, hours=0.3)
    assert not (tmp_path / "log").exists()


def test_a_profile_by_its_own_name_is_itself() -> None:
    assert all(profile_of(name) is profile for name, profile in PROFILES.items())


def test_every_switch_of_the_table_is_a_defence_of_some_profile() -> None:
    known = {defence.partition(".")[0] for profile in PROFILES.values() for defence in defences(profile)}
    names = {field.name for field in fields(next(iter(PROFILES.values())))}
    assert {*LISTED, *(OFF.keys() & names)} <= known


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("matur", r"unknown profile 'matur'. Did you mean 'mature'\?"),
        ("world-class", r"unknown profile 'world-class'. Did you mean 'world_class'\?"),
        ("mature-braker", "profile 'mature' has no defence 'braker' to switch off. Did you mean 'breaker'"),
        ("mature-breaker-breaker", "has no defence 'breaker' to switch off"),
        ("mature-checks.x", "has no defence 'checks.x' to switch off"),
    ],
)
def test_an_unknown_one_is_named(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_target().check_profile(name)
