"""Files and folders that appear under their name when they are complete and on disk, and not before.

A file is written without a name where the file system has such files, as those of Linux have: when its writer dies, of
SIGKILL too, nothing is left of it. Elsewhere, and for a folder, which has to have a name, the work stands under
``.NAME.TOKEN.partial``, locked by its writer. The kernel takes the lock back when the writer dies, and whoever next
writes at the same target removes what nobody holds any more.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["appearing_file", "appearing_folder"]

#: What the kernel answers where it, or the file system, has no files without a name.
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}


@contextmanager
def appearing_file(target: Path) -> Iterator[BinaryIO]:
    """A file to write to, which is at ``target`` when the block has ended well, in place of what was there before.

    It has the permissions of the file that it replaces. Where ``target`` is a link, what it leads to is replaced.

    Raises ``OSError`` if the target's folder is missing or can't be written to, or if the target is a folder.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out"
    >>> with appearing_file(target) as file:
    ...     file.write(b"all of it"), target.exists()
    (9, False)
    >>> target.read_bytes()
    b'all of it'
    """
    if target.is_dir():
        raise IsADirectoryError(f"{str(target)!r} is a folder, and a file was to be written there: give a file's name")
    target = Path(os.path.realpath(target)) if target.is_symlink() else target
    _prepare(target)
    hidden: Path | None = None
    handle = _nameless(target.parent)
    if handle is None:
        hidden, handle = _hidden_file(target)
    try:
        with open(handle, "wb") as file:
            if target.exists():  # before a byte is written: others may not read it
                os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(handle)
            if hidden is None:
                hidden = _named(handle, target)
            if hidden is not None:
                hidden.replace(target)
            _sync(target.parent)
    finally:
        if hidden is not None:
            hidden.unlink(missing_ok=True)


@contextmanager
def appearing_folder(target: Path) -> Iterator[Path]:
    """A folder to write in, which is at ``target`` when the block has ended well.

    Raises ``FileExistsError`` if something other than an empty folder is there.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"folder {str(target)!r} exists and is not empty: choose another, or empty it first")
    _prepare(target)
    hidden, handle = _hidden_folder(target)
    try:
        yield hidden
        for path in (*hidden.rglob("*"), hidden):
            _sync(path)
        hidden.replace(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(handle)


def _prepare(target: Path) -> None:
    """The target's folder is there, and nothing in it was left by a dead writer of the same target."""
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(target.parent)!r} to write {target.name!r} in: make it first")
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        try:
            handle = os.open(left, os.O_RDONLY)
        except OSError:  # another one was faster, or it is not ours
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its writer lives; or the file system knows no locks, and nobody can tell
            continue
        else:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        finally:
            os.close(handle)


def _nameless(folder: Path) -> int | None:
    """A file without a name in the folder; None if the system has none, or could give it no name later."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None:
        return None
    try:
        handle = os.open(folder, flag | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _NO_NAMELESS:
            return None
        raise
    if not os.path.exists(f"/proc/self/fd/{handle}"):
        os.close(handle)
        return None
    return handle


def _named(handle: int, target: Path) -> Path | None:
    """Give the nameless file its name. If that is taken, it gets a hidden one, which is to be moved there."""
    try:
        _link(handle, target)
    except FileExistsError:  # a link replaces nothing, as moving does
        hidden = _hidden(target)
        _lock(handle)
        _link(handle, hidden)
        return hidden
    return None


def _link(handle: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.link(f"/proc/self/fd/{handle}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")


def _hidden_file(target: Path) -> tuple[Path, int]:
    while True:
        hidden = _hidden(target)
        handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _is_kept(hidden, handle):
            return hidden, handle


def _hidden_folder(target: Path) -> tuple[Path, int]:
    while True:
        hidden = _hidden(target)
        hidden.mkdir()
        try:
            handle = os.open(hidden, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # removed before it could be locked
            continue
        if _is_kept(hidden, handle):
            return hidden, handle


def _is_kept(hidden: Path, handle: int) -> bool:
    """Lock what was just made; false, with the handle closed, if somebody who saw it unlocked removed it."""
    _lock(handle)
    try:
        if os.path.samestat(os.stat(hidden), os.fstat(handle)):
            return True
    except FileNotFoundError:
        pass
    os.close(handle)
    return False


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:  # without locks on this file system what is left by a dead writer stays
        if error.errno not in {errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}:
            raise


def _sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on disk: a rename must not outlive a power cut that they do not."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
