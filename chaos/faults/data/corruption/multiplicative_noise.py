"""data.multiplicative_noise"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import NumberFault
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["MultiplicativeNoise"]


@register
class MultiplicativeNoise(NumberFault):
    """Values are off by a factor whose logarithm is normal: signs and zeros stay, large values are off by more.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"speed": [10.0, 0.0]})
    >>> noisy = chaos.inject(table, "data.multiplicative_noise", column="speed", rate=1, sigma=0.1, seed=7)
    >>> [round(v) for v in noisy["speed"].to_pylist()]
    [10, 0]
    """

    name: ClassVar[str] = "data.multiplicative_noise"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "wind_speed", "rate": 0.5, "sigma": 0.3},
    )

    sigma: float = Field(
        gt=0.0, le=10.0, description="The standard deviation of the factor's logarithm: 0.1 is some 10 %."
    )

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from fractions import Fraction

        import numpy as np

        from chaos.data.precise import mapped_precisely, moved_by

        factor = np.exp(self.sigma * victims.normals("factor"))
        return mapped_precisely(
            values,
            lambda v: v * factor,
            lambda old, rows, _: moved_by(old, factor[rows], Fraction(1), Fraction(0), onto=False),
        )
