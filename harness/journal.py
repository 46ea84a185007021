"""The journal: what happened in a run, one JSON object a line; all that scoring and reports read.

The bytes are canonical, so that the same seed gives the same file: keys sorted, no spaces, ASCII, measured
floats rounded to 6 digits, values that are not finite written as null. Inputs (`EXACT`) are kept to the last
digit, because runs are repeated from them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from harness.errors import NO_ROOM, DiskFull, JournalError

__all__ = ["EXACT", "TORN", "ArmJournal", "JournalWriter", "encode", "merge_journals", "read_journal"]

Record = dict[str, Any]

#: Fields that hold inputs, not measurements: their floats aren't rounded.
EXACT = frozenset({"spec", "params", "do", "undo"})

#: The kind of the record that stands for a line that was cut short by a crash.
TORN = "journal.torn"

_REQUEST = b'"kind":"request"'
_dumps = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False).encode


def encode(record: Mapping[str, Any]) -> str:
    """The canonical line of a record, without the line's end.

    Raises ``TypeError`` for what isn't JSON. Numbers of numpy are taken as the plain numbers that they are.

    >>> encode({"t": 1.23456789, "kind": "probe", "value": float("nan")})
    '{"kind":"probe","t":1.234568,"value":null}'
    """
    return _dumps({key: _plain(value, key not in EXACT) for key, value in record.items()})


def _plain(value: Any, rounded: bool) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if not math.isfinite(value):
            return None
        return round(value, 6) + 0.0 if rounded else value  # + 0.0: no negative zero
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"expected text as keys in the journal, got {list(value)!r:.80}")
        return {str(key): _plain(item, rounded) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, rounded) for item in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _plain(float(value), rounded)
    raise TypeError(f"expected JSON in the journal, got {kind.__name__}: {value!r:.80}")


class JournalWriter:
    """Appends records to a file; a context manager. Each line is one write, so a reader sees whole lines.

    Opening a file that ends in a torn line first replaces the torn bytes by a `TORN` record. Raises
    `JournalError` when the file can't be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._last_t: dict[str, float] = {}
        self._failure: JournalError | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file():
                _mend(self.path)
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def write(self, record: Mapping[str, Any], durable: bool = False) -> None:
        """Append a record, which has at least ``arm``, ``t`` (seconds) and ``kind``.

        ``durable``: return only when the line survives a crash of the machine. Raises ``ValueError`` if a
        key is missing or time runs backwards within an arm. After a write that failed every other one fails, too: a
        journal has no holes.
        """
        if self._failure is not None:
            raise self._failure
        try:
            arm, t, _ = record["arm"], record["t"], record["kind"]
        except KeyError as error:
            raise ValueError(f"a journal record needs {error.args[0]!r}: {dict(record)!r:.120}") from None
        if t < self._last_t.get(arm, -math.inf):
            raise ValueError(f"time runs backwards in arm {arm!r}: {t!r} after {self._last_t[arm]!r}")
        line = memoryview(_line(record))
        self._last_t[arm] = t
        try:
            while line:
                line = line[self._file.write(line) :]
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._failure = _unwritable(self.path, error)
            raise self._failure from None

    def arm(self, arm: str, clock: Callable[[], float]) -> ArmJournal:
        """A writer for one arm of the run, which stamps each record with the clock's time."""
        return ArmJournal(self, arm, clock)

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ArmJournal:
    """The journal as one arm of a run sees it; fits `chaos.engine.Sink`."""

    def __init__(self, writer: JournalWriter, arm: str, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._arm = arm
        self._clock = clock

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Append a record of a kind, now. ``fields`` can't replace ``arm``, ``t`` or ``kind``."""
        record = {**fields, "arm": self._arm, "t": self._clock(), "kind": kind}
        if len(record) != len(fields) + 3:
            raise ValueError(f"{kind}: the fields arm, t and kind are the journal's own, got {sorted(fields)}")
        self._writer.write(record, durable)


def read_journal(path: str | Path) -> Iterator[Record]:
    """The records of a journal, in order; works while it is being written.

    A last line that a crash cut short comes as ``{"kind": "journal.torn", "line": ..., "bytes": ...}`` with
    the arm and time of the record before it. Raises `JournalError` with the line for any other damage.
    """
    return (record for _, record in _read(path))


def _read(path: str | Path) -> Iterator[tuple[bytes, Record]]:
    """Each line as it is, or as it should be if it is torn, and what it says."""
    last: Record = {"arm": "", "t": 0.0}
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                record = _decode(line)
                if not line.endswith(b"\n"):
                    record = record or _torn(last, number, len(line))
                    line = _line(record)
                if record is None:
                    shown = line[:60].decode("utf-8", "backslashreplace").rstrip("\n")
                    message = f"not a journal record: {shown!r}. Restore the file from a copy, or run again."
                    raise JournalError(f"{path}:{number}: {message}")
                last = record
                yield line, record
    except OSError as error:
        reason = error.strerror or str(error)
        raise JournalError(f"{path}: the journal can't be read ({reason}). Check the path of the run.") from None


def merge_journals(parts: Sequence[str | Path], into: str | Path) -> None:
    """Put the journals of several arms one after another, in the order given, into a new file.

    The file appears whole or not at all. Every line is checked; a part's torn line becomes a `TORN` record.
    """
    target = Path(into)
    partial = target.with_name(target.name + ".part")
    try:
        with partial.open("wb") as file:
            for part in parts:
                file.writelines(line for line, _ in _read(part))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        partial.unlink(missing_ok=True)


def _decode(line: bytes) -> Record | None:
    try:
        record = _parsed(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not {"arm", "t", "kind"} <= record.keys():
        return None
    known = isinstance(record["arm"], str) and isinstance(record["kind"], str) and isinstance(record["t"], int | float)
    return record if known else None


def _parsed(line: bytes) -> Any:
    if _REQUEST in line:  # nearly all lines, and no number in them is too large for a reader that is faster
        try:
            return orjson.loads(line)
        except ValueError:  # half a surrogate pair, say
            pass
    return json.loads(line.decode("utf-8"))  # of bytes, json would guess the encoding of each line


def _line(record: Mapping[str, Any]) -> bytes:
    return f"{encode(record)}\n".encode("ascii")


def _torn(last: Record, number: int, size: int) -> Record:
    return {"arm": last["arm"], "t": last["t"], "kind": TORN, "line": number, "bytes": size}


def _mend(path: Path) -> None:
    """Replace a torn last line by a record that says so, and end a whole one that lacks its line's end."""
    records = list(read_journal(path))
    data = path.read_bytes()
    if not data or data.endswith(b"\n"):
        return
    whole = data.rfind(b"\n") + 1
    with path.open("r+b") as file:
        file.truncate(whole)
        file.seek(whole)
        file.write(_line(records[-1]))


def _unwritable(path: Path, error: OSError) -> JournalError:
    reason = error.strerror or str(error)
    if error.errno in NO_ROOM:
        return DiskFull(
            f"{path}: the journal can't be written ({reason}). Free some space there, then "
            "`pipequake recover`, with the run's --results."
        )
    return JournalError(f"{path}: the journal can't be written ({reason}). Choose a folder that you may write to.")
