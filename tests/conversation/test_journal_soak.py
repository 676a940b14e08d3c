"""Writers that are killed at any moment lose nothing that was acknowledged, double nothing, and leave the chains whole."""

from __future__ import annotations

import os
import random
import select
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from journals import Desk, append, draft

from reviewlib.conversation.database import Transaction
from reviewlib.conversation.entries import Entry, history, verify_chains
from reviewlib.conversation.journal import Journal
from reviewlib.conversation.kinds.talk import Concern
from reviewlib.errors import ConflictError

#: The entry that both writers edit, beside entries of their own.
SHARED = "shared-0"


@dataclass
class Writer:
    """A process that writes, as the one that watches it sees it."""

    number: int
    edits: int
    doomed: set[int]
    pid: int = 0
    pipe: int = -1
    rest: bytes = b""
    silent: bool = False
    acknowledged: dict[str, str] = field(default_factory=dict)

    def ids(self) -> list[str]:
        return [f"writer-{self.number}-{place}" for place in range(self.edits)]

    @property
    def done(self) -> bool:
        return len(self.acknowledged) == self.edits


def start(desk: Desk, writer: Writer) -> None:
    """Fork a writer that goes on with the first edit that was not acknowledged."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            write_all(desk, writer, writing)
            code = 0
        except Exception as error:  # noqa: BLE001 - it is told to whoever watches
            os.write(writing, f"failed {' '.join(f'{type(error).__name__}: {error}'.split())}\n".encode())
        finally:
            os._exit(code)
    os.close(writing)
    writer.pid, writer.pipe, writer.rest, writer.silent = pid, reading, b"", False


def entry_in(store: Journal, entry_id: str) -> Entry | None:
    return next((entry for entry in store.entries() if entry.id == entry_id), None)


def write_all(desk: Desk, writer: Writer, pipe: int) -> None:
    """Be the writer: save, then acknowledge; a doomed edit is announced inside its transaction and held open there."""
    with desk.open() as store:
        now: dict[str, Any] = {}

        def insert(transaction: Transaction, table: str, row: Mapping[str, object]) -> None:
            plain(transaction, table, row)
            if now["place"] in writer.doomed:
                os.write(pipe, f"inside {now['id']}\n".encode())
                time.sleep(60)

        # This process is the writer's own.
        plain, Transaction.insert = Transaction.insert, insert  # type: ignore[method-assign]
        for place, entry_id in enumerate(writer.ids()):
            if entry_id in writer.acknowledged:
                continue
            now |= {"place": place, "id": entry_id}
            entry = entry_in(store, entry_id) or save(store, entry_id, place)
            os.write(pipe, f"saved {entry_id} {entry.hash}\n".encode())


def save(store: Journal, entry_id: str, place: int) -> Entry:
    """Save one edit: every second one changes the text that both writers change, the way a person does who is shown both."""
    if place % 2:
        return append(store, draft(f"Text {entry_id}", id=entry_id))
    replaced = SHARED
    while True:
        try:
            return append(store, draft(f"Text {entry_id}", id=entry_id, supersedes=replaced))
        except ConflictError as conflict:
            replaced = cast(Entry, conflict.theirs).id


def messages(writer: Writer) -> Iterator[list[str]]:
    """Read what has arrived from a writer; every whole line counts, also of one that is dead by now."""
    arrived = os.read(writer.pipe, 65536)
    writer.silent = not arrived
    writer.rest += arrived
    *lines, writer.rest = writer.rest.split(b"\n")
    for line in lines:
        yield line.decode().split(" ")


def take(writer: Writer) -> str | None:
    """Log acknowledgements; tell which doomed edit is inside its transaction."""
    inside = None
    for word, entry_id, *rest in messages(writer):
        assert word != "failed", f"a writer ended by itself: {' '.join([entry_id, *rest])}"
        if word == "saved":
            writer.acknowledged[entry_id] = rest[0]
        else:
            inside = entry_id
    return inside


def kill(writer: Writer) -> None:
    """Kill a writer with no chance to clean up, and take what it had said before."""
    os.kill(writer.pid, signal.SIGKILL)
    os.waitpid(writer.pid, 0)
    while not writer.silent:
        take(writer)
    os.close(writer.pipe)


@dataclass
class Tally:
    """What happened in a run."""

    inside: int = 0
    anywhere: int = 0
    seconds: float = 0.0


def torment(desk: Desk, *, edits: int, inside: int, anywhere: int, seed: int) -> Tally:
    """Let two writers make their edits and kill them: some exactly inside a transaction, some at any moment."""
    chance, tally, began = random.Random(seed), Tally(), time.monotonic()
    moments = sorted(chance.sample(range(2 * edits - 10), anywhere))
    with desk.open() as store:
        append(store, draft("The text that both change", id=SHARED))
        writers = [Writer(number, edits, set(chance.sample(range(1, edits), inside // 2))) for number in range(2)]
        for writer in writers:
            start(desk, writer)
        while running := [writer for writer in writers if not writer.done]:
            for writer in running:
                tally.inside += kill_inside(desk, store, writer)
            if tally.anywhere < anywhere and sum(len(writer.acknowledged) for writer in writers) >= moments[tally.anywhere]:
                victim = chance.choice([writer for writer in running if not writer.done] or running)
                time.sleep(chance.uniform(0, 0.02))
                kill(victim)
                tally.anywhere += 1
                start(desk, victim)
        for writer in writers:
            os.waitpid(writer.pid, 0)
            os.close(writer.pipe)
        tally.seconds = round(time.monotonic() - began, 1)
        check(store.entries(), writers)
    return tally


def kill_inside(desk: Desk, store: Journal, writer: Writer) -> int:
    """Log what a writer says; where it stands inside a doomed transaction, kill it there and start it again."""
    if not select.select([writer.pipe], [], [], 0.01)[0]:
        return 0
    held = take(writer)
    assert writer.done or not writer.silent, "a writer ended by itself"
    if held is None:
        return 0
    kill(writer)
    assert entry_in(store, held) is None, "killed inside its transaction, and yet it is there"
    writer.doomed.discard(int(held.rsplit("-", 1)[1]))
    start(desk, writer)
    return 1


def check(entries: list[Entry], writers: list[Writer]) -> None:
    """Nothing acknowledged is lost or changed, nothing is there twice, and the chain holds."""
    by_id = {entry.id: entry for entry in entries}
    for writer in writers:
        for entry_id, digest in writer.acknowledged.items():
            assert by_id[entry_id].hash == digest
    texts = Counter(entry.payload.text for entry in entries if isinstance(entry.payload, Concern))
    assert max(texts.values()) == 1
    assert sorted(by_id) == sorted([SHARED, *(entry_id for writer in writers for entry_id in writer.ids())])
    assert len(entries) == len(by_id)
    assert verify_chains(entries, {}) == []
    edited = [entry_id for writer in writers for entry_id in writer.ids()[::2]]
    assert {entry.id for entry in history(entries, SHARED)} == {SHARED, *edited}


@pytest.mark.faults
@pytest.mark.timeout(120)
def test_killed_writers_lose_nothing(desk: Desk) -> None:
    """Two writers make 40 edits each and are killed eight times, four of them inside a transaction: all is there, once."""
    tally = torment(desk, edits=40, inside=4, anywhere=4, seed=3)
    assert (tally.inside, tally.anywhere) == (4, 4)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_writers_lose_nothing_in_a_thousand_edits_each(desk: Desk) -> None:
    """Two writers make 1,000 edits each and are killed 60 times, 40 of them inside a transaction: all is there, once."""
    tally = torment(desk, edits=1000, inside=40, anywhere=20, seed=5)
    print(f"{desk.engine}: {tally}")
    assert (tally.inside, tally.anywhere) == (40, 20)
