"""config.changed"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Changed"]


@register
class Changed(Fault):
    """A service's settings change under it: a slip of the hand, a rotated key, a release, or somebody who has no
    business there.

    The settings take effect when the service next reads them. With ``approved``, the change went through the review
    that it has to go through, and carries its mark (the SHA-256 of the file, beside it).

    >>> from chaos.points import Point
    >>> plan = Changed(settings={"views": ["weather"]}).plan(PointView(Point.parse("env:serving"), "f1", 7))
    >>> plan.do[0].verb, plan.do[0].args["files"]
    ('overlay', {'settings.json': '{"views": ["weather"]}'})
    """

    name: ClassVar[str] = "config.changed"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.ENV})
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local"})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("env:serving", {"settings": {"views": ["weather", "plane"]}})

    settings: Mapping[str, Any] = Field(description="The settings that the service finds from now on.")
    approved: bool = Field(default=False, description="Whether the change carries the mark of a review.")

    def plan(self, view: PointView) -> Plan:
        text = json.dumps(dict(self.settings), sort_keys=True)
        files = {"settings.json": text}
        if self.approved:
            files["settings.approved"] = hashlib.sha256(text.encode()).hexdigest()
        overlay = Action("overlay", {"overlay_id": view.fault_id, "files": files})
        return Plan((overlay,), (Action("remove_overlay", {"overlay_id": view.fault_id}),))
