"""The minutes of each copy: the rep's as one file that holds nothing else, the manager's from the journal."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from reviewlib import files
from reviewlib.conversation import visibility
from reviewlib.conversation.entries import About, Entry, SubjectKind, current
from reviewlib.conversation.journal import Journal, open_journal_to_read, refuse_missing
from reviewlib.conversation.kinds.talk import Release
from reviewlib.conversation.visibility import Audience, Reach, VisibleEntries, state_of
from reviewlib.errors import SnapshotError, SubjectError
from reviewlib.evidence import slicefile
from reviewlib.evidence.subjects import Subject, addresses_of, subjects_of
from reviewlib.params.model import Params
from reviewlib.periods import Period

#: Every entry about somebody, by kind and id.
Said = Mapping[tuple[str, str], Sequence[Entry]]


def rep_minutes_path(params: Params, subject: Subject, period: Period) -> Path:
    """Where the one file of what the rep may read lies."""
    folder = params.reports / period.name / subject.folder / "minutes"
    return folder / slicefile.slice_name(subject.kind, subject.id, "rep")


def write_rep_minutes(params: Params, period: Period, subjects: Sequence[Subject], journal: Journal | None) -> list[Path]:
    """Write what each rep may read, and list the files that were written; one whose content stays the same is not touched.

    Where there is no journal and the manifests remember one, nothing is overwritten with nothing.
    """
    if journal is None:
        refuse_missing(params)
    modes = params.modes
    everyone = reviewed_in(params, period, journal)
    said: dict[tuple[str, str], list[Entry]] = {}
    for entry in journal.entries() if journal else ():
        said.setdefault((entry.about.kind, entry.about.subject), []).append(entry)
    written: list[Path] = []
    there: dict[str, list[Path]] = {}
    for old in (params.reports / period.name).glob("*/minutes/*.json"):
        there.setdefault(old.name, []).append(old)
    for subject in subjects:
        path = rep_minutes_path(params, subject, period)
        text = json.dumps(_rep_minutes(params, subject, period, said, everyone).as_data(), ensure_ascii=False, sort_keys=True)
        # Who changed team has a file in the old team's folder, which other people read.
        for old in there.get(path.name, ()):
            if old != path:
                old.unlink(missing_ok=True)
        if not path.is_file() or path.read_bytes() != text.encode():
            files.write(path, text, modes=modes)
            written.append(path)
    return written


def _rep_minutes(params: Params, subject: Subject, period: Period, said: Said, everyone: Sequence[Subject]) -> VisibleEntries:
    about = About.of(subject, period)
    members = {one.id: visibility.for_board(_rep_minutes(params, one, period, said, ())) for one in members_of(about, everyone)}
    entries = said.get((about.kind, about.subject), ())
    return visibility.take(entries, about, audience="rep", fiscal=params.fiscal, members=members)


def read_minutes(params: Params, about: About, audience: Audience) -> VisibleEntries:
    """Read a review's minutes: the rep's copy from its one prefiltered file, the manager's from the journal.

    Raises:
        SnapshotError: The rep's file, or for the manager's copy the period's evidence, is not there.
        SubjectError: The manager's copy is asked for, of nobody who has a review in the period.
        JournalError: The manager's copy is asked for, and the journal is damaged or missing.
    """
    period = Period.parse(about.period, params.fiscal)
    if audience == "manager":
        return _read_manager_minutes(params, about, period)
    name = slicefile.slice_name(about.kind, about.subject, "rep")
    found = sorted((params.reports / period.name).glob(f"*/minutes/{name}"))
    where, do = f"reports/{params.name}/{period}", f"Run: reviewlib freeze {params.typed} --period {period}"
    if not found:
        raise SnapshotError(f"What the rep may read of {about} is not prepared.", where=where, found="no minutes", do=do)
    try:
        return VisibleEntries.from_data(json.loads(found[0].read_bytes()))
    except (ValueError, KeyError, TypeError) as error:
        what = f"What the rep may read of {about} cannot be read."
        raise SnapshotError(what, where=where, found=type(error).__name__, do=do) from None


def _read_manager_minutes(params: Params, about: About, period: Period) -> VisibleEntries:
    with open_journal_to_read(params) as journal:
        if about.kind == "team" or journal is None:
            everyone = reviewed_in(params, period, journal)
        else:  # of a rep's review nobody else is looked up
            own = [entry for entry in journal.entries(subject=(about.kind, about.subject)) if entry.about == about]
            pinned = state_of(own).snapshot
            everyone = as_released(params, period, everyone_in(params, period), {about: pinned} if pinned else {})
        said = said_of(about, everyone, journal)
    return manager_minutes(params, subject_in(params, about, everyone), period, said, everyone)


def manager_minutes(
    params: Params,
    subject: Subject,
    period: Period,
    said: Said,
    everyone: Sequence[Subject],
    *,
    readers: Collection[str] | None = None,
) -> VisibleEntries:
    """Take the minutes of the manager's copy; a team's with those of its reps.

    Args:
        params: The workbook.
        subject: Whom the review is about.
        period: The period.
        said: What is recorded about the subject, and about a team's reps.
        everyone: Who has a review in the period; a team's reps are among them.
        readers: The managers who read it, by name; for nobody nothing is left out. A page has one copy for all who lead the
            subject, so that these are meant where nothing is given: it holds what each of them may read.
    """
    about = About.of(subject, period)
    names = subject.led_by if readers is None else readers
    members = {one.id: manager_minutes(params, one, period, said, (), readers=names) for one in members_of(about, everyone)}
    return visibility.take(
        said.get((about.kind, about.subject), ()),
        about,
        audience="manager",
        fiscal=params.fiscal,
        members=members,
        reach=reach_of(subject, names),
    )


def reach_of(subject: Subject, readers: Collection[str]) -> Reach | None:
    """Tell how far managers may read about a subject; None where nobody is named, and nothing is left out."""
    if not readers:
        return None
    return Reach(frozenset(readers), subject.team, leading=all(name in subject.led_by for name in readers))


def said_of(about: About, everyone: Sequence[Subject], journal: Journal | None) -> Said:
    """Read what a manager's copy is made from: every entry about the subject, and about a team's reps."""
    whom: list[tuple[SubjectKind, str]] = [(about.kind, about.subject)]
    whom += [("rep", one.id) for one in members_of(about, everyone)]
    return {key: journal.entries(subject=key) for key in whom} if journal else {}


def subject_in(params: Params, about: About, everyone: Sequence[Subject]) -> Subject:
    """Find whom a review is about."""
    found = next((one for one in everyone if (one.kind, one.id) == (about.kind, about.subject)), None)
    if found is None:
        period = Period.parse(about.period, params.fiscal)
        what, where = f"There is no {about.kind} {about.subject!r} in {about.period}.", f"reports/{params.name}/{period}"
        do = f"Check the id; for a {about.kind} that is new in the data run: reviewlib freeze {params.typed} --period {period}"
        raise SubjectError(what, where=where, do=do)
    return found


def everyone_in(params: Params, period: Period) -> tuple[Subject, ...]:
    """List who has a review in a period by the evidence that it uses now."""
    return subjects_of(slicefile.frozen_folder(params, period))


def address_of(params: Params, about: About) -> str | None:
    """The rep's address by the evidence that the period uses now; None for a team, and where the reps table has none."""
    folder = slicefile.current_folder(params, Period.parse(about.period, params.fiscal))
    return addresses_of(folder).get(about.subject) if folder and about.kind == "rep" else None


def reviewed_in(params: Params, period: Period, journal: Journal | None) -> tuple[Subject, ...]:
    """List who has a review in a period, teams first; whoever's is released as they were then, also if now gone.

    So a review stays with the team and the manager that it was released with.

    Raises:
        SnapshotError: Nothing is frozen for the period, or the evidence of a released review is gone.
    """
    releases = current(journal.entries(period=period.name, kind="release")) if journal else []
    pins = {entry.about: entry.payload.snapshot for entry in releases if isinstance(entry.payload, Release)}
    return as_released(params, period, everyone_in(params, period), pins)


def as_released(params: Params, period: Period, subjects: Sequence[Subject], pins: Mapping[About, str]) -> tuple[Subject, ...]:
    """Put in place of current subjects those of the snapshots (``pins``) that released reviews stay on."""
    named = {About.of(subject, period): subject for subject in subjects}
    known = {pin: subjects_of(slicefile.pinned_folder(params, pin)) for pin in sorted(set(pins.values()))}
    for review, pin in pins.items():
        named |= {About.of(one, period): one for one in known[pin] if About.of(one, period) == review}
    return tuple(sorted(named.values(), key=lambda subject: subject.kind != "team"))


def members_of(about: About, everyone: Sequence[Subject]) -> list[Subject]:
    """The reps of a team's review who have one themselves in the period; none for a rep's."""
    return [one for one in everyone if one.kind == "rep" and one.team == about.subject] if about.kind == "team" else []
