"""Whether ingestion has taken over what its providers had before the start, when the clocks stand still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["AGAIN_S", "has_failed", "has_settled"]

#: After a failed look ingestion is started again, but not more often than this, in seconds: it would look again by
#: itself at the next poll, which does not come before the clocks run.
AGAIN_S = 10.0

Feeds = Mapping[str, Mapping[str, Any]]


def has_settled(feeds: Feeds) -> bool:
    """Whether every feed was read and all of it handed over; ``feeds`` is what ingestion says of them.

    >>> has_settled({"flights": {"last_success_at": 1.0, "undelivered": 0}})
    True
    >>> has_settled({})
    False
    """
    return bool(feeds) and all(map(_is_done, feeds.values()))


def has_failed(feeds: Feeds) -> bool:
    """Whether a look at a feed, or a delivery, has failed and not been made good since: a machine was too busy.

    >>> feed = {"last_success_at": None, "undelivered": 0, "poll_errors": 1, "delivery_errors": 0}
    >>> has_failed({"flights": feed}), has_failed({"flights": {**feed, "last_success_at": 1.0}})
    (True, False)
    """
    return any(not _is_done(feed) and (feed["poll_errors"] or feed["delivery_errors"]) for feed in feeds.values())


def _is_done(feed: Mapping[str, Any]) -> bool:
    return feed["last_success_at"] is not None and not feed["undelivered"]
