"""schema.skip_contract_version"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["SkipContractVersion"]


@register
class SkipContractVersion(FeedFault):
    """A producer moves on to a later version of the contract, past one that its consumers were told of.

    Only the manifest says so: the data is as it was. A version of the form ``1.0`` or ``1`` is raised by ``by``; one of
    another form stays, and the fault is inert, unless ``version`` gives the new one.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "weather", t, t, t, t, 3, {}, "csv", "", "1.4") for t in (0, 60)]
    >>> made = SkipContractVersion().deliver(refs, now=100, since=30, seed=7)
    >>> [ref.contract_version for ref in made]
    ['1.4', '3.0']
    """

    name: ClassVar[str] = "schema.skip_contract_version"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {})

    by: int = Field(default=2, ge=1, le=100, description="How many major versions later.")
    version: str | None = Field(default=None, min_length=1, description="The new version, instead of a later one.")

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        return [self._moved_on(ref) if ref.published_at > since else ref for ref in refs]

    def _moved_on(self, ref: BatchRef) -> BatchRef:
        old = ref.contract_version
        new = self.version if self.version is not None else _later(old, self.by)
        return ref if new == old else replace(ref, contract_version=new)


def _later(version: Any, by: int) -> Any:
    if isinstance(version, int) and not isinstance(version, bool):
        return version + by
    major, dot, _ = str(version).partition(".")
    if not (isinstance(version, str) and major.isascii() and major.isdigit()):
        return version
    return f"{int(major) + by}.0" if dot else str(int(major) + by)
