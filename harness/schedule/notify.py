"""Tells people of a change: a webhook, Slack's format, or e-mail.

Secrets are read when they are needed, and shown nowhere.
"""

from __future__ import annotations

import json
import os
import smtplib
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.reports.narrative import plain
from harness.schedule.decide import Notice
from harness.schedule.plan import Channel

__all__ = ["NotTold", "payload_of", "tell", "text_of"]

_TIMEOUT_S = 10.0


class NotTold(Exception):
    """A notice could not be delivered. The text never holds an address or a secret."""


def text_of(notice: Notice) -> str:
    """A change in a line.

    >>> text_of(Notice("nightly", "failed", "passed", {"mature": 1}, {"mature": 2}))
    'chaos nightly: failed (was passed); mature is at tier 1 (was 2)'
    """
    before = f" (was {notice.before})" if notice.before is not None and notice.before != notice.verdict else ""
    parts = [f"chaos {notice.job}: {notice.verdict}{before}"]
    for profile, tier in notice.tiers.items():
        was = notice.tiers_before.get(profile, tier)
        if was != tier:
            parts.append(f"{plain(profile)} is at tier {_tier(tier)} (was {_tier(was)})")
    return "; ".join(parts)


def _tier(level: int | None) -> str:
    return "unknown" if level is None else str(level)


def payload_of(notice: Notice) -> dict[str, Any]:
    """What a webhook gets."""
    return {
        "job": notice.job,
        "verdict": notice.verdict,
        "verdict_before": notice.before,
        "tiers": dict(notice.tiers),
        "tiers_before": dict(notice.tiers_before),
        "text": text_of(notice),
    }


def tell(channel: Channel, notice: Notice, environment: Mapping[str, str] | None = None) -> None:
    """Delivers a notice. Raises `NotTold`."""
    known = os.environ if environment is None else environment
    if channel.kind == "email":
        _mail(channel, notice, known)
        return
    body = payload_of(notice)
    if channel.kind == "slack":
        body = {"text": text_of(notice).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    _post(_secret(channel, "url", known), body)


def _secret(channel: Channel, name: str, environment: Mapping[str, str]) -> str:
    variable, file = channel.settings.get(f"{name}_env"), channel.settings.get(f"{name}_file")
    if variable is not None:
        value = environment.get(variable, "")
        if not value:
            raise NotTold(f"{channel.kind}: the environment variable {variable} is not set")
        return value.strip()
    try:
        return Path(str(file)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise NotTold(f"{channel.kind}: the file {file} cannot be read") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook's address is a secret: it isn't followed to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(url: str, body: Mapping[str, Any]) -> None:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        data = json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", "User-Agent": "pipequake"})
    except ValueError:
        raise NotTold("webhook: the address is no http(s) URL") from None
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        raise NotTold(f"webhook: answered with status {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotTold(f"webhook: no answer ({type(reason).__name__})") from None


def _mail(channel: Channel, notice: Notice, environment: Mapping[str, str]) -> None:
    settings = channel.settings
    message = EmailMessage()
    message["Subject"] = plain(text_of(notice))[:200]
    message["From"], message["To"] = settings["from"], settings["to"]
    message.set_content(json.dumps(payload_of(notice), indent=2) + "\n")
    try:
        with smtplib.SMTP(settings["host"], int(settings.get("port", "25")), timeout=_TIMEOUT_S) as server:
            if settings.get("starttls", "True") == "True":
                server.starttls()
            if "user" in settings:
                server.login(settings["user"], _secret(channel, "password", environment))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotTold(f"email: not delivered ({type(error).__name__})") from None
