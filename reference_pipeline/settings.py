"""What operators may set of a running service, from a file that changes go into; with or without an approval.

``settings.json`` is read anew whenever the service acts on it. A deployment that demands approvals wants, beside it,
``settings.approved`` with the SHA-256 of what was reviewed; a change that nobody reviewed is refused, and the settings
stay what they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

#: Reads a file of the service's configuration by name; None if it isn't there.
ReadFile = Callable[[str], str | None]

SETTINGS, APPROVAL = "settings.json", "settings.approved"


class Settings:
    """The settings of one service; ``refused`` says why the newest ones are not in force.

    >>> files = {"settings.json": '{"views": []}'}
    >>> settings = Settings(files.get, approvals=True)
    >>> settings.current(), settings.refused
    ({}, 'settings.json was changed without an approval')
    >>> files["settings.approved"] = hashlib.sha256(b'{"views": []}').hexdigest()
    >>> settings.current()
    {'views': []}
    """

    def __init__(self, read: ReadFile, *, approvals: bool) -> None:
        self._read = read
        self._approvals = approvals
        self._known: Mapping[str, Any] = {}
        self.refused: str | None = None

    def current(self) -> Mapping[str, Any]:
        """What is in force now."""
        text = self._read(SETTINGS)
        if text is None:
            self._known, self.refused = {}, None
            return self._known
        if self._approvals and hashlib.sha256(text.encode()).hexdigest() != (self._read(APPROVAL) or "").strip():
            self.refused = f"{SETTINGS} was changed without an approval"
            return self._known
        try:
            found = json.loads(text)
        except ValueError as error:
            self.refused = f"{SETTINGS}: {error}"
            return self._known
        self._known = found if isinstance(found, dict) else {}
        self.refused = None if isinstance(found, dict) else f"{SETTINGS}: expected an object"
        return self._known
