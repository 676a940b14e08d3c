"""From fields to what an entry says: what nobody types is filled in, the rest is checked, and mistakes are told by field."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import ValidationError

from reviewlib.conversation.answers import senders
from reviewlib.conversation.journal import made_page
from reviewlib.conversation.kinds import KINDS
from reviewlib.conversation.kinds.record import Kind, Payload, Side, Visibility
from reviewlib.conversation.kinds.talk import Rating
from reviewlib.conversation.rights import WritingContext
from reviewlib.errors import JournalError
from reviewlib.evidence import proof, slicefile
from reviewlib.evidence.subjects import subjects_of
from reviewlib.params.mistakes import reason
from reviewlib.params.model import Params
from reviewlib.params.rules import nearest
from reviewlib.periods import Period

#: Longest id of an entry, in characters.
LONGEST_ID: Final = 300
#: Fields that are filled in where nobody gives them.
FILLED: Final = ("side", "head", "label", "out_of", "snapshot", "snapshot_before", "proof", "page")


def filled(
    kind: str, fields: Mapping[str, Any], context: WritingContext, *, params: Params, side: Side, head: str
) -> dict[str, Any]:
    """Give an entry the fields that come from where the review stands; what was given must agree with them.

    Args:
        kind: The entry's kind.
        fields: What was given.
        context: The review as it is.
        params: The workbook.
        side: Whose word it is.
        head: The hash of the last entry that was there when the person wrote.
    """
    given = dict(fields)
    if kind == "signoff":
        return {"side": side, "head": head} | given | _proven(context.state.snapshot, side, context, params)
    if kind == "rating":
        scale, value = params.rating.scale, given.get("value")
        known = isinstance(value, int) and 1 <= value <= len(scale)
        return {"label": scale[value - 1] if known and value else "?", "out_of": len(scale)} | given
    if kind == "dispute":  # the snapshot that the review's figures stand in
        folder = slicefile.current_folder(params, _period(params, context))
        stands = context.state.snapshot or (folder.name if folder else None)
        return given | {"snapshot": given.get("snapshot") or stands}
    if kind == "resolution":
        disputed = context.by_id.get(str(given.get("of")))
        then = getattr(disputed.payload, "snapshot", None) if disputed else None
        return given | {"snapshot_before": given.get("snapshot_before") or then}
    if kind == "release":
        snapshot = _released_on(given.get("snapshot"), context, params)
        return given | {"snapshot": snapshot} | _proven(snapshot, side, context, params)
    return given


def _proven(snapshot: str | None, side: Side, context: WritingContext, params: Params) -> dict[str, str]:
    """What is before who releases or signs: the proof of the evidence, and the hash of their copy, as far as there are any."""
    evidence = proof.of(params.reports / "snapshots" / snapshot) if snapshot else None
    page = made_page(params.reports / context.about.period, context.about, side)
    return {name: value for name, value in (("proof", evidence), ("page", page)) if value}


def _released_on(given: str | None, context: WritingContext, params: Params) -> str:
    """A review is released on the evidence that its period uses now, and on no other."""
    about = context.about
    folder = slicefile.current_folder(params, _period(params, context))
    if folder is None or (given or folder.name) != folder.name:
        problem = f"is not the one that {about.period} uses now, which is {folder.name if folder else 'none'}"
    elif all((one.kind, one.id) != (about.kind, about.subject) for one in subjects_of(folder)):
        problem = f"the evidence that {about.period} uses now knows nothing of {context.subject.name}"
    else:
        return folder.name
    raise _refused(KINDS["release"], {"snapshot": problem}, where=str(about))


def _period(params: Params, context: WritingContext) -> Period:
    return Period.parse(context.about.period, params.fiscal)


def validated(kind: Kind, fields: Mapping[str, Any], *, where: str) -> Payload:
    """Turn fields into what an entry says; ``problems`` of the error say of each field what, under "" what concerns all."""
    # A yes is the number 1 to the library.
    known, numbers = kind.model.model_fields, (int, float, float | None)
    yes = [name for name, value in fields.items() if isinstance(value, bool) and name in known]
    if wrong := {name: "is not a number" for name in yes if known[name].annotation in numbers}:
        raise _refused(kind, wrong, where=where)
    try:
        return kind.model.model_validate(dict(fields))
    except ValidationError as error:
        problems: dict[str, str] = {}
        for mistake in error.errors(include_url=False):
            problems.setdefault(str(mistake["loc"][0]) if mistake["loc"] else "", reason(mistake))
        raise _refused(kind, problems, where=where) from None


def check_columns(entry_id: object, supersedes: object, visibility: object, *, where: str) -> None:
    """Let only texts that can be ids stand where an id does, and only what is known say who may read."""
    for name, value in (("id", entry_id), ("supersedes", supersedes)):
        if not (value is None and name == "supersedes") and not (isinstance(value, str) and len(value) <= LONGEST_ID):
            found = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
            do = f"Give the id of an entry: a text of at most {LONGEST_ID} characters."
            raise JournalError(f"This is no id of an entry: {name}.", where=where, found=found, do=do)
    if visibility not in get_args(Visibility):
        known = " or ".join(get_args(Visibility))
        raise JournalError("Who may read this is not said.", where=where, found=repr(visibility)[:80], do=f"Write {known}.")


def check_figure(kind: Kind, payload: Payload, supersedes: str | None, context: WritingContext, params: Params) -> None:
    """Let pass a figure that the review's evidence has, or that what is edited names already; where there is none, every one.

    Raises:
        JournalError: The review has no such figure.
        SnapshotError: The evidence is damaged, or a released review's is gone, so that nobody can tell.
    """
    key, before = getattr(payload, "kpi", None), context.by_id.get(supersedes or "")
    if key is None or (before is not None and getattr(before.payload, "kpi", None) == key):
        return
    about, pinned = context.about, context.state.snapshot
    folder = slicefile.pinned_folder(params, pinned) if pinned else slicefile.current_folder(params, _period(params, context))
    name = slicefile.slice_name(about.kind, about.subject, "manager")
    path = next(folder.glob(f"*/{name}"), None) if folder else None
    if path is None:
        return
    known = {kpi["key"] for kpi in slicefile.read_slice(path)["kpis"]}
    if known and key not in known:
        near = nearest(key, known)
        such = f"did you mean {near}?" if near else f"such are {', '.join(sorted(known)[:5])}"
        raise _refused(kind, {"kpi": f"is no figure of this review; {such}"}, where=str(about))


def check_scale(payload: Payload, scale: Sequence[str], *, where: str) -> None:
    """Hold a rating against the scale of params: its place, its word, and how many places there are."""
    if not isinstance(payload, Rating):
        return
    problems: dict[str, str] = {}
    if payload.value > len(scale):
        problems["value"] = f"is not on the scale, 1 to {len(scale)}"
    elif payload.label != scale[payload.value - 1]:
        problems["label"] = f"is not the word of the scale for {payload.value}: {scale[payload.value - 1]}"
    if payload.out_of != len(scale):
        problems["out_of"] = f"the scale has {len(scale)} places"
    if problems:
        raise _refused(KINDS["rating"], problems, where=where)


def check_source(source: str | None, *, where: str) -> None:
    """Let only the sha256 of a file, and what was found about its sender, stand as the source of an entry."""
    if source is not None and not senders.SOURCE.fullmatch(source):
        raise JournalError(
            "The source of an entry is the sha256 of the file that it was read from.",
            where=where,
            found=f"{len(source)} characters that are none",
            do="Import the file with reviewlib import-response, or leave source out.",
        )


def _refused(kind: Kind, problems: Mapping[str, str], *, where: str) -> JournalError:
    """Make the error that names each field and what is wrong with it."""
    titles = {name: field.title or name for name, field in kind.model.model_fields.items()}
    found = "; ".join(f"{titles.get(name, name)}: {reason}" if name else reason for name, reason in problems.items())
    error = JournalError(f"{kind.label}: this cannot be stored yet.", where=where, found=found, do="Correct it and save again.")
    error.problems = dict(problems)
    return error
