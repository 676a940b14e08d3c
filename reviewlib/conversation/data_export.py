"""What the journal holds about one rep, for the rep's right to see it: every entry in every version, also what is kept back."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
from pydantic import TypeAdapter

from reviewlib import files
from reviewlib.conversation import copies, identity
from reviewlib.conversation.answers import senders
from reviewlib.conversation.entries import Entry, Person, current
from reviewlib.conversation.journal import open_journal_to_read
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.visibility import Reach, state_of, visible
from reviewlib.errors import NotAllowedError, SubjectError
from reviewlib.evidence import slicefile
from reviewlib.evidence.subjects import Subject
from reviewlib.params.model import Params
from reviewlib.periods import Period

_TEMPLATE: Final = Path(__file__).with_name("data_export.md.j2")


def export_data(params: Params, rep_id: str, folder: Path, *, person: Person | None = None) -> tuple[Path, Path]:
    """Write everything that the journal holds about one rep, for the owner's eyes only.

    Names of who wrote are kept, they belong to the entries; entries about other reps and about teams are not in it. What was
    kept from the rep in a team of another manager is in an analyst's export only; a manager's says how much is left out.

    Args:
        params: The workbook.
        rep_id: The rep's id.
        folder: Where to; made where it is missing.
        person: Who exports; whoever is at the keyboard where not given.

    Returns:
        ``journal.json`` (all columns, as they are chained) and ``journal.md`` (the same to read).
    """
    exporter = person or identity.at_keyboard(params)
    with open_journal_to_read(params) as journal:
        entries = journal.entries(subject=("rep", rep_id)) if journal else []
    subject = _check_right(params, rep_id, exporter, entries)
    if not entries:
        raise SubjectError(
            f"The journal holds nothing about {rep_id!r}.",
            where=params.name,
            do="Check the id; it is the one of the reps table.",
        )
    data = gathered(params, rep_id, entries, reach=copies.reach_of(subject, [exporter.name]) if subject else None)
    plain, in_words = folder / "journal.json", folder / "journal.md"
    text = json.dumps(data, ensure_ascii=False, indent=2)
    files.write_all({plain: f"{text}\n", in_words: readable(data)})
    return plain, in_words


def gathered(params: Params, rep_id: str, entries: Sequence[Entry], *, reach: Reach | None = None) -> dict[str, Any]:
    """Put the entries about one rep into what JSON holds, each with whether it is current, as far as who exports may read."""
    now = {entry.id for entry in current(entries)}
    own = [entry for entry in entries if (entry.about.kind, entry.about.subject) == ("rep", rep_id)]
    held = [entry for entry in own if reach is None or reach.holds(entry)]
    ordered = sorted(held, key=lambda entry: (entry.at, entry.sequence))
    rows = TypeAdapter(list[Entry]).dump_python(ordered, mode="json")
    return {
        "workbook": params.name,
        "rep": rep_id,
        "written_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "left_out": len(own) - len(held),
        "entries": [row | {"current": row["id"] in now} for row in rows],
    }


def readable(data: dict[str, Any]) -> str:
    """Write the same for people; what somebody typed stands indented, so that it stays text wherever it is shown."""
    template = jinja2.Template(_TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True, undefined=jinja2.StrictUndefined)
    text: str = template.render(data, kinds=KINDS, told=_told)
    return text.rstrip("\n") + "\n"


def _told(entry: dict[str, Any]) -> list[str]:
    """What is to be known of an entry beside who wrote it and when."""
    told = ["current" if entry["current"] else "edited since"]
    told += ["kept from the rep"] if entry["visibility"] == "manager_only" else []
    told += ["written on the rep's behalf"] if entry["on_behalf_of"] else []
    if source := entry["source"]:
        sent = senders.not_verified(source) or "sent from the address in the reps table"
        told += [f"imported from the file {senders.sha256_of(source)}", sent]
    return told


def _check_right(params: Params, rep_id: str, person: Person, entries: Sequence[Entry]) -> Subject | None:
    """An analyst may; the rep's manager may once nothing of it is hidden from them, as far as they lead the rep: the answer."""
    if person.role == "analyst":
        return None
    subject = _latest(params, rep_id, entries)
    if person.role != "manager" or subject is None or not identity.leads(person, subject):
        raise NotAllowedError(
            f"{person.name} may not export what is recorded about {rep_id}.",
            where=params.path.name,
            found=f"role: {person.role or 'none'}",
            do="Ask an analyst or the rep's manager.",
        )
    for about in {entry.about for entry in entries}:
        own = [entry for entry in entries if entry.about == about]
        if len(visible(own, audience="manager", state=state_of(own))) < len(own):
            raise NotAllowedError(
                "The rep's answer is hidden from the manager until the manager's part is in.",
                where=str(about),
                do="Write your part first, or ask an analyst to export.",
            )
    return subject


def _latest(params: Params, rep_id: str, entries: Sequence[Entry]) -> Subject | None:
    """The rep as the newest frozen period of their reviews knows them; a released review stays with its manager."""
    periods = sorted(
        {Period.parse(entry.about.period, params.fiscal) for entry in entries}, key=lambda one: one.end, reverse=True
    )
    frozen = (period for period in periods if slicefile.current_folder(params, period))
    with open_journal_to_read(params) as journal:
        known = (one for period in frozen for one in copies.reviewed_in(params, period, journal))
        return next((one for one in known if (one.kind, one.id) == ("rep", rep_id)), None)
