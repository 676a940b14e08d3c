"""What forked kernels write to: those pages are copied for the next one in one go, which takes a fraction of the time.

A fork shares all pages, and each is copied when it is first written to, at the price of an interruption of the processor.
Counting a reference is writing, so a kernel copies a third of what it was given, and nearly the same pages as the others do.
Where one kernel runs at a time nothing is learned, because the next begins when it has ended. Linux only; where the system
does not tell or does not copy, everything is as without.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

#: How many kernels must have ended until others are given copies; till then it is seen what kernels write to by themselves.
ENDED: Final = 4
#: Pages between two written ones that are copied too, because each range costs something.
_GAP: Final = 1
#: Ranges that the system takes in one call.
_AT_ONCE: Final = 1024
_POPULATE_WRITE: Final = 23  # MADV_POPULATE_WRITE, since Linux 5.14
#: Bits of an entry of /proc/PID/pagemap: there, of a file or shared, nobody else has it.
_PRESENT, _SHARED, _ALONE = 1 << 63, 1 << 61, 1 << 56

_C: Final[Any] = ctypes.CDLL(None, use_errno=True)
_C.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
if hasattr(_C, "process_madvise"):
    _C.process_madvise.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint)
    _C.process_madvise.restype = ctypes.c_ssize_t


class Habits:
    """What the kernels of one process write to, learned from the first of them."""

    def __init__(self) -> None:
        self._forks = 0
        self._pages: set[int] = set()
        #: Address and length of each range, one after another, as the system wants them.
        self._ranges = array("Q")

    def look(self, kernels: Sequence[int]) -> None:
        """Learn from the first of the kernels that runs, until enough have ended; to be called before each fork.

        Args:
            kernels: The process ids of all that run, those first that were forked first.
        """
        if self._ranges:
            return
        ended = self._forks - len(kernels)
        self._forks += 1
        for kernel in kernels:
            with contextlib.suppress(OSError):  # it has ended, or the system does not tell
                self._pages.update(_written(kernel))
                break
        if ended >= ENDED and self._pages:
            self._ranges = array("Q", (number for pair in _ranges(sorted(self._pages)) for number in pair))

    def copy(self) -> None:
        """Copy, in a process that has just been forked, what it will write to."""
        with contextlib.suppress(OSError):  # there are no descriptors left
            if self._ranges and not _copy_at_once(self._ranges):
                for first in range(0, len(self._ranges), 2):  # a call for each range takes a quarter longer
                    place, length = self._ranges[first], self._ranges[first + 1]
                    if _C.madvise(place, length, _POPULATE_WRITE) and ctypes.get_errno() == errno.EINVAL:
                        return  # nor this


def _copy_at_once(ranges: array[int]) -> bool:
    """Copy in a few calls; tell whether the system can, for a process itself since Linux 6.13."""
    if not hasattr(_C, "process_madvise"):
        return False
    place, length = ranges.buffer_info()
    me = os.pidfd_open(os.getpid())
    try:
        return all(
            _C.process_madvise(me, place + first * ranges.itemsize, min(_AT_ONCE, (length - first) // 2), _POPULATE_WRITE, 0)
            >= 0
            for first in range(0, length, 2 * _AT_ONCE)
        )
    finally:
        os.close(me)


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
