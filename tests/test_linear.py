"""What comes from outside is read in a time that grows with it and not faster: every pattern, and every reader.

The patterns are found in the source, so that a new one is measured from its first day.
"""

from __future__ import annotations

import ast
import gc
import importlib
import itertools
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

import reviewlib
from reviewlib import files
from reviewlib.conversation.answers import mails, marks, responses
from reviewlib.conversation.goals import goalfile
from reviewlib.errors import ParamsError, ReviewError
from reviewlib.evidence import casting, csv_files, quality
from reviewlib.pages import paragraphs
from reviewlib.params import rules, written
from reviewlib.press import clean, export
from reviewlib.workbook import mapping, sniffing

PACKAGE = Path(reviewlib.__file__).parent
#: Twice the input may take so many times as long.
MOST: Final = 2.5
METHODS: Final = frozenset({"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})
#: Patterns that meet no text from outside, by module and line of source, with what they meet instead.
INSIDE: Final = {
    ("pages.charts", r"<metadata>.*?</metadata>|<!DOCTYPE[^>]*>|<!--.*?-->|<\?xml[^>]*\?>"): "what matplotlib drew",
    ("pages.charts", r"<style type=\"text/css\">.*?</style>|<style[^>]*>\*\{.*?</style>"): "what matplotlib drew",
    ("pages.labels", r"\D+$"): "one amount that babel wrote",
    ("press.inspection", "_MARKUP"): "a page; the walk ends at the first piece that is broken, which this test goes beyond",
}
#: What stands for a name that only a function knows, by module.
LOCAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "evidence.casting": {"whole": r"(?:[0-9]+|[0-9]{1,3}([,\s'’])[0-9]{3}(?:\1[0-9]{3})*)", "mark": ".", "group": r"[,\s'’]"},
    "workbook.mapping": {"word": "closed won", "pattern": r"(.* )?(created|opened)( (date|on|at|time))?"},
    "pages.charts": {"kind": "fill", "drawn": "#174f96"},
    "press.clean": {"known": "/home/somebody|/opt/python"},
    "press.inspection": {"named": r"/home/somebody[/\\]|/tmp/review\-"},
    "conversation.answers.marks": {
        "pattern": r"Review (?P<workbook>\S+) (?P<period>\S+) (?P<subject>(?:rep|team)-[0-9a-f]{24})"
    },
    "conversation.answers.mails": {"name": "style"},
}
_ATTACKS: Final = (
    " ",
    "\t",
    "-",
    "_",
    ">",
    '"',
    "'",
    "1",
    ",",
    ".",
    "[",
    "]",
    "(",
    ")",
    "a",
    "A",
    "/",
    ":",
    "<",
    "*",
    "=",
    ";",
)


def patterns() -> Iterator[tuple[str, str, re.Pattern[Any], frozenset[str]]]:
    """List every pattern of the package: module, name or source, the pattern, how it is used."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        if not re.search(r"\bre\.|\bpattern=", text):
            continue
        tree = ast.parse(text)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        ours = [call for call in calls if isinstance(call.func.value, ast.Name) and call.func.value.id == "re"]  # type: ignore[attr-defined]
        wanted = [(call, call.args[0], call.func.attr) for call in ours if call.func.attr in {*METHODS, "compile"}]  # type: ignore[attr-defined]
        wanted += [(call, word.value, "fullmatch") for call in _calls(tree) for word in call.keywords if word.arg == "pattern"]
        if not wanted:
            continue
        known = {**vars(importlib.import_module(f"reviewlib.{name}")), **LOCAL.get(name, {})}
        for call, argument, how in wanted:
            pattern = re.compile(_value(argument, known), _flags(call, known, how))
            holder = _holder(tree, call) if how == "compile" else ""
            used = _uses(calls, holder) if holder else {how}
            source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
            yield name, holder or source, pattern, frozenset(used)


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), dict(known))


def _flags(call: ast.Call, known: Mapping[str, Any], how: str) -> int:
    given = [word.value for word in call.keywords if word.arg == "flags"]
    place = {"compile": 1, "match": 2, "fullmatch": 2, "search": 2, "findall": 2, "finditer": 2}.get(how, 9)
    given += call.args[place : place + 1] if isinstance(call.func, ast.Attribute) else []
    return int(_value(given[0], known)) if given else 0


def _holder(tree: ast.AST, call: ast.Call) -> str:
    """The name that holds a compiled pattern, alone or with others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and any(one is call for one in ast.walk(node.value)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            return target.id if isinstance(target, ast.Name) else ""
    return ""


def _uses(calls: list[ast.Call], holder: str) -> set[str]:
    """How a pattern is used: the methods that are called on its name, or on one of what the name holds."""
    found: set[str] = set()
    for call in calls:
        assert isinstance(call.func, ast.Attribute)
        value = call.func.value.value if isinstance(call.func.value, ast.Subscript) else call.func.value
        called = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
        if called == holder and call.func.attr in METHODS:
            found.add(call.func.attr)
    # One of several that a loop goes through: any method but that of texts.
    return found or {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)} & (METHODS - {"split"})


def _pieces(source: str) -> list[str]:
    """What may repeat in an input of a pattern: its own words, what its classes stand for, and what attacks are made of."""
    plain = re.sub(r"\(\?(?:P<\w+>|[:=!]|<[=!])", " ", source)
    plain = re.sub(r"\\[sSdDwWbBAZ]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\{[\d,]*\}", " ", plain)
    own = re.findall(r"[\w<&/:@#-]{2,}", plain.replace("\\", ""))
    signs = [char for char in dict.fromkeys(plain.replace("\\", "")) if not char.isalnum()]
    return list(dict.fromkeys([*_ATTACKS, *sorted(set(own), key=len)[:8], *signs[:12]]))


def inputs(source: str) -> Iterator[Callable[[int], str]]:
    """Make adversarial inputs: one piece many times, after another one, with a tail that fails."""
    pieces = _pieces(source)
    for piece, tail in itertools.product(pieces, ("\0", "x", "")):
        yield lambda size, piece=piece, tail=tail: piece * (size // len(piece)) + tail  # type: ignore[misc]
    for first, piece in itertools.permutations(pieces, 2):
        yield lambda size, first=first, piece=piece: first + piece * (size // len(piece)) + "\0"  # type: ignore[misc]
    for first, piece in itertools.combinations(pieces, 2):
        both = first + piece
        yield lambda size, both=both: both * (size // len(both)) + "\0"  # type: ignore[misc]


def _spent(work: Callable[[Any], Any], given: Any) -> float:
    began = time.process_time()
    work(given)
    return time.process_time() - began


def grows(work: Callable[[Any], Any], made: Callable[[int], Any], size: int, enough: float) -> float:
    """How many times as long twice the input takes, from a size on that takes long enough to be measured."""
    while (small := _spent(work, made(size))) < enough and len(made(size)) < 200_000:
        size *= 2
    factor = 0.0
    for _ in range(5):  # another process may take the machine for a while
        small = min(small, _spent(work, made(size)))
        large = _spent(work, made(2 * size))
        if large > MOST * small:  # what is less than that at once needs no second look
            large = min(large, _spent(work, made(2 * size)))
        factor = large / small if large > enough else 0.0
        if factor <= MOST or large > 1:
            return factor
        small = _spent(work, made(size))
    return factor


def slow(pattern: re.Pattern[Any], used: frozenset[str]) -> Iterator[str]:
    """Find inputs of a pattern whose time grows faster than they do."""
    text = isinstance(pattern.pattern, str)
    for how, made in itertools.product(sorted(used), inputs(pattern.pattern if text else pattern.pattern.decode("latin-1"))):
        work = _work(pattern, how)
        given = made if text else lambda size, made=made: made(size).encode()  # type: ignore[misc]
        for less, more in ((60, 300), (300, 2_000)):  # what is of a high degree shows itself in a short text
            spent = _spent(work, given(more))
            if spent > 0.0005 and spent > 2 * more / less * _spent(work, given(less)):
                factor = grows(work, given, more, 0.004)
                if factor > MOST:
                    yield f"{how}, {given(12)!r}: {factor:.1f} times as long"
                    return


def _work(pattern: re.Pattern[Any], how: str) -> Callable[[Any], Any]:
    if how in ("sub", "subn"):
        return lambda given: pattern.sub(given[:0], given)
    if how == "finditer":
        return lambda given: sum(1 for _ in pattern.finditer(given))
    return getattr(pattern, how)  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _undisturbed() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


FOUND: Final = list(patterns())


def test_no_pattern_takes_more_than_its_share() -> None:
    """Every pattern that meets text from outside takes at most twice as long for twice the text, and a little."""
    met = [one for one in FOUND if (one[0], one[1]) not in INSIDE]
    assert len(met) > 60
    assert [f"{name}, {source}: {what}" for name, source, pattern, used in met for what in slow(pattern, used)] == []


def test_the_patterns_that_are_not_measured_are_still_there() -> None:
    """Nothing is left out under a name that the package has no more."""
    assert set(INSIDE) <= {(name, source) for name, source, _, _ in FOUND}


@pytest.mark.parametrize(
    ("source", "how"),
    [
        (r"[-_]{3,}\s*(?:x)?\s*[-_]*\s*", "fullmatch"),
        (r"\s*-?\s*\[", "match"),
        (r"\(.*\)\s*$", "sub"),
        (r"\[\[(.*?)\]\]", "findall"),
        (r"\d[\d\s]*?\s*-?", "fullmatch"),
    ],
)
def test_a_pattern_of_a_higher_degree_is_found(source: str, how: str) -> None:
    """The measure finds such patterns as were in the package before it was taken."""
    assert list(slow(re.compile(source), frozenset({how})))


_MARK: Final = f"[[Review t 2026-Q3 rep-{'a' * 24}]]\n"
_HTML: Final = "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n"
_FLOWED: Final = "MIME-Version: 1.0\nContent-Type: text/plain; format=flowed\n\n"


def _answer(text: str) -> object:
    return responses.parse(mails.read_answer(text.encode()))


def _spared(work: Callable[[str], object]) -> Callable[[str], object]:
    def tried(text: str) -> object:
        try:
            return work(text)
        except (ValueError, ReviewError) as error:
            return error

    return tried


def _csv(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(text)
        file.flush()
        list(csv_files._records(csv_files._Text(Path(file.name), "utf-8"), ","))


def _yaml(text: str) -> object:
    return written.compose(text, "x.yaml", ParamsError)


#: What reads text from outside, with texts before, repeated and after.
READERS: Final[Mapping[str, tuple[Callable[[str], object], tuple[tuple[str, str, str], ...]]]] = {
    "form": (
        _answer,
        (
            (f"---{' ' * 1000}x\n", "-- \n", _MARK),
            (f"{_MARK}\n[[Perspective]]\n", "[[", "x\n[[End]]\n"),
            (f"{_MARK}\n[[Perspective", "_", "]]\nx\n[[End]]\n"),
            (f"{_MARK}\n[[Perspective", "\u0301\u0327", "]]\nx\n[[End]]\n"),
            (f"{_MARK}\n[[End]]\n", "regards\n", ""),
            ("", "best regards\n\n", _MARK),
            (f"{_MARK}\n[[Perspective 123456]]\n:: ", "word ", "\n[[End]]\n"),
            (_MARK, "[[Concern 1]]\nx\n", "[[End]]\n"),
            ("", "> > > x\n", _MARK),
            ("On 5 October ", "wrote ", f"\n{_MARK}"),
        ),
    ),
    "mail": (
        _answer,
        (
            (_FLOWED, "words \n", ""),
            *((_HTML, piece, "") for piece in ("<!--", "<a ", '<a x="', "<a b='", "<![", "</", "<b>a", "<blockquote>x")),
            (f"{_HTML}<div hidden>", "<i></b>", ""),
            (f"{_HTML}&#", "9", ";"),
            (f"{_HTML}<script>", "</script ", ""),
            ("MIME-Version: 1.0\n", "x: y\n", "\n"),
        ),
    ),
    "money": (
        lambda text: casting.money(text, mark=".", currency="EUR"),
        (("1", " ", "x"), ("", "1.", "x"), ("(", " ", "1"), ("", "1,", "")),
    ),
    "date": (
        lambda text: casting.date(text, order="dmy"),
        (("1.1.2026 10:00", " ", "x"), ("", "1", ""), ("1.1.2026", ", ", "x")),
    ),
    "number": (sniffing._NUMBER.fullmatch, (("(", " ", "x"), ("", "1 ", "x"))),
    "header": (mapping.fold, (("", "aB", ""), ("", "_ ", ""))),
    "stage": (lambda text: mapping._stage(text, {}), (("", "(", ""), ("", "() ", "x"))),
    "name": (
        lambda text: list(quality._account_findings(SimpleNamespace(rows=lambda _: [(text, 1)]))),
        (("a", "\u0301\u0327", ""), ("a", "\uff9e\u0301", ""), ("", "Ö ", "")),
    ),
    "slug": (lambda text: files.slug(text, "R-1"), (("a", "\u0301\u0327", ""), ("", "- ", "x"))),
    "csv": (_csv, (("a,b\n", '"x\n', ""), ("a,b\n", 'x,"\n', ""), ("a,b\n", '"",""\n', ""), ('a,b\n"', "x\n", ""))),
    "goals": (
        lambda text: goalfile._csv_rows(text, "g.csv"),
        (("", "rep,", "\n"), ("rep,milestones\n", "R-1,2026-11-13: x;\n", "")),
    ),
    "yaml": (
        _yaml,
        (
            (f"a: {'[' * 2000}", "[", ""),
            ("a: [", "b, ", "]"),
            ("", "- ", "x"),
            ("a: &a [b, c]\nd: [", "*a, ", "]"),
            ("a: '", "b\n ", "'"),
        ),
    ),
    "nearest": (
        lambda text: rules.nearest(text, [text[1:], "amount"]),
        (("", "".join(map(chr, range(0x4E00, 0x4E00 + 150))), ""),),
    ),
    "people's text": (paragraphs.blocks, (("", "word\n", ""), ("", "- word\n", ""), ("", "1. word\n\n", ""))),
    "markdown": (
        export.markdown,
        tuple(
            ("", piece, "") for piece in ("[", "![", "*a ", "**a* ", "> ", "`a`` ", "[a](", "- a\n", "&", "<a ", "~~a", "a|")
        ),
    ),
    "error": (clean.without_folders, (("", "/a", " "), ("'", "~/a b", "x"), ("", "\x1b[1", ""))),
    "marks": (marks.within, (("x", "[[", ""), ("x", "[[a]]", ""))),
}


@pytest.mark.parametrize("name", READERS)
def test_what_reads_from_outside_takes_twice_as_long_for_twice_as_much(name: str) -> None:
    """Mails, forms, exports, goals, params and people's text: none of them is a way to hold the program up."""
    work, texts = READERS[name]
    factors = {
        (before, piece): grows(_spared(work), lambda size, text=text: text[0] + text[1] * size + text[2], 300, 0.015)  # type: ignore[misc]
        for text in texts
        for before, piece, _ in [text]
    }
    assert {text: round(factor, 1) for text, factor in factors.items() if factor > MOST} == {}
