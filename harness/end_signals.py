"""Signals by which a process is asked to end in an orderly way."""

from __future__ import annotations

import signal

__all__ = ["end_signals"]


def end_signals() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM and, unless it was ignored from the start as under ``nohup``, a terminal that is closed."""
    always = (signal.SIGINT, signal.SIGTERM)
    return always if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*always, signal.SIGHUP)
