"""What a service's process is told: one JSON document, the same for a process on loopback and for a container."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reference_pipeline.profiles import PROFILES, Profile

#: The environment variable that holds the document, or the path of a file with it.
VARIABLE = "PIPELINE_CONFIG"

Port = Annotated[int, Field(ge=1, le=65535)]


class ConfigError(Exception):
    """The configuration can't be read or is wrong; the message says where it came from, and what is wrong with it."""


class ProcessConfig(BaseModel):
    """One service's surroundings.

    ``profile`` is the name of a profile, or all that one has. ``addresses`` maps the services that this one calls (also
    ``gateway`` and ``alerts``) to base URLs; ``store`` is host and port of the online store, ``second_store`` of its
    replica; ``platform`` is the base URL of what restarts services for runbooks. ``phases`` has the seconds by which
    a service's periodic work is delayed, ``grain_s`` says how often batches come at most. In the folder ``settings``
    lie folders with what operators have set, the newest last by name.

    ``start`` is where the replay begins, in epoch seconds, and ``time_scale`` how many of its seconds pass in one of
    the machine's. It begins at ``origin`` (epoch seconds of the machine), or when the file ``origin_file`` says so:
    until it exists (it holds the number alone), services answer and do what is to be done at the start, and their
    clock stands still. With neither, it begins when the process does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    profile: Profile | str
    start: float
    volumes: Path
    listen: tuple[str, Port] = ("127.0.0.1", 8000)
    addresses: Mapping[str, str] = {}
    store: tuple[str, Port] = ("127.0.0.1", 6379)
    second_store: tuple[str, Port] | None = None
    seed: int = 0
    grain_s: Annotated[float, Field(ge=0.0)] = 0.0
    time_scale: Annotated[float, Field(gt=0.0, le=3600.0)] = 1.0
    origin: float | None = None
    origin_file: Path | None = None
    platform: str | None = None
    phases: Mapping[str, float] = {}
    settings: Path | None = None


def read_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> ProcessConfig:
    """The configuration in a file, or else in the environment. Raises `ConfigError`."""
    text, where = _text(path, environment)
    try:
        config = ProcessConfig.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{where}: {problems}") from None
    if isinstance(config.profile, str) and config.profile not in PROFILES:
        raise ConfigError(f"{where}: unknown profile {config.profile!r}; known are {', '.join(PROFILES)}")
    return config


def _text(path: Path | None, environment: Mapping[str, str]) -> tuple[str, str]:
    if path is None:
        given = environment.get(VARIABLE, "")
        if given.lstrip().startswith("{"):
            return given, VARIABLE
        if not given:
            raise ConfigError(f"no configuration: give --config FILE, or set {VARIABLE} to JSON or to a file's path")
        path = Path(given)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from None
