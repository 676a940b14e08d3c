"""Recognition: achievements confirmed or added, with the reward; and whether the rep agrees to the team's board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reviewlib.conversation.entries import Entry
from reviewlib.pages import sentences
from reviewlib.pages.forms.fields import Field, Options, Values, of_kind
from reviewlib.pages.forms.spec import ProblemsError, Spec, written_here
from reviewlib.pages.forms.specs.feedback import about
from reviewlib.review import Achievement

if TYPE_CHECKING:
    from reviewlib.pages.forms.context import FormContext

_FOUND: Final = "_found"
_OWN: Final = "None: in my own words"


def _key(rule: str | None, kpi: str | None) -> str:
    return f"{rule}/{kpi or ''}" if rule else ""


def _found(desk: FormContext) -> dict[str, Achievement]:
    """What the rules found of the review's own subject, by a key that stays."""
    own = [item for item in desk.review.achievements if item.subject.id == desk.review.subject.id]
    return {_key(item.rule, item.kpi): item for item in own}


def _options(desk: FormContext, _: Values) -> Options:
    confirmed = {_of_entry(entry) for entry in desk.minutes.of_kind("recognition")}
    listed = [(f"{item.title} (confirmed)" if key in confirmed else item.title, key) for key, item in _found(desk).items()]
    gone = [(key, key) for key in sorted(confirmed) if key and key not in _found(desk)]
    return [(_OWN, ""), *_apart(listed), *gone]


def _apart(options: Options) -> Options:
    """Tell equal titles apart by a number."""
    seen: dict[str, int] = {}
    told: Options = []
    for words, key in options:
        seen[words] = seen.get(words, 0) + 1
        told.append((words if seen[words] == 1 else f"{words} ({seen[words]})", key))
    return told


def _of_entry(entry: Entry) -> str:
    return _key(getattr(entry.payload, "rule", None), getattr(entry.payload, "kpi", None))


def _payload(desk: FormContext, values: Values) -> Values:
    item = _found(desk).get(values[_FOUND])
    values = {name: value for name, value in values.items() if name != _FOUND}
    if item is None:
        if not str(values["title"]).strip():
            raise ProblemsError({"title": "say what it is for"})
        return values
    text = sentences.fill(desk.review, item.text, item.names, subject=item.subject)
    title, words = str(values["title"]).strip(), str(values["text"]).strip()
    return values | {"title": title or item.title, "text": words or text, "rule": item.rule, "kpi": item.kpi or None}


RECOGNITION: Final = Spec(
    "recognition",
    "Confirm an achievement, or add one",
    "recognition",
    (
        Field(_FOUND, "Achievement found in the figures", form="choice", options=_options),
        *of_kind(
            "recognition",
            "title",
            "text",
            "reward",
            "reward_text",
            "for_board",
            title={"hint": "Empty takes the achievement’s own title."},
            text={"hint": "Empty takes the achievement’s own sentence."},
            for_board={"hint": "It appears there once the rep has agreed."},
        ),
    ),
    save="Save recognition",
    payload=_payload,
    existing=written_here("recognition"),
    more=lambda _, entry: {_FOUND: _of_entry(entry)},
)


def proposed(desk: FormContext) -> list[Entry]:
    """Recognitions that are proposed for the board."""
    return [entry for entry in desk.minutes.of_kind("recognition") if getattr(entry.payload, "for_board", False)]


def agreement(name: str, title: str, kind: str, *, hint: str) -> Spec:
    """The rep's word on a goal or on the board, written down in the meeting."""

    def wanted(desk: FormContext) -> list[Entry]:
        known = (*desk.minutes.earlier, *desk.minutes.entries)
        return proposed(desk) if kind == "recognition" else [entry for entry in known if entry.kind == kind]

    def existing(desk: FormContext) -> list[Entry]:
        targets = {desk.root(entry) for entry in wanted(desk)}
        said = written_here("agreement")(desk)
        return [entry for entry in said if entry.of and desk.minutes.roots.get(entry.of, entry.of) in targets]

    fields = of_kind(
        "agreement",
        of=about("agreement", wanted=wanted),
        agrees={"form": "choice", "default": "", "options": _agrees},
        text={"hint": hint},
    )
    return Spec(
        name, title, "agreement", fields, save="Save the rep’s word", payload=_agreed, existing=existing, behalf="always"
    )


def _agrees(desk: FormContext, _: Values) -> Options:
    return [("Choose …", ""), ("Agrees", "yes"), ("Does not agree", "no")]


def _agreed(desk: FormContext, values: Values) -> Values:
    if missing := {name: "choose one" for name in ("of", "agrees") if not values[name]}:
        raise ProblemsError(missing)
    target = desk.minutes.find(str(values["of"]))
    # A word holds for the wording that it was given on, so it names the version and not the first one.
    return values | {"agrees": values["agrees"] == "yes", "of": target.id if target is not None else values["of"]}


BOARD: Final = agreement(
    "board", "Write down whether the rep agrees to the team’s board", "recognition", hint="What the rep said to it."
)
