"""data.gaussian_noise"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import NumberFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["GaussianNoise"]


@register
class GaussianNoise(NumberFault):
    """Values scatter around the true ones, by a normal error of ``sigma``: a worn sensor, added rounding.

    >>> import pyarrow as pa, chaos
    >>> noisy = chaos.inject(pa.table({"temp": [39.0]}), "data.gaussian_noise", column="temp", rate=1, sigma=2, seed=7)
    >>> 30.0 < noisy["temp"][0].as_py() < 48.0
    True
    """

    name: ClassVar[str] = "data.gaussian_noise"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "temp", "rate": 0.5, "sigma": 5})

    sigma: float = Field(gt=0.0, description="The standard deviation of the error, in the column's own unit.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from fractions import Fraction

        import numpy as np

        from chaos.data.precise import mapped_precisely, moved_by

        with np.errstate(over="ignore"):
            error = self.sigma * victims.normals("error")
        return mapped_precisely(
            values, lambda v: v + error, lambda old, rows, unit: moved_by(old, error[rows], Fraction(0), unit)
        )
