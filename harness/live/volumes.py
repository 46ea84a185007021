"""Volumes that can fill up or turn read-only for real: a mount each, which nobody else sees and no crash leaves behind.

The mounts are in a namespace of the process that makes them and of its children. They end with the last of these.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.errors import TargetError

__all__ = ["Volumes"]

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_REC, _MS_PRIVATE = 1, 32, 16384, 1 << 18
_MNT_DETACH = 2
#: How large a volume may become, in bytes; memory is taken for what is in it only.
_SIZE = 1 << 29
_ATTEMPTS = 20


class Volumes:
    """Folders of ``root``, each a file system of its own. Needs root (CAP_SYS_ADMIN) on Linux."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        """Mounts them. Raises `TargetError` where that can't be done."""
        self._paths = {name: root / name for name in names}
        self._full: set[str] = set()
        self._protected: set[str] = set()
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            _check(self._libc.unshare(_CLONE_NEWNS))
            self._mount("none", Path("/"), None, _MS_REC | _MS_PRIVATE, "")
            for path in self._paths.values():
                path.mkdir(exist_ok=True)
                self._mount("pipequake", path, "tmpfs", 0, f"size={_SIZE}")
        except (OSError, AttributeError) as error:
            self.unmount()
            raise TargetError(
                f"volumes can't be mounted ({error}): a disk that is full or read-only needs root on Linux. "
                "Run as root, or leave such faults out."
            ) from error

    def fill(self, name: str) -> None:
        """Takes all the room that is left: whoever writes gets ENOSPC. Raises ``OSError`` if it can't be done."""
        self._full.add(name)
        self._set(name)

    def free(self, name: str) -> None:
        """There is room again."""
        self._full.discard(name)
        self._set(name)

    def protect(self, name: str) -> None:
        """Makes it read-only: whoever writes gets EROFS. Raises ``OSError``, also while a file is open for writing."""
        self._protected.add(name)
        self._set(name)

    def unprotect(self, name: str) -> None:
        """It can be written again, if there is room."""
        self._protected.discard(name)
        self._set(name)

    def _set(self, name: str) -> None:
        """One mount is both: read-only, whatever room there is, or full, or neither."""
        path = self._paths[name]
        if name in self._protected:
            self._mount("pipequake", path, None, _MS_REMOUNT | _MS_RDONLY, f"size={_SIZE}")
            if not _refuses(path, errno.EROFS):
                raise OSError(errno.EINVAL, f"{path} can still be written")
        elif name in self._full:
            self._fill(path)
        else:
            self._mount("pipequake", path, None, _MS_REMOUNT, f"size={_SIZE}")

    def _fill(self, path: Path) -> None:
        for _ in range(_ATTEMPTS):
            found = os.statvfs(path)
            used = max((found.f_blocks - found.f_bfree) * found.f_frsize, found.f_frsize)
            with suppress(OSError):  # more was written since: its size is no longer enough
                self._mount("pipequake", path, None, _MS_REMOUNT, f"size={used}")
            if _refuses(path, errno.ENOSPC):
                return
        raise OSError(errno.EBUSY, f"{path} is written to faster than it can be filled")

    def unmount(self) -> None:
        """The end of all of them, with what is in them."""
        for path in self._paths.values():
            self._libc.umount2(os.fsencode(path), _MNT_DETACH)

    def _mount(self, source: str, target: Path, kind: str | None, flags: int, data: str) -> None:
        _check(
            self._libc.mount(
                source.encode(), os.fsencode(target), None if kind is None else kind.encode(), flags, data.encode()
            )
        )


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _refuses(path: Path, expected: int) -> bool:
    """Whether a write there ends with that error."""
    probe = path / ".probe"
    try:
        probe.write_bytes(b"x" * 8192)
    except OSError as error:
        return error.errno == expected
    finally:
        with suppress(OSError):
            probe.unlink()
    return False
