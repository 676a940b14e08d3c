"""What forked kernels write to: those pages are copied for the next one in one go, which takes a fraction of the time.

A fork shares all pages, and each is copied when it is first written to, at the price of an interruption of the processor.
Counting a reference is writing, so a kernel copies a third of what it was given, and about the same third as the others do.
A kernel has a quarter more memory of its own for it. Where one kernel runs at a time nothing is learned, because the next
begins when it has ended. Linux only; where the system does not tell or does not copy, everything is as without.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

#: How often a kernel is looked at, and after how many forks: what runs at first has only begun.
LOOKS: Final = 16
_BEFORE: Final = 4
#: Pages between two written ones that are copied too, because each range costs a call.
_GAP: Final = 2
_POPULATE_WRITE: Final = 23  # MADV_POPULATE_WRITE, since Linux 5.14
#: Bits of an entry of /proc/PID/pagemap: there, of a file or shared, nobody else has it.
_PRESENT, _SHARED, _ALONE = 1 << 63, 1 << 61, 1 << 56

_madvise = ctypes.CDLL(None, use_errno=True).madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class Habits:
    """What the kernels of one process write to, learned from those that run."""

    def __init__(self) -> None:
        self._forks = self._looks = 0
        self._pages: set[int] = set()
        self._ranges = array("Q")

    def look(self, kernels: Iterable[int]) -> None:
        """Learn from the first of the kernels that runs; to be called before each fork.

        Args:
            kernels: Their process ids, those first that were forked first.
        """
        self._forks += 1
        if self._forks <= _BEFORE or self._looks == LOOKS:
            return
        for kernel in kernels:
            with contextlib.suppress(OSError):  # it has ended, or the system does not tell
                found = set(_written(kernel))
                if found:
                    self._looks += 1
                    self._pages |= found
                    self._ranges = array("Q", (number for pair in _ranges(sorted(self._pages)) for number in pair))
                    return

    def copy(self) -> None:
        """Copy, in a process that has just been forked, what it will write to."""
        for place in range(0, len(self._ranges), 2):
            if _madvise(self._ranges[place], self._ranges[place + 1], _POPULATE_WRITE) and ctypes.get_errno() == errno.EINVAL:
                return  # this system cannot


def _written(kernel: int) -> Iterator[int]:
    """The numbers of the pages that this process had at the fork, and of which a kernel has copies of its own.

    Raises:
        OSError: It has ended, or the system does not tell.
    """
    with Path(f"/proc/{kernel}/pagemap").open("rb", buffering=0) as table:
        for first, count in _private():
            table.seek(8 * first)
            for number, entry in enumerate(array("Q", table.read(8 * count)), start=first):
                if entry & _PRESENT and entry & _ALONE and not entry & _SHARED:
                    yield number


def _private() -> Iterator[tuple[int, int]]:
    """The memory of this process that forks get copies of: numbers of first pages, and how many follow."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        span, access = line.split()[:2]
        if access in ("rw-p", "rwxp"):
            first, end = (int(address, 16) // mmap.PAGESIZE for address in span.split("-"))
            yield first, end - first


def _ranges(pages: list[int]) -> Iterator[tuple[int, int]]:
    """Join pages that are near each other, of which there is at least one: addresses and lengths in bytes."""
    breaks = [place for place in range(1, len(pages)) if pages[place] - pages[place - 1] > _GAP + 1]
    for first, end in zip([0, *breaks], [*breaks, len(pages)], strict=True):
        yield pages[first] * mmap.PAGESIZE, (pages[end - 1] - pages[first] + 1) * mmap.PAGESIZE
