"""dependency.incompatible_library"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from chaos.dependency import shims
from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["IncompatibleLibrary"]


@register
class IncompatibleLibrary(Fault):
    """A service gets a release of a library that does not fit: it cannot be imported, or behaves otherwise.

    The release lies before the real one on the service's import path and takes effect when the library is next
    imported. Behaviours: ``raw_scores`` (lightgbm: ``predict`` returns log-odds), ``ignored_parameter`` (lightgbm:
    ``train`` overlooks the parameter ``subject``), ``missing_attribute`` (any library: ``subject`` is gone).

    >>> from chaos.points import Point
    >>> plan = IncompatibleLibrary().plan(PointView(Point.parse("env:training"), "f1", 7))
    >>> plan.do[0].verb, list(plan.do[0].args["files"]), plan.undo[0].verb
    ('overlay', ['lightgbm/__init__.py'], 'remove_overlay')
    """

    name: ClassVar[str] = "dependency.incompatible_library"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.ENV})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "env:training",
        {"library": "lightgbm", "mode": "behaviour", "behaviour": "raw_scores"},
    )

    library: str = Field(
        default="lightgbm", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The top-level package to stand before."
    )
    mode: Literal["import_error", "behaviour"] = Field(
        default="import_error", description="Whether importing fails, or works and something is different."
    )
    message: str | None = Field(default=None, description="The text of the ImportError (mode import_error).")
    behaviour: Literal["raw_scores", "ignored_parameter", "missing_attribute"] | None = Field(
        default=None, description="What is different (mode behaviour)."
    )
    subject: str | None = Field(
        default=None, description="The parameter that is overlooked, or the attribute that is gone."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> IncompatibleLibrary:
        if self.mode == "import_error":
            if self.behaviour is not None or self.subject is not None:
                raise ValueError("behaviour and subject need mode 'behaviour'")
            return self
        if self.message is not None:
            raise ValueError("message needs mode 'import_error'")
        if self.behaviour is None:
            raise ValueError(f"mode 'behaviour' needs a behaviour: {', '.join(shims.BEHAVIOURS)}")
        libraries = shims.BEHAVIOURS[self.behaviour]
        if libraries is not None and self.library not in libraries:
            raise ValueError(f"behaviour {self.behaviour!r} is known for {', '.join(libraries)} only")
        if (self.behaviour in shims.NEED_SUBJECT) != (self.subject is not None):
            need = "needs a subject" if self.subject is None else "takes no subject"
            raise ValueError(f"behaviour {self.behaviour!r} {need}")
        return self

    def plan(self, view: PointView) -> Plan:
        if self.behaviour is not None:
            files = shims.bent(self.library, self.behaviour, self.subject)
        else:
            files = shims.broken(self.library, self.message or _message(self.library))
        overlay = Action("overlay", {"overlay_id": view.fault_id, "files": files})
        return Plan((overlay,), (Action("remove_overlay", {"overlay_id": view.fault_id}),))


def _message(library: str) -> str:
    return (
        f"{library}: this release was built against another binary interface of numpy than the one installed "
        "(expected 0x1000009, found 0x2000000)"
    )
