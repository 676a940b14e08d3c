"""Files that are either whole or not there: written beside their place and moved in with one rename.

How much of a file from outside is read is said here too; more is refused before it is parsed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from reviewlib.errors import ReviewError

#: Of a saved mail or a form, with what is attached; of a params file; of a file of goals.
ANSWER_BYTES: Final = 30_000_000
PARAMS_BYTES: Final = 1_000_000
GOALS_BYTES: Final = 5_000_000
#: Of a mail: its lines, its parts, which also bounds how deep they are nested, and the fields that say what a part is.
MAIL_LINES: Final = 1_000_000
MAIL_PARTS: Final = 100
FIELD_CHARACTERS: Final = 2_000
FIELD_BRACKETS: Final = 50
#: Of an answer's text, once it is taken out of its mail.
ANSWER_CHARACTERS: Final = 1_000_000
#: Of YAML: how deep it is nested, and how many values there are where each alias stands for what it names.
YAML_DEPTH: Final = 50
YAML_VALUES: Final = 1_000_000
#: Of a table: its columns (as many as a spreadsheet has), the characters of a field, and of a spreadsheet its bytes,
#: unpacked, and the cells of a sheet.
TABLE_COLUMNS: Final = 16_384
CELL_CHARACTERS: Final = 1_048_576
BOOK_BYTES: Final = 2_000_000_000
SHEET_CELLS: Final = 20_000_000
#: No letter has more marks on it: what follows in a run of them is left out where texts are compared.
LETTER_MARKS: Final = 30
_MARKS_BESIDE: Final = "\uff9e\uff9f"  # marks of half width, which are letters of their own until they are normalized

SLUG_BYTES = 80
#: How the names of files end that are not in their places yet.
PART = ".part"
_CLAIM = ".claim"


@dataclass(frozen=True)
class Modes:
    """Who may read what is written: nobody but the owner, or one group of accounts too."""

    file: int = 0o600
    folder: int = 0o700
    gid: int | None = None

    @classmethod
    def shared(cls, group: str) -> Modes:
        """Let one group of operating-system accounts read.

        Raises:
            ReviewError: This system does not know the group.
        """
        try:
            import grp

            return cls(file=0o640, folder=0o750, gid=grp.getgrnam(group).gr_gid)
        except ModuleNotFoundError:
            what, do = "groups of accounts are not supported on Windows", "leave group: out"
        except KeyError:
            what, do = "this system has no such group of accounts", "create the group, or correct its name"
        raise ReviewError(what, where="group", found=group, do=do)


PRIVATE = Modes()


def slug(name: str, id: str) -> str:
    """Make a file name stem of a name and an id: lower case ASCII, at most ``SLUG_BYTES`` bytes.

    The hash of the id keeps two people of one name apart, also where case does not count; with it no stem is a reserved name.
    Scripts without a Latin decomposition leave the hash alone.
    """
    mark = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    plain = normalized(name.casefold(), "NFKD").encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[: SLUG_BYTES - len(mark) - 1].strip("-")
    return f"{words}-{mark}" if words else mark


def normalized(text: str, form: Literal["NFKC", "NFKD"]) -> str:
    """Normalize a text for comparing; a run of marks that no letter has would take the square of its length."""
    if text.isascii():
        return text
    run, kept = 0, list[str]()
    for char in text:
        run = run + 1 if char in _MARKS_BESIDE or unicodedata.category(char).startswith("M") else 0
        if run <= LETTER_MARKS:
            kept.append(char)
    return unicodedata.normalize(form, "".join(kept))


def read(path: Path, most: int, refused: type[ReviewError], *, do: str) -> bytes:
    """Read a file from outside.

    Raises:
        ReviewError: It is larger than ``most`` bytes; the error is of the type given.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise refused("The file is too large.", where=path.name, found=f"more than {most:,} bytes", do=do)
    return content


def statements(sql: str) -> dict[str, str]:
    """Take a file of SQL apart: its statements, which an empty line parts, by the names that stand above them."""
    return dict(statement.removeprefix("-- ").split("\n", maxsplit=1) for statement in sql.strip().split("\n\n"))


def sha256(content: str | bytes) -> str:
    """Hash what a file holds."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def sha256_of(path: Path) -> str:
    """Hash a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, content: str | bytes, *, modes: Modes = PRIVATE) -> None:
    """Write one file; whoever looks sees the old one or the new one, never a part.

    Raises:
        OSError: No room, no permission; the old file is untouched.
    """
    write_all({path: content}, modes=modes)


def write_all(contents: Mapping[Path, str | bytes], *, modes: Modes = PRIVATE) -> None:
    """Write files that belong together: all are whole on disk before the first one is moved in.

    Raises:
        OSError: No room, no permission; no old file was touched unless a rename itself failed.
    """
    move_in(stage(contents, modes=modes))


def secure(path: Path, *, modes: Modes = PRIVATE) -> None:
    """Bring a file that a library wrote to the disk, and give it its modes.

    Raises:
        OSError: That cannot be done.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    _open_to(path, modes.file, modes.gid)


def stage(contents: Mapping[Path, str | bytes], *, modes: Modes = PRIVATE) -> dict[Path, Path]:
    """Write files beside their places, whole and on disk, for ``move_in``; keys are the places, values where they are now.

    Raises:
        OSError: No room, no permission; nothing is left.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            make_folder(path.parent, modes=modes)
            staged[path] = path.parent / f".{secrets.token_hex(6)}{PART}"
            _write_through(staged[path], content.encode() if isinstance(content, str) else content, modes)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # which a write that finds no room does not tell
        discard(staged.values())
        raise
    return staged


def move_in(staged: Mapping[Path, Path]) -> None:
    """Put staged files in their places, each with one rename.

    Raises:
        OSError: A rename failed; what was not moved in is removed.
    """
    try:
        for path, part in staged.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder is where a file belongs", str(path))
            part.replace(path)
    finally:
        discard(staged.values())
    for folder in {path.parent for path in staged}:
        sync_folder(folder)


def discard(parts: Iterable[Path]) -> None:
    """Remove staged files that nobody will move in; those that are in their places already are not touched."""
    for part in parts:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left staged below a folder; only while nobody writes there."""
    discard(folder.rglob(f".*{PART}"))


def append_line(path: Path, line: str, *, modes: Modes = PRIVATE) -> None:
    """Add one line to a file, on disk when this returns; the file is made where it is missing.

    What a writer that was killed left of a line is cut off. One process writes at a time.

    Raises:
        OSError: No room, no permission; the file is as it was.
    """
    make_folder(path.parent, modes=modes)
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    # Without a buffer: what is left in one is written when the file is closed, also behind what was cut off.
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        end = end_of_lines(file)
        try:
            file.truncate(end)
            file.seek(end)
            rest = memoryview(f"{line}\n".encode())
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            raise
    if new:
        _open_to(path, modes.file, modes.gid)
        sync_folder(path.parent)


def end_of_lines(file: BinaryIO) -> int:
    """Where the last whole line of a file ends."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    if file.read(1) in (b"", b"\n"):
        return size
    file.seek(0)
    return file.read().rfind(b"\n") + 1


@contextlib.contextmanager
def alone(lock: Path, *, modes: Modes = PRIVATE) -> Iterator[None]:
    """Wait until no other process holds the lock, and hold it; it goes with the process."""
    from filelock import FileLock

    make_folder(lock.parent, modes=modes)
    with FileLock(lock, mode=modes.file, thread_local=False):
        yield


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder that shall not outlive this process, so that ``sweep_unclaimed`` leaves it alone meanwhile."""
    from filelock import FileLock

    lock = FileLock(folder / _CLAIM, thread_local=False)
    lock.acquire(timeout=0)
    try:
        yield
    finally:
        lock.release()
        (folder / _CLAIM).unlink(missing_ok=True)


def sweep_unclaimed(folders: Iterable[Path]) -> None:
    """Remove folders that processes claimed which have been killed since; those of others are left alone."""
    from filelock import FileLock, Timeout

    for folder in folders:
        claim = folder / _CLAIM
        with contextlib.suppress(OSError, Timeout):
            if _is_mine(claim):
                with FileLock(claim, thread_local=False).acquire(timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_mine(file: Path) -> bool:
    """Whether a file is one of this account's and no link: others may have laid one into a folder that all share."""
    found = file.lstat()
    return stat.S_ISREG(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def make_folder(path: Path, *, modes: Modes = PRIVATE) -> None:
    """Create a folder and its missing parents with the modes, on disk when this returns; what exists keeps its own."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=modes.folder)
            _open_to(folder, modes.folder, modes.gid)
            with contextlib.suppress(PermissionError):  # a folder may be entered and written to, and not be read
                sync_folder(folder.parent)


def shown(path: Path) -> str:
    """Show a path as short as it can be typed."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: That cannot be done.
    """
    if sys.platform == "win32":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_through(path: Path, content: bytes, modes: Modes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _open_to(path, modes.file, modes.gid)


def _open_to(path: Path, mode: int, gid: int | None) -> None:
    if sys.platform != "win32" and gid is not None:
        os.chown(path, -1, gid)
    path.chmod(mode)
