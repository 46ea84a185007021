"""The course of a drift: from when on, how fast, and in which shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from chaos.data.where import check_stamp
from chaos.fault import ColumnKind, ColumnRef

if TYPE_CHECKING:
    from chaos.data.cells import Victims
    from chaos.data.columns import Floats

Shape = Literal["sudden", "incremental", "gradual", "recurring"]


class Course(BaseModel):
    """How far a drift has come at each row, against limits that are given and never taken from the data.

    Rows are placed by the time in ``time``, with ``start`` and ``end`` in ISO 8601, or else by their position in the
    feed, with whole numbers; rows named by ``key`` have no position, and need ``time`` unless all drift at once.
    ``sudden``: all at once at ``start``. ``incremental``: values move evenly from ``start`` to ``end``. ``gradual``: a
    growing share of the rows has drifted in full. ``recurring``: in force from ``start`` to ``end``, then off as
    long, and so on.
    """

    shape: Shape = Field(default="sudden", description="sudden, incremental, gradual or recurring.")
    time: Annotated[str | None, ColumnRef(ColumnKind.TIME)] = Field(
        default=None,
        description="The column of times that `start` and `end` mean; by default positions in the feed, "
        "which rows named by `key` do not have.",
    )
    start: int | str = Field(default=0, description="Where the drift begins: a row's position, or a time.")
    end: int | str | None = Field(
        default=None, description="Where it is complete, or a period ends; not needed for a sudden drift."
    )

    @model_validator(mode="after")
    def _limits_fit(self) -> Course:
        everywhere = self.shape == "sudden" and self.start == 0
        if self.time is None and getattr(self, "key", None) and not everywhere:
            raise ValueError("rows named by key have no position in the feed: give the column of times as time")
        limits = [self.start] if self.end is None else [self.start, self.end]
        if self.end is None and self.shape != "sudden":
            raise ValueError(f"a drift of shape {self.shape} needs an end")
        for limit in limits:
            if isinstance(limit, str) is (self.time is None):
                wanted = "positions as whole numbers" if self.time is None else "times such as 2013-01-31T06:00:00Z"
                raise ValueError(f"expected start and end to be {wanted}, got {limit!r}")
            if isinstance(limit, str):
                check_stamp(limit)
        if len(limits) == 2 and not _number(limits[0]) < _number(limits[1]):
            raise ValueError(f"expected start before end, got {limits[0]!r} and {limits[1]!r}")
        return self

    def progress(self, victims: Victims) -> Floats:
        """0 before the drift to 1 when it is complete, a victim."""
        import numpy as np

        from chaos.data.times import microseconds

        if self.time is None:
            at = victims.ids.at(victims.rows).astype(np.float64)
            known = np.ones(len(at), dtype=bool)
        else:
            us, known = microseconds(victims.values(self.time))
            at = us.astype(np.float64)
        start = _number(self.start)
        if self.end is None:
            return np.where(known & (at >= start), 1.0, 0.0)
        way = (at - start) / (_number(self.end) - start)
        if self.shape == "recurring":
            done = np.where((way >= 0.0) & (np.floor(way) % 2 == 0), 1.0, 0.0)
        elif self.shape == "sudden":
            done = np.where(way >= 0.0, 1.0, 0.0)
        else:
            done = np.clip(way, 0.0, 1.0)
            if self.shape == "gradual":
                done = np.where(victims.draws("course") < done, 1.0, 0.0)
        return np.asarray(np.where(known, done, 0.0))


def _number(limit: int | str) -> float:
    if isinstance(limit, int):
        return float(limit)
    from chaos.data.times import parse_stamp

    return float(parse_stamp(limit))
