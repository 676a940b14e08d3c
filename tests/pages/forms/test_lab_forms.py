"""The forms in a real JupyterLab: a whole review from the first word to both signatures, and nothing lost on the way."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import browser
import nbformat
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import Lab, Window, assert_ran, run_all, serving
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect

from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About, Entry, current
from reviewlib.conversation.journal import open_journal
from reviewlib.conversation.records import Records
from reviewlib.params import reading

PERIOD = "2026-Q3"
SLEEP = """
(seconds) => {
  const session = window.jupyterapp.shell.currentWidget.sessionContext.session;
  session.kernel.requestExecute({code: `import time; time.sleep(${seconds})`});
}
"""
#: JupyterLab hands widgets' messages to a thread beside the cells, where the kernel has one; other front ends do not.
COMMS = """
async (way) => {
  const widget = window.jupyterapp.shell.currentWidget;
  await widget.context.ready;
  await widget.sessionContext.ready;
  widget.sessionContext.session.kernel.commsOverSubshells = way;
}
"""
RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, made_demo: Path) -> Iterator[Lab]:
    """JupyterLab on a workbook in which one rep's review was run."""
    workbook = Path(shutil.copytree(made_demo, tmp_path_factory.mktemp("forms") / "workbook"))
    with serving(workbook, tmp_path_factory.mktemp("jupyter")) as running:
        yield running


def entries(workbook: Path, subject: str, *kinds: str) -> list[Entry]:
    """What the journal holds of one review now, read beside everything that is under test."""
    store = open_journal(reading.load(workbook / "params" / "demo.yaml"))
    if store is None:
        return []
    with store:
        kind = "rep" if subject.startswith("R-") else "team"
        found = current(store.entries(subject=(kind, subject), period=PERIOD))  # type: ignore[arg-type]
    return [entry for entry in found if not kinds or entry.kind in kinds]


def said(entry: Entry) -> dict[str, Any]:
    """What an entry says, without what is empty."""
    return {name: value for name, value in entry.payload.model_dump(mode="json").items() if value not in ("", None)}


@dataclass
class Manager:
    """Somebody who fills forms in, by their labels."""

    page: Page

    def open(self, title: str, save: str) -> Form:
        """Open a form by its title; what a save shows above it may push the button away under the pointer, once or twice."""
        button = self.page.get_by_role("button", name=title, exact=True)
        for _ in range(3):
            if button.get_attribute("aria-pressed") == "true" or "mod-active" in (button.get_attribute("class") or ""):
                break
            button.click()
            self.page.wait_for_timeout(300)
        body = self.page.locator(".rl-form-body").filter(has=self.page.get_by_role("button", name=save, exact=True))
        return Form(self.page, body, save)


@dataclass
class Form:
    """One open form."""

    page: Page
    body: Locator
    button: str

    def field(self, label: str) -> Locator:
        return self.body.get_by_label(label, exact=True)

    def fill(self, fields: dict[str, str | int | bool]) -> Form:
        """Fill fields in by their labels: text typed, options chosen by place or words, boxes checked."""
        for label, value in fields.items():
            field = self.field(label)
            if isinstance(value, bool):
                field.set_checked(value)
            elif field.evaluate("it => it.tagName") == "SELECT":
                # The options of one list may follow what was chosen in another.
                wanted = (
                    field.locator("option").nth(value) if isinstance(value, int) else field.locator(f"option >> text={value}")
                )
                wanted.first.wait_for(state="attached")
                field.focus()
                field.select_option(index=value) if isinstance(value, int) else field.select_option(label=value)
            else:
                field.fill(str(value))
        return self

    def press(self) -> Form:
        self.body.get_by_role("button", name=self.button, exact=True).click()
        return self

    def save(self) -> str:
        """Press the button and return what the form says was stored."""
        self.press()
        echo = self.body.locator(".echo")
        expect(echo).to_contain_text(re.compile("^(Saved|Recorded|The pages are made)"), timeout=60_000)
        return echo.inner_text()

    def another(self) -> Form:
        self.body.get_by_role("button", name="Write another", exact=True).click()
        expect(self.body.locator(".echo")).to_have_count(0)
        return self


def points_notebook(workbook: Path, rep: str) -> Path:
    """A notebook with one section, for many saves in little time."""
    path = workbook / "notebooks" / f"points-{rep}.ipynb"
    sources = [
        "import reviewlib as rl",
        f'review = rl.open_review("params/demo.yaml", rep="{rep}", period="{PERIOD}")',
        "rl.blocks.header(review)",
        "rl.forms.feedback(review)",
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources], metadata={"kernelspec": kernel}), path)
    return path


def answered(form: str, answers: dict[str, str]) -> str:
    """Fill a response form in: the text goes below the guide of its mark."""
    parts = re.split(r"(?m)^(?=\[\[)", form)
    for mark, text in answers.items():
        place = next(at for at, part in enumerate(parts) if part.startswith(f"[[{mark} "))
        parts[place] = f"{parts[place].rstrip()}\n\n{text}\n\n"
    return "".join(parts)


def _decide(manager: Manager) -> None:
    form = manager.open("Decide on recommended actions, or add your own", "Save decision")
    form.fill({"Recommended": 1, "Decision": "Accept as it is", "Due": "2026-11-30"}).save()
    form.another().fill({"Recommended": 2, "Decision": "Dismiss", "Reason": "The trade fair was moved."}).save()


def _give_feedback(manager: Manager) -> None:
    form = manager.open("Write feedback", "Save feedback")
    first = {
        "Strength or area to improve": "Strength",
        "Figure": "Win rate",
        "Feedback": "You said no in time.",
        "Example": "Halden",
    }
    form.fill(first).save()
    second = {"Strength or area to improve": "To improve", "Figure": "Sales cycle", "Feedback": "Name the decision date."}
    form.another().fill(second).save()


def _set_goal(manager: Manager) -> None:
    form = manager.open("Set a goal", "Save goal")
    form.fill({"Goal": "Close in 60 days", "Figure": "Sales cycle", "Scope": "Own deals over €5,000", "Target": "60"})
    form.fill({"Due": "2026-12-31", "Why it matters": "Closes a gap"})
    expect(form.body.locator(".smart")).to_contain_text("31 December 2026, no milestones before it")
    form.save()
    step = manager.open("Add a milestone or task to a goal", "Save step")
    step.fill({"Goal": 1, "Step": "Decision date in every deal", "Due": "2026-11-15"}).save()
    step.another().fill({"Goal": 1, "Milestone or task": "Task", "Step": "Book a review hour", "Due": "2026-11-01"}).save()
    expect(form.body.locator(".smart")).to_contain_text("two milestones before it")


def _import_answer(manager: Manager, workbook: Path) -> None:
    (path,) = workbook.glob(f"reports/demo/{PERIOD}/*/rep/*-answer.md")
    answers = {"Perspective": "A good quarter, with “late” tenders.", "Dispute 1 figure": "Win rate"}
    answers |= {"Dispute 1 why": "One deal was won in June.", "Concern 1": "Too many small accounts."}
    answer = workbook / "answer.md"
    answer.write_text(answered(path.read_text(encoding="utf-8"), answers), encoding="utf-8")
    form = manager.open("Import the rep’s answer", "Record the answer")
    with manager.page.expect_file_chooser() as asked:
        form.body.get_by_role("button", name="Choose the answer’s file").click()
    asked.value.set_files(answer)
    expect(form.body.get_by_role("button", name="Choose the answer’s file (1)")).to_be_visible()
    form.body.get_by_role("button", name="Show what would be recorded").click()
    expect(form.body.locator(".echo")).to_contain_text("3 entries to record")
    form.save()


def _close(manager: Manager) -> None:
    resolution = manager.open("Resolve a disputed figure", "Save resolution")
    resolution.fill({"Dispute": 1, "Outcome": "Accepted", "What was found and done": "Moved to the second quarter."}).save()
    manager.open("Rate overall", "Save rating").fill({"Rating": "4 of 5: Strong"}).save()
    release = manager.open("Release the review", "Release to the rep")
    expect(release.body).to_contain_text("Releasing shows Amara the manager’s words")
    release.fill({"Figures": 1}).save()
    sign = manager.open("Sign for the manager", "Sign as manager")
    sign.fill({"How": "Read, agrees", "Name": "Daniel Brandt"}).save()
    rep = manager.open("Sign for the rep, in the meeting", "Sign for the rep")
    rep.fill({"How": "Read, does not agree", "Name": "Amara Okafor", "Comment": "The tender was not mine."}).save()


def test_a_review_from_the_first_word_to_both_signatures(window: Window) -> None:
    """What a manager writes, decides, imports, releases, signs and exports in JupyterLab is what the journal holds."""
    workbook = window.folder
    (notebook,) = workbook.glob(f"reports/demo/{PERIOD}/*/notebooks/*.ipynb")
    with window.at(notebook) as seen:
        assert_ran(run_all(seen.page))
        manager = Manager(seen.page)
        _decide(manager)
        _give_feedback(manager)
        expect(seen.page.locator("section#feedback")).to_contain_text("Name the decision date.")
        _set_goal(manager)
        found = manager.open("Confirm an achievement, or add one", "Save recognition")
        found.fill({"Achievement found in the figures": 1, "Reward": "Bonus", "Propose for the team’s board": True}).save()
        _import_answer(manager, workbook)
        expect(seen.page.locator("section#own_view")).to_contain_text("A good quarter, with “late” tenders.")
        _close(manager)
        assert seen.requests == []
        expect(manager.open("Write feedback", "Save feedback").body).to_contain_text("signed by both")
        manager.open("Make the pages from what is saved", "Make the pages").save()
        assert [message for message in seen.messages if message.startswith("error")] == []
    _check_journal(entries(workbook, "R-014"))
    _check_pages(workbook)


def _check_journal(found: list[Entry]) -> None:
    by_kind: dict[str, list[Entry]] = {}
    for entry in found:
        by_kind.setdefault(entry.kind, []).append(entry)
    assert {kind: len(these) for kind, these in by_kind.items()} == {
        "action": 2,
        "feedback": 2,
        "goal": 1,
        "milestone": 2,
        "recognition": 1,
        "self_review": 1,
        "dispute": 1,
        "concern": 1,
        "resolution": 1,
        "rating": 1,
        "release": 1,
        "signoff": 2,
        "seal": 2,  # the run seals both copies
    }
    assert [said(entry)["decision"] for entry in by_kind["action"]] == ["accepted", "dismissed"]
    assert said(by_kind["action"][1])["reason"] == "The trade fair was moved."
    assert [said(entry) for entry in by_kind["feedback"]] == [
        {"stance": "strength", "kpi": "win_rate", "text": "You said no in time.", "example": "Halden"},
        {"stance": "improve", "kpi": "cycle_days", "text": "Name the decision date."},
    ]
    (goal,) = by_kind["goal"]
    assert {name: said(goal)[name] for name in ("kpi", "target", "due", "relevance")} == {
        "kpi": "cycle_days", "target": 60.0, "due": "2026-12-31", "relevance": "gap",
    }  # fmt: skip
    assert [(said(step)["of"], said(step)["form"], said(step)["due"]) for step in by_kind["milestone"]] == [
        (goal.id, "milestone", "2026-11-15"),
        (goal.id, "task", "2026-11-01"),
    ]
    assert said(by_kind["self_review"][0]) == {"perspective": "A good quarter, with “late” tenders."}
    assert all(entry.on_behalf_of == "R-014" and entry.source for entry in (*by_kind["self_review"], *by_kind["dispute"]))
    assert said(by_kind["resolution"][0])["of"] == by_kind["dispute"][0].id
    signed = {said(entry)["side"]: (said(entry)["how"], entry.on_behalf_of) for entry in by_kind["signoff"]}
    assert signed == {"manager": ("agree", None), "rep": ("disagree", "R-014")}
    assert {entry.author for entry in found} == {"daniel"}


def _check_pages(workbook: Path) -> None:
    """Both pages hold both sides' words and no part of a form."""
    for audience in ("manager", "rep"):
        pages = workbook.glob(f"reports/demo/{PERIOD}/*/{audience}/amara-*.html")
        (page,) = [page for page in pages if "amendment" not in page.name]
        text = page.read_text(encoding="utf-8")
        for words in ("Name the decision date.", "A good quarter", "The tender was not mine.", "Close in 60 days"):
            assert words in text, (audience, words)
        assert not re.search(r"<(input|textarea|select|button|script)\b", text)


def test_a_notebook_that_was_not_run_again_takes_no_typing(window: Window, chromium: Browser) -> None:
    """An executed notebook that is only opened shows the record, no field, and how to edit; its page has no such hint."""
    notebook, page = _executed(window.folder)
    with window.at(notebook) as seen:
        seen.page.get_by_role("heading", name="Feedback and replies").wait_for()
        assert seen.page.locator(".jp-Notebook .jp-OutputArea :is(input, textarea, select, button)").count() == 0
        expect(seen.page.get_by_text("Run all cells to edit.").first).to_be_visible()
    with browser.view(chromium, page) as shown:
        assert shown.page.locator(".rl-run:visible").count() == 0


def _executed(workbook: Path) -> tuple[Path, Path]:
    (notebook,) = workbook.glob(f"reports/demo/{PERIOD}/*/notebooks/*.ipynb")
    return notebook, notebook.parents[1] / "manager" / f"{notebook.stem}.html"


@dataclass
class Typist:
    """Somebody who types texts that nobody could guess, in every awkward way."""

    form: Form
    draw: random.Random

    def text(self, number: int) -> str:
        letters = "abcdefghij klmnop qrstuvwxyz ÄÖÜß éèñ – “” 中文 ё <b>&amp;</b> 0123456789"
        size = self.draw.choice((3, 40, 400, 3000))
        words = "".join(self.draw.choice(letters) for _ in range(size)).strip()
        return f"{number}: {words}\n\nLast line {number}."

    def begin(self, number: int) -> str:
        """Fill the form, the last characters key by key."""
        text = self.text(number)
        self.form.fill({"Strength or area to improve": "Strength", "Behaviour": f"Behaviour {number}"})
        area = self.form.field("Feedback")
        area.fill(text[:-6])
        area.press("End")
        area.press("Control+End")
        self.form.page.keyboard.type(text[-6:])
        return text

    def saved(self, number: int) -> None:
        """Wait until the record shows the text; then begin another one."""
        page = self.form.page
        try:
            expect(page.locator("section#feedback")).to_contain_text(f"Last line {number}.", timeout=30_000)
        except AssertionError:
            pytest.fail(f"save {number} is not in the record; the form says: {self.form.body.inner_text()[-600:]}")
        self.form = Manager(page).open("Write feedback", "Save feedback")
        # Empty already where the cell ran again after the save.
        if self.form.field("Feedback").input_value():
            self.form.another()


def _at_once(typist: Typist, number: int) -> str:
    """Typing just before the click."""
    text = typist.begin(number)
    typist.form.press()
    return text


def _busy(typist: Typist, number: int) -> str:
    """Everything while another cell holds the kernel."""
    typist.form.page.evaluate(SLEEP, 1.2)
    text = typist.begin(number)
    typist.form.press()
    return text


def _held_back(typist: Typist, number: int) -> str:
    """Text left half done once, finished while the kernel is busy, and other cells queued behind the click."""
    page = typist.form.page
    page.evaluate(SLEEP, 1)
    area = typist.form.field("Feedback")
    area.fill("half do")
    typist.form.field("Example").focus()
    text = typist.begin(number)
    typist.form.press()
    page.evaluate(SLEEP, 1)
    return text


def _twice(typist: Typist, number: int) -> str:
    """A double click."""
    text = typist.begin(number)
    typist.form.body.get_by_role("button", name="Save feedback", exact=True).dblclick()
    return text


def _run_again(typist: Typist, number: int) -> str:
    """Run All right after the click: another form stands there when the save is done."""
    text = typist.begin(number)
    typist.form.press()
    typist.form.page.evaluate(RUN_ALL)
    return text


WAYS: tuple[Callable[[Typist, int], str], ...] = (_at_once, _busy, _held_back, _twice, _run_again)


def save_many(window: Window, rep: str, *, count: int, comms: str) -> None:
    """Save ``count`` texts and compare the journal with what was typed."""
    notebook = points_notebook(window.folder, rep)
    typed: list[str] = []
    with window.at(notebook) as seen:
        seen.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.context")
        seen.page.evaluate(COMMS, comms)
        assert_ran(run_all(seen.page))
        typist = Typist(Manager(seen.page).open("Write feedback", "Save feedback"), random.Random(count))
        for number in range(count):
            typed.append(WAYS[number % len(WAYS)](typist, number))
            typist.saved(number)
    found = entries(window.folder, rep)
    assert [said(entry)["text"] for entry in found] == typed
    assert [said(entry)["behaviour"] for entry in found] == [f"Behaviour {at}" for at in range(count)]


#: How widgets' messages reach the kernel: beside the cells, or in their queue.
WITH_COMMS = pytest.mark.parametrize(("comms", "rep"), [("perCommTarget", "R-010"), ("disabled", "R-011")])


@WITH_COMMS
def test_saves_lose_nothing(window: Window, comms: str, rep: str) -> None:
    """Typing just before Save, on a busy kernel, twice, and with Run All behind: every text is stored once and whole."""
    save_many(window, rep, count=len(WAYS) + 1, comms=comms)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@WITH_COMMS
def test_two_hundred_saves_lose_nothing(window: Window, comms: str, rep: str) -> None:
    """The same two hundred times."""
    save_many(window, f"R-0{int(rep[-2:]) + 5}", count=100, comms=comms)


def test_unsaved_words_survive_run_all(window: Window) -> None:
    """What was typed and not saved stands in the form again after Run All, is said to be unsaved, and can be saved."""
    notebook = points_notebook(window.folder, "R-012")
    with window.at(notebook) as seen:
        run_all(seen.page)
        manager = Manager(seen.page)
        form = manager.open("Write feedback", "Save feedback")
        form.fill({"Strength or area to improve": "Strength", "Figure": "Win rate", "Feedback": "Not lost."})
        form.field("Example").focus()
        run_all(seen.page)
        expect(form.body).to_contain_text("Not saved yet: this was written before the cells ran again.")
        expect(form.field("Feedback")).to_have_value("Not lost.")
        assert entries(window.folder, "R-012") == []
        form.save()
    assert [said(entry)["text"] for entry in entries(window.folder, "R-012")] == ["Not lost."]


#: The kernel's process, and where its drafts lie.
ASK = """
async () => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const code = 'import json, os; from jupyter_core.paths import jupyter_data_dir';
  const asked = 'json.dumps([os.getpid(), jupyter_data_dir()])';
  const reply = await kernel.requestExecute({code, user_expressions: {asked}}).done;
  return JSON.parse(reply.content.user_expressions.asked.data['text/plain'].slice(1, -1));
}
"""
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


def _type_on(form: Form, text: str) -> None:
    """Type key by key, and stay in the field."""
    form.field("Feedback").focus()
    form.page.keyboard.press("Control+End")
    form.page.keyboard.type(text, delay=12)
    form.page.wait_for_timeout(1000)


def test_unsaved_words_survive_the_kernels_death_and_a_reload(chromium: Browser, lab: Lab) -> None:
    """What was typed when the kernel died, was restarted, or the page reloaded, is offered by Run All; a save removes it."""
    notebook = points_notebook(lab.folder, "R-020")
    typed = "Name the decision date in every deal, äöü “now”. " * 3
    with browser.view(chromium, lab.address(notebook), server=lab.url) as seen:
        page = seen.page
        run_all(page)
        form = Manager(page).open("Write feedback", "Save feedback")
        form.fill({"Strength or area to improve": "Strength", "Figure": "Win rate"})
        _type_on(form, typed)
        process, data = page.evaluate(ASK)
        os.kill(process, signal.SIGKILL)
        page.get_by_role("dialog").get_by_role("button", name="Ok").click()
        page.wait_for_function(IDLE)
        run_all(page)
        expect(form.body).to_contain_text("Not saved yet: typed on ")
        expect(form.field("Feedback")).to_have_value(typed)
        expect(form.field("Figure")).to_have_value(re.compile("."))
        assert page.evaluate(ASK)[0] != process
        _type_on(form, "Then call.")
        page.reload()
        page.wait_for_function(IDLE)
        run_all(page)
        expect(form.field("Feedback")).to_have_value(f"{typed}Then call.")
        _type_on(form, " Today.")
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        page.wait_for_function(IDLE)
        run_all(page)
        expect(form.field("Feedback")).to_have_value(f"{typed}Then call. Today.")
        (draft,) = Path(data).glob("reviewlib/drafts/*")
        assert draft.stat().st_mode & 0o177 == 0
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        form.save()
        assert not draft.exists()
    assert [said(entry)["text"] for entry in entries(lab.folder, "R-020")] == [f"{typed}Then call. Today."]
    assert typed.strip() not in notebook.read_text(encoding="utf-8")


def versions(workbook: Path, rep: str) -> list[str]:
    """Every text that the journal holds of a rep's feedback, in the order of its chain."""
    store = open_journal(reading.load(workbook / "params" / "demo.yaml"))
    assert store is not None
    with store:
        return [said(entry)["text"] for entry in store.entries(subject=("rep", rep), period=PERIOD, kind="feedback")]


def _overtaken(form: Form, beside: Records, *, theirs: str, mine: str) -> Locator:
    """Change the one feedback entry in another window first, then here; return where both texts are shown."""
    (entry,) = beside.minutes().of_kind("feedback")
    beside.write("feedback", supersedes=entry.id, stance="improve", kpi="cycle_days", text=theirs)
    form.fill({"Feedback": mine}).press()
    panel = form.body.locator(".two")
    expect(panel.locator("> div").nth(0)).to_contain_text(theirs)
    expect(panel.locator("> div").nth(1)).to_contain_text(mine)
    return panel


def test_who_saves_second_is_shown_both_texts_and_chooses(window: Window) -> None:
    """Saved meanwhile in another window: both texts stand there in the same words, either can be kept, every version stays."""
    rep, params = "R-017", reading.load(window.folder / "params" / "demo.yaml")
    beside = records.open_records(params, About("rep", rep, PERIOD), person=identity.person_of(params, "daniel"))
    with window.at(points_notebook(window.folder, rep)) as seen:
        assert_ran(run_all(seen.page))
        form = Manager(seen.page).open("Write feedback", "Save feedback")
        form.fill({"Strength or area to improve": "Strength", "Figure": "Win rate", "Feedback": "First."}).save()
        panel = _overtaken(form, beside, theirs="Theirs.", mine="Mine, not kept.")
        expect(form.body.get_by_role("alert").first).to_contain_text("Not saved: somebody else saved first.")
        expect(panel.locator("> div").nth(0)).to_contain_text(re.compile("To improve.*Sales cycle", re.DOTALL))
        expect(panel.locator("> div").nth(1)).to_contain_text(re.compile("Strength.*Win rate", re.DOTALL))
        assert _axe(seen.page, ".rl-forms") == []
        assert versions(window.folder, rep) == ["First.", "Theirs."]
        form.body.get_by_role("button", name="Keep theirs").click()
        expect(form.field("Feedback")).to_have_value("Theirs.")
        expect(panel).to_have_count(0)
        _overtaken(form, beside, theirs="Theirs again.", mine="Mine, after all.")
        form.body.get_by_role("button", name="Save mine instead").click()
        expect(form.body.locator(".echo")).to_contain_text("Mine, after all.", timeout=60_000)
        expect(form.body.get_by_role("button", name="Save mine instead")).to_be_hidden()
        expect(seen.page.locator("section#feedback")).to_contain_text("Mine, after all.")
    assert versions(window.folder, rep) == ["First.", "Theirs.", "Theirs again.", "Mine, after all."]
    assert [said(entry)["text"] for entry in entries(window.folder, rep)] == ["Mine, after all."]


def _axe(page: Page, within: str) -> list[str]:
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("(within) => axe.run(within, {resultTypes: ['violations']})", within)
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@pytest.mark.parametrize("given", [{"rep": "R-013"}, {"team": "North"}])
def test_forms_can_be_used_by_everybody(window: Window, given: dict[str, str]) -> None:
    """Every form of both notebooks passes axe, errors included, and the keyboard reaches the button after the last field."""
    # Not the rep whose review another test signs: a closed review takes no feedback.
    folder, name = window.folder / "notebooks", f"{next(iter(given))}_review.ipynb"
    notebook = browser.fill_in(folder / name, folder / f"open_{name}", **given)
    with window.at(notebook) as seen:
        assert_ran(run_all(seen.page))
        openers = seen.page.locator(".rl-forms .rl-opener")
        openers.first.wait_for()
        for opener in openers.all():
            if "mod-active" not in (opener.get_attribute("class") or ""):
                opener.click()
        form = Manager(seen.page).open("Write feedback", "Save feedback").press()
        expect(form.body.locator(".wrong").first).to_be_visible()
        assert _axe(seen.page, ".rl-forms") == []
        form.field("Example").focus()
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.innerText").strip() == "Save feedback"
