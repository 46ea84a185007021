"""HTML by construction: text is escaped unless it was made here, so that no report can forget to."""

from __future__ import annotations

from html import escape

from harness.reports.narrative import harmless

_VOID = frozenset({"br", "input", "meta", "path", "line", "rect", "circle"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, /, *children: str | Html | None, **attributes: str | int | float | bool | None) -> Html:
    """An element. Children that are not `Html` are escaped; ``class_`` is ``class``, other underscores are
    hyphens.

    >>> el("p", "a < b", el("b", "c"), class_="x")
    '<p class="x">a &lt; b<b>c</b></p>'
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(harmless(str(value)))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID and not children:
        return Html(f"<{name}{shown}/>" if name not in ("br", "input", "meta") else f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*children: str | Html | None) -> Html:
    """The children one after another, escaped unless they are markup."""
    return Html("".join(c if isinstance(c, Html) else escape(harmless(c)) for c in children if c is not None))
