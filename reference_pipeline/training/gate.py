"""The validation gate: a candidate must be sane, useful, and no worse than production, overall and by segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What an attempt failed of whose model was not let through.
CAUSE = "validation gate"
#: How much worse than the prior a candidate may be: in calm days there is little to be better at.
WORSE_THAN_PRIOR_AT_MOST = 1.05
#: How much worse than production a candidate may be on the same rows, overall and in a segment.
WORSE_AT_MOST = 1.05
SEGMENT_WORSE_AT_MOST = 1.15
SEGMENT_ROWS_AT_LEAST = 200


def brier(p: NDArray[np.float64], late: NDArray[np.float64]) -> float:
    """Mean squared error of probabilities.

    >>> brier(np.array([0.0, 1.0]), np.array([0.0, 0.0]))
    0.5
    """
    return float(np.mean((p - late) ** 2))


def metrics(
    p: NDArray[np.float64], late: NDArray[np.float64], segments: Mapping[str, Sequence[str]], prior: float
) -> dict[str, Any]:
    """Brier score overall, by segment, and of the prior: the share of late flights among the rows trained on.

    ``segments`` gives, for each column that divides the rows, its values.
    """
    return {
        "rows": len(late),
        "brier": round(brier(p, late), 6),
        "brier_prior": round(brier(np.full(len(late), prior), late), 6),
        "p_mean": round(float(p.mean()), 6),
        "segments": {
            f"{column} {name}": {"rows": int(rows.sum()), "brier": round(brier(p[rows], late[rows]), 6)}
            for column, values in segments.items()
            for name, rows in _by_value(values)
        },
    }


def _by_value(values: Sequence[str]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    names = np.asarray(values)
    for name in sorted(set(values)):
        yield name, names == name


def judge(p: NDArray[np.float64], candidate: Mapping[str, Any], production: Mapping[str, Any] | None) -> list[str]:
    """Why the candidate must not be released; empty if it may. Both were measured on the same held-out rows."""
    reasons: list[str] = []
    if not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        reasons.append(f"predictions are no probabilities (from {p.min():.3g} to {p.max():.3g})")
    if candidate["brier"] > WORSE_THAN_PRIOR_AT_MOST * candidate["brier_prior"]:
        reasons.append(f"worse than the prior ({candidate['brier']:.4f} against {candidate['brier_prior']:.4f})")
    if production is None:
        return reasons
    if candidate["brier"] > WORSE_AT_MOST * production["brier"]:
        reasons.append(f"worse than production ({candidate['brier']:.4f} against {production['brier']:.4f})")
    for name, segment in candidate["segments"].items():
        before = production["segments"].get(name)
        if before is None or segment["rows"] < SEGMENT_ROWS_AT_LEAST:
            continue
        if segment["brier"] > SEGMENT_WORSE_AT_MOST * before["brier"]:
            reasons.append(f"worse for segment {name} ({segment['brier']:.4f} against {before['brier']:.4f})")
    return reasons
