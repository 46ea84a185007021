"""Who may come in: two links with a token each, and a signed cookie for whoever has joined."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.gameday.game import Seat

__all__ = ["Keys"]


@dataclass(frozen=True, slots=True)
class Keys:
    """Tokens and cookies of one gameday. Kept beside the run while it lasts, so that links and cookies survive a crash
    of the console; readable by its owner alone."""

    secret: bytes
    port: int

    @classmethod
    def make(cls, port: int) -> Keys:
        """New ones."""
        return cls(secrets.token_bytes(32), port)

    @classmethod
    def read(cls, path: Path) -> Keys | None:
        """Those that were kept; None if there are none."""
        try:
            kept = json.loads(path.read_text(encoding="ascii"))
            return cls(bytes.fromhex(kept["secret"]), int(kept["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, path: Path) -> None:
        """Writes them to a file that nobody else can read. Raises `UsageError`."""
        text = json.dumps({"secret": self.secret.hex(), "port": self.port}).encode("ascii")
        try:
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path} can't be written ({error.strerror or error}).") from None

    def token(self, seat: Seat) -> str:
        """What the link of a seat carries."""
        return self._sign(f"seat {seat.value}")

    def seat_of(self, token: str) -> Seat | None:
        """The seat that a token is for; takes as long for a wrong one as for a right one."""
        found = None
        for seat in Seat:
            if hmac.compare_digest(self.token(seat).encode(), token.encode()):
                found = seat
        return found

    @property
    def cookie_name(self) -> str:
        """Cookies of one address are shared by all its ports: the name tells them apart."""
        return f"pipequake-{self.port}"

    def cookie(self, person_id: str) -> str:
        """What the browser of somebody who joined sends."""
        return f"{person_id}.{self._sign(f'person {person_id}')}"

    def person_of(self, cookie: str) -> str | None:
        """The id of the person of a cookie; None if it was not made here."""
        person_id, _, _ = cookie.partition(".")
        right = hmac.compare_digest(self.cookie(person_id).encode(), cookie.encode())
        return person_id if right else None

    def _sign(self, text: str) -> str:
        digest = hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:24]).decode("ascii")
