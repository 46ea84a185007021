"""The scorecard: everything that reports show, as one value with one canonical JSON form."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import ValidationError

from harness.errors import UsageError
from harness.scoring.cost import Rates
from harness.scoring.findings import ExperimentFinding, Finding, ProfileFinding, ScenarioFinding
from harness.scoring.policy import Policy
from harness.verdict import Verdict

Schema = Literal["pipequake.scorecard/3"]
SCHEMA: Schema = "pipequake.scorecard/3"


class UnreadableScorecard(UsageError):
    """Text that is no scorecard of this version."""


class Scorecard(Finding):
    """A run's judgement: what each profile adds up to, and each experiment behind it."""

    schema_version: Schema = SCHEMA
    verdict: Verdict
    policy: Policy
    rates: Rates | None
    profiles: tuple[ProfileFinding, ...]
    scenarios: tuple[ScenarioFinding, ...]
    experiments: tuple[ExperimentFinding, ...]

    def to_json(self) -> str:
        """The canonical form: the same scorecard gives the same bytes. Keys sorted, lists of numbers on one
        line."""
        return _pretty(self.model_dump(mode="json"), 0) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Scorecard:
        """Reads what `to_json` wrote. Raises `UnreadableScorecard` that says what to do instead."""
        fix = "Score the journal again: pipequake score RUN."
        try:
            document = json.loads(text)
            version = document.get("schema_version") if isinstance(document, dict) else None
            if version != SCHEMA:
                raise UnreadableScorecard(f"expected a scorecard of version {SCHEMA!r}, got {version!r}. {fix}")
            return cls.model_validate(document)
        except json.JSONDecodeError as error:
            raise UnreadableScorecard(f"not JSON (line {error.lineno}: {error.msg}). {fix}") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"])
            raise UnreadableScorecard(f"{place}: {first['msg']}. {fix}") from None

    def rounded(self) -> Scorecard:
        """The same with floats rounded to 6 digits, as it is written."""
        return Scorecard.model_validate(_rounded(self.model_dump(mode="python")))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value


def _pretty(value: Any, depth: int) -> str:
    inner, outer = " " * (depth + 1), " " * depth
    if isinstance(value, dict) and value:
        items = [f"{inner}{_line(key)}: {_pretty(value[key], depth + 1)}" for key in sorted(value)]
        return "{\n" + ",\n".join(items) + f"\n{outer}}}"
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return "[\n" + ",\n".join(inner + _pretty(item, depth + 1) for item in value) + f"\n{outer}]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
