"""What kernels write to is copied for the next one in one go: learned from one process, and done in another."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from array import array
from types import SimpleNamespace

import pytest

from reviewlib.press import habits
from reviewlib.press.habits import Habits

#: Fork one process that writes to a part of what it shares, learn from it, and count the faults of writing in a second one.
LEARN = """
import mmap, os, resource, sys
from reviewlib.press import habits
from reviewlib.press.habits import Habits

MIB = 1 << 20
shared = mmap.mmap(-1, 24 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
shared.write(b"x" * 24 * MIB)

def touch(first, last):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for place in range(first * MIB, last * MIB, mmap.PAGESIZE):
        shared[place : place + 1] = b"y"
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

learned = Habits()
if sys.argv[1] == "each":
    habits._copy_at_once = lambda ranges: False
for _ in range(habits.ENDED):
    learned.look([])
told, tell = os.pipe()
held, hold = os.pipe()
writer = os.fork()
if not writer:
    os.close(hold)
    touch(8, 12)
    os.write(tell, b".")
    os.read(held, 1)
    os._exit(0)
os.read(told, 1)
for _ in range(2):
    learned.look([writer])
os.close(hold)
os.waitpid(writer, 0)
learned.look([writer])  # it is gone
if not os.fork():
    learned.copy()
    print(touch(8, 12), touch(16, 20), shared[8 * MIB : 8 * MIB + 1], shared[0:1], flush=True)
    os._exit(0)
os.wait()
"""


def _populates() -> bool:
    """Whether the system knows the request, by asking for one page."""
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        try:
            page.madvise(habits._POPULATE_WRITE)
        except (AttributeError, OSError):
            return False
        return True


@pytest.mark.default
@pytest.mark.skipif(not _populates(), reason="this system copies no pages in advance; Linux does since 5.14")
@pytest.mark.parametrize("way", ["at once", "each"])
def test_what_one_wrote_to_is_copied_for_the_next(way: str) -> None:
    """The second process meets no page that the first one wrote to, every other one, and finds in them what was there."""
    done = subprocess.run([sys.executable, "-c", LEARN, way], capture_output=True, text=True, check=True)
    learned, other, written, kept = done.stdout.split()
    pages = 4 * (1 << 20) // os.sysconf("SC_PAGESIZE")
    assert int(learned) < pages / 20
    assert int(other) > pages * 0.9
    assert (written, kept) == ("b'y'", "b'x'")


def test_nothing_is_learned_from_nobody() -> None:
    """Without kernels, and from one that has ended, there is nothing to copy."""
    learned = Habits()
    for _ in range(2 * habits.ENDED):
        learned.look([])
    learned.look([1 << 22])  # no process has this number
    assert not learned._ranges
    learned.copy()


def test_copies_are_not_taken_for_habits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until enough have ended, no kernel is given copies, and every one is seen; later none is looked at."""
    seen: list[int] = []
    monkeypatch.setattr(habits, "_written", lambda kernel: seen.append(kernel) or [kernel])
    learned = Habits()
    running: list[int] = []
    for number in range(habits.ENDED + 3):
        learned.look(running[-2:])  # two at a time
        assert bool(learned._ranges) is (number == habits.ENDED + 2)
        running.append(number)
    learned.look(running[-2:])
    assert seen == [0, *range(habits.ENDED + 1)]


def test_many_ranges_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each range is advised once, whole, in batches that the system takes."""
    given: list[int] = []

    def process_madvise(_: int, place: int, count: int, *__: int) -> int:
        assert count <= habits._AT_ONCE
        given.extend((ctypes.c_uint64 * (2 * count)).from_address(place))
        return count

    monkeypatch.setattr(habits, "_C", SimpleNamespace(process_madvise=process_madvise))
    learned = Habits()
    learned._ranges = array("Q", range(2 * (2 * habits._AT_ONCE + 3)))
    learned.copy()
    assert given == list(learned._ranges)


@pytest.mark.parametrize(
    ("pages", "ranges"), [([7], [(7, 1)]), ([7, 8, 9], [(7, 3)]), ([1, 3, 6], [(1, 3), (6, 1)]), ([1, 4], [(1, 1), (4, 1)])]
)
def test_near_pages_are_joined(pages: list[int], ranges: list[tuple[int, int]]) -> None:
    """A page between two is copied too, two are not."""
    size = os.sysconf("SC_PAGESIZE")
    assert list(habits._ranges(pages)) == [(first * size, count * size) for first, count in ranges]
