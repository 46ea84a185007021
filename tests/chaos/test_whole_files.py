"""Files appear whole or not at all, and a dead writer leaves nothing that stays."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import pytest

from chaos.whole_files import appearing_file, appearing_folder

#: Writes half of a file, or of a folder, says so, and waits to be ended.
WRITER = """
import os, sys
from pathlib import Path
if "named" in sys.argv:
    del os.O_TMPFILE
from chaos.whole_files import appearing_file, appearing_folder
target = Path(sys.argv[1])
if "folder" in sys.argv:
    with appearing_folder(target) as folder:
        (folder / "half").write_bytes(b"half")
        print("half", flush=True)
        sys.stdin.read()
else:
    with appearing_file(target) as file:
        file.write(b"half")
        file.flush()
        print("half", flush=True)
        sys.stdin.read()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a writer, and is back when it is half done."""
    running: list[subprocess.Popen[str]] = []

    def started(target: Path, *how: str) -> subprocess.Popen[str]:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target), *how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(writer)
        assert pipe(writer.stdout).readline() == "half\n"
        return writer

    yield started
    for writer in running:
        writer.kill()
        pipe(writer.stdin).close()
        pipe(writer.stdout).close()
        writer.wait()


def pipe(end: IO[str] | None) -> IO[str]:
    assert end is not None
    return end


def kill(writer: subprocess.Popen[str]) -> None:
    writer.kill()
    assert writer.wait() == -signal.SIGKILL


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(target: Path, parts: Iterable[bytes] = (b"all ", b"of it")) -> None:
    with appearing_file(target) as file:
        file.writelines(parts)


def halves() -> Iterator[bytes]:
    """Half of what was to be written, and then something happens."""
    yield b"half"
    raise KeyboardInterrupt


needs_nameless = pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no files without a name on this system")


@needs_nameless
@pytest.mark.parametrize("before", [None, b"as it was"])
def test_a_killed_writer_leaves_nothing_at_all(tmp_path: Path, start: Start, before: bytes | None) -> None:
    target = tmp_path / "out"
    if before is not None:
        target.write_bytes(before)
    kill(start(target))
    assert listing(tmp_path) == ([] if before is None else ["out"])
    assert before is None or target.read_bytes() == before


@pytest.mark.parametrize("how", [("named",), ("folder",)])
def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path, start: Start, how: tuple[str]) -> None:
    target = tmp_path / "out"
    kill(start(target, *how))
    (left,) = listing(tmp_path)
    assert left.startswith(".out.")
    assert left.endswith(".partial")
    write(target)
    assert listing(tmp_path) == ["out"]


@pytest.mark.parametrize("how", [(), ("named",), ("folder",)])
def test_what_a_living_writer_works_on_stays(tmp_path: Path, start: Start, how: tuple[str]) -> None:
    target = tmp_path / "out"
    writer = start(target, *how)
    before = listing(tmp_path)
    with appearing_file(target) as file:
        file.write(b"mine")
    assert listing(tmp_path) == sorted([*before, "out"])
    target.unlink()
    pipe(writer.stdin).close()  # it ends what it was doing
    assert writer.wait() == 0
    assert listing(tmp_path) == ["out"]
    assert (target / "half" if "folder" in how else target).read_bytes() == b"half"


def test_the_left_overs_of_other_targets_stay(tmp_path: Path, start: Start) -> None:
    kill(start(tmp_path / "other", "named"))
    write(tmp_path / "out")
    assert len(listing(tmp_path)) == 2


@pytest.mark.parametrize("nameless", [pytest.param(True, marks=needs_nameless), False])
@pytest.mark.parametrize("before", [None, b"as it was"])
def test_a_failure_in_the_middle_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool, before: bytes | None
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    target = tmp_path / "out"
    if before is not None:
        target.write_bytes(before)
    found = listing(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write(target, halves())
    assert listing(tmp_path) == found
    assert before is None or target.read_bytes() == before
    write(target)
    assert (listing(tmp_path), target.read_bytes()) == (["out"], b"all of it")
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask()


@pytest.mark.parametrize("nameless", [pytest.param(True, marks=needs_nameless), False])
def test_a_file_that_is_replaced_keeps_its_permissions_and_the_links_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (tmp_path / "deep").mkdir()
    target = tmp_path / "deep" / "file"
    target.write_bytes(b"as it was")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(Path("deep") / "file")
    with appearing_file(link) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o640
        file.write(b"all of it")
    assert (link.readlink(), listing(tmp_path / "deep")) == (Path("deep") / "file", ["file"])
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"all of it", 0o640)


def test_a_link_to_nothing_yet_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write(tmp_path / "link")
    assert listing(tmp_path) == ["file", "link"]
    assert not (tmp_path / "file").is_symlink()


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


@needs_nameless
def test_a_file_system_without_nameless_files_is_written_to_under_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refusing(path: object, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not here")
        return opened(path, flags, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", refusing)
    with appearing_file(tmp_path / "out") as file:
        file.write(b"all of it")
        assert [name[-8:] for name in listing(tmp_path)] == [".partial"]
    assert listing(tmp_path) == ["out"]


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_what_appears_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool, before: bool) -> None:
    """The bytes first, then the names in folders, then the name in place, and last the folder that it stands in."""
    target = tmp_path / "out"
    if before:
        target.mkdir() if folder else target.write_bytes(b"as it was")
    steps: list[object] = []
    sync, link, replace = os.fsync, os.link, os.replace

    def syncing(at: int) -> None:
        steps.append(os.fstat(at).st_ino)
        sync(at)

    def linking(*args: object, **kwargs: object) -> None:
        link(*args, **kwargs)  # type: ignore[arg-type]
        steps.append("named")

    def replacing(*args: object) -> None:
        replace(*args)  # type: ignore[arg-type]
        steps.append("named")

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "link", linking)
    monkeypatch.setattr(os, "replace", replacing)
    if folder:
        with appearing_folder(target) as at:
            (at / "deep").mkdir()
            (at / "deep" / "file").write_bytes(b"x")
    else:
        write(target)
    made = {path.stat().st_ino for path in (target, *target.rglob("*"))}
    assert set(steps[: steps.index("named")]) == made
    assert steps[-2:] == ["named", tmp_path.stat().st_ino]


def test_where_nothing_can_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder '.*nowhere' to write 'out' in: make it first"):
        write(tmp_path / "nowhere" / "out")
    with pytest.raises(IsADirectoryError, match="give a file's name"):
        write(tmp_path)
    (tmp_path / "out").write_bytes(b"x")
    with pytest.raises(FileExistsError, match="choose another"), appearing_folder(tmp_path / "out"):
        pass
