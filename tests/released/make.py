"""Make ``tests/released/<version>``: a small workbook with everything in it that users of a version have on their disks.

It is run by hand, once for a version, with that version's package, from a checkout of it::

    git worktree add OLD c8ff014
    PYTHONPATH=OLD:tests python tests/released/make.py tests/released/0.1.0

Everything is made the way that users make it: by commands, by ``records``, and by files that people write. What is made is
never made again: later versions open it as it is (``tests/test_released.py``). PostgreSQL must be installed.
"""

from __future__ import annotations

import csv
import email.message
import email.policy
import hashlib
import html
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import company
import nbformat
import postgres
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell

from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About, Entry
from reviewlib.params import reading
from reviewlib.workbook import starter

Q2, Q3 = "2026-Q2", "2026-Q3"
ANNA, BJORN, ZOE, JOSE, SOREN, LEA, TIM = (row[0] for row in company.REPS)
MAIL = {row[0]: row[5] for row in company.REPS}
NFD = unicodedata.normalize("NFD", "Größere Aufträge, öfter zu dritt – Ångström läuft. Ça va.")
#: As long as a text may be.
LONGEST = ("Ein langer Vermerk mit Umlauten (äöüß), 🎯 und\nneuen Zeilen. " * 400)[:19_999] + "."
#: The sections of a rep's review as an analyst put them: the talk first, one chart, and the deals as a table.
REARRANGED = (
    "rl.blocks.header(review)",
    *(
        f"rl.forms.{name}(review)"
        for name in ("agreed", "own_view", "feedback", "improve", "goals", "development", "recognition")
    ),
    "rl.blocks.summary(review)",
    'rl.charts.trends(review, kpis=["win_rate"])',
    *(f"rl.blocks.{name}(review)" for name in ("scorecard", "strengths", "achievements", "next_period")),
    'review.deals.sort_values("amount", ascending=False)[["deal_id", "amount"]].head(3)',
    '[entry.payload.statement for entry in rl.records.current(review, "goal")]',
    "rl.forms.signoff(review)",
    "rl.blocks.figures(review)",
)


@dataclass(frozen=True)
class Book:
    """The workbook, and who does what in it."""

    folder: Path

    def command(self, login: str, *args: str) -> None:
        """Run a command line as somebody."""
        command = [sys.executable, "-m", "reviewlib", *args[:1], "params/alpen.yaml", *args[1:]]
        subprocess.run(command, cwd=self.folder, env=os.environ | {"JUPYTERHUB_USER": login}, check=True)

    def write(self, login: str, subject: str, period: str, kind: str, **fields: Any) -> Entry:
        """Write one entry as somebody; teams are told from reps by their names."""
        params = reading.load(self.folder / "params" / "alpen.yaml")
        about = About("rep" if subject in MAIL else "team", subject, period)
        return records.open_records(params, about, person=identity.person_of(params, login)).write(kind, **fields)

    def beside(self, rep: str, period: str, pattern: str) -> Path:
        """The one file of a rep's in a period."""
        name = hashlib.sha256(rep.encode()).hexdigest()[:8]
        (found,) = (self.folder / "reports" / "alpen" / period).glob(f"*/{pattern.format(name=name)}")
        return found

    def form(self, rep: str, period: str, **answers: str) -> str:
        """The form beside a rep's page, filled in."""
        return filled(self.beside(rep, period, "rep/*{name}-answer.md").read_text(encoding="utf-8"), **answers)

    def short_form(self, rep: str, period: str, **answers: str) -> str:
        """What the link on a rep's page puts into a mail, filled in."""
        page = self.beside(rep, period, "rep/*{name}.html").read_text(encoding="utf-8")
        (link,) = re.findall(r'href="mailto:[^"]*&amp;body=([^"]*)"', page)
        return filled(unquote(html.unescape(link)).replace("\r\n", "\n"), **answers)

    def answer(self, name: str, content: str | bytes, *, by: str = "") -> None:
        """Keep an answer as it came; ``by`` imports it, else it waits."""
        path = self.folder / "answers" / ("imported" if by else "waiting") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if by:
            self.command(by, "import-response", path.relative_to(self.folder).as_posix())


def filled(text: str, **answers: str) -> str:
    """Type answers below the marks that begin with these words (``_`` for a blank), as a person would."""
    lines = text.split("\n")
    for name, answer in answers.items():
        words = f"[[{name.replace('_', ' ')}"
        place = next(at for at, line in enumerate(lines) if line.startswith(words) and line[len(words)] in " ]")
        while lines[place + 1].startswith("::"):
            place += 1
        end = next(at for at in range(place + 1, len(lines)) if lines[at].startswith("[["))
        lines[place + 1 : end] = ["", *answer.split("\n"), ""]
    return "\n".join(lines)


def mail(sender: str, text: str, *, attached: bool = False) -> bytes:
    """A saved mail with the form in its text, or attached to it."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"] = sender, "leitung@alpen.example"
    message["Subject"], message["Message-ID"] = (
        "Meine Antwort",
        f"<{hashlib.sha256(text.encode()).hexdigest()[:12]}@alpen.example>",
    )
    message["MIME-Version"] = "1.0"
    if attached:
        message.set_content("Hallo,\n\nanbei das Formular.\n\nViele Grüße\n", cte="quoted-printable")
        message.add_attachment(text.encode(), maintype="text", subtype="markdown", filename="answer.md")
        return message.as_bytes()
    message.set_content(text, cte="quoted-printable")
    return message.as_bytes()


def lay_files(folder: Path) -> None:
    """Write what people and the CRM wrote, the shipped templates, and what ``init`` proposes."""
    for place, content in company.files().items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
    for name in starter.NOTEBOOKS.values():
        for place in ("notebooks", "shipped"):
            (folder / place).mkdir(exist_ok=True)
            shutil.copyfile(starter.home() / "notebooks" / name, folder / place / name)
    init = ("init", "export/opportunities.csv", "--out", "params/crm.yaml")
    subprocess.run([sys.executable, "-m", "reviewlib", *init], cwd=folder, check=True)


def earlier_period(book: Book) -> None:
    """2026-Q2: two reps whose reviews both sides signed, and what was added afterwards."""
    both = ("--period", Q2, "--rep", ANNA, "--rep", SOREN)
    book.command("ute", "run", *both)
    anna(book)
    soren(book)
    book.command("mira", "release", "--period", Q2, "--rep", ANNA)
    book.command("jonas", "release", "--period", Q2, "--rep", SOREN)
    book.command("ute", "run", *both)
    answers = {"Reply_F1": "Danke! 🙏\nDas hat Zoë\tauch gesagt.", "Goal_G1": "yes\nmit Vertrag", "Recognition_R1": "ja"}
    signature = {"Signature_name": "Anna Müller", "Signature_word": "agree"}
    book.answer("anna-q2-signed.md", book.form(ANNA, Q2, **answers, **signature), by="ute")
    book.write("mira", ANNA, Q2, "signoff", how="agree", name="Mira Özdemir")
    said = {"how": "disagree", "name": "Søren Brandt", "comment": "Der Mai gehört mir nicht."}
    book.write("jonas", SOREN, Q2, "signoff", on_behalf=True, **said)
    book.write("jonas", SOREN, Q2, "signoff", how="agree", name="Jonas Weiß")
    book.command("ute", "run", *both)


def anna(book: Book) -> None:
    """What the manager and Anna said before the release of her second quarter."""

    def write(kind: str, **fields: Any) -> Entry:
        return book.write("mira", ANNA, Q2, kind, **fields)

    answers = {
        "Perspective": f"Spürbar besser – trotz „Sommerloch“ ☀️.\n\nZwei Aufträge sind gerutscht.\n{NFD}",
        "Support": "Jemand für die Anfragen [[End]] im Posteingang",
        "Feedback_to_the_manager_1": "Sag es mir bitte, bevor ich es merke.",
        "Concern_1": "Verträge liegen vier Wochen bei Recht.",
    }
    short = book.short_form(ANNA, Q2, **answers | {"Support": "Jemand für die Anfragen"})
    book.answer("anna-q2.eml", mail(MAIL[ANNA], short), by="mira")
    first = write("feedback", stance="strength", kpi="win_rate", text="Du fragst früh nach Budget.")
    write("feedback", stance="strength", kpi="win_rate", text="Du fragst früh nach dem Budget – immer.", supersedes=first.id)
    write("feedback", stance="improve", behaviour="Bereitet Termine vor", text="Öfter zu zweit gehen.", example="Łódź, 3. Mai")
    write("concern", text="Bleibt sie? 😟", visibility="manager_only", doing="Gespräch im Juli")
    write("note", text="Gehalt ansprechen. Nur für mich.")
    goal = write(
        "goal", statement="Mindestens 45 % gewinnen", kpi="win_rate", scope="eigene", baseline=0.4, target=0.45,
        due="2026-09-30", relevance="gap", because="Quote fiel",
    )  # fmt: skip
    write("milestone", of=goal.id, text="Die Hälfte des Weges", due="2026-08-15")
    write("milestone", of=goal.id, form="task", text="Liste der Kunden ohne Budget", owner="manager")
    plan = "Plan the way from 1 to 2 deal by deal."
    write("action", decision="accepted", recommended=plan, text=plan, kpi="revenue", due="2026-08-01")
    write("action", decision="edited", recommended=plan, text="Drei Kunden zuerst", kpi="revenue", owner="manager")
    write("action", decision="dismissed", recommended="Mehr Anrufe", reason="Passt nicht zu ihr", kpi="calls")
    write("action", decision="added", text="Posteingang an den Innendienst geben", owner="manager")
    write(
        "development",
        way="training",
        skill="Verhandeln",
        text="Kurs, zwei Tage",
        kpi="deal_size",
        owner="Mira",
        due="2026-09-01",
    )
    write("recognition", title="Bestes Quartal 🏆", text="Verdient", rule="personal_best", kpi="revenue", reward="bonus",
          reward_text="2.400 € im November", for_board=True)  # fmt: skip
    write("recognition", title="Hilfe für Bjørn", reward="mention")
    write("rating", value=4, comment="Weiter so")


def soren(book: Book) -> None:
    """What was said in the meeting with Søren, and how his dispute ended."""

    def write(kind: str, **fields: Any) -> Entry:
        return book.write("jonas", SOREN, Q2, kind, **fields)

    write("self_review", on_behalf=True, perspective="Kein gutes Quartal.", aspirations="Großkunden")
    write("feedback", stance="improve", kpi="cycle_days", text="Angebote liegen zu lange.\n\n- nachfassen\n- <b>absagen</b>")
    write("note", text=LONGEST)
    dispute = write("dispute", on_behalf=True, kpi="revenue", deal=f"R-{SOREN}-14", reason="Der Betrag stimmt nicht.")
    said = {"outcome": "partly", "text": "Im CRM nachgesehen: 2 % Skonto."}
    book.write("ute", SOREN, Q2, "resolution", of=dispute.id, **said)
    book.write("ute", SOREN, Q2, "note", text="Die Auswertung liegt im CRM.")
    write("reply", of=dispute.id, text="Das klären wir.")
    write("rating", value=2, visibility="manager_only", comment="Bleibt bei mir")


def amend(book: Book) -> None:
    """What came after both had signed: shared, and about something that stays with the manager."""
    params = reading.load(book.folder / "params" / "alpen.yaml")
    own = records.open_records(params, About("rep", ANNA, Q2), person=identity.person_of(params, "mira"))
    private = next(entry for entry in own.minutes().of_kind("concern") if entry.visibility == "manager_only")
    book.write("mira", ANNA, Q2, "amendment", text="Sie bleibt.", of=private.id)
    book.write("mira", ANNA, Q2, "amendment", text="Das Gespräch war am 22.\nNicht am 21. ✍️")
    book.write("jonas", SOREN, Q2, "amendment", on_behalf=True, text="Mein Kommentar gilt weiter.")
    book.command("ute", "run", "--period", Q2, "--rep", ANNA, "--rep", SOREN)


def rearrange(book: Book) -> None:
    """Give reps the analyst's template from now on; what was signed keeps its page."""
    path = book.folder / "notebooks" / "rep_review.ipynb"
    nb = nbformat.read(path, as_version=4)
    text = new_markdown_cell("## Unser Gespräch\n\nErst reden, *dann* Zahlen.", id="talk")
    cells = [new_code_cell(source, id=f"cell-{place}") for place, source in enumerate(REARRANGED)]
    nb.cells = [*nb.cells[:2], cells[0], text, *cells[1:]]
    nbformat.write(nb, path)


def current_period(book: Book) -> None:
    """2026-Q3: reviews in every state, two snapshots, and what people wrote into notebooks and forms."""
    whole = ("--period", Q3)
    book.command("ute", "run", *whole)
    book.command("mira", "import-goals", "goals.csv", *whole)
    released(book)
    book.command("mira", "release", *whole, "--rep", ANNA, "--rep", ZOE, "--rep", JOSE)
    book.command("jonas", "release", *whole, "--rep", TIM)
    book.command("ute", "run", *whole)
    answers = {"Goal_G1": "no, zu früh", "Reply_F1": "Gerne – 50/50?\n> so wie im Mai", "Dispute_1_figure": "Win rate"}
    answers |= {"Dispute_1_why": "Ein Auftrag fehlt.", "Signature_name": "Anna M.", "Signature_word": "agree"}
    attached = mail(f"Anna Müller <{MAIL[ANNA]}>", book.form(ANNA, Q3, **answers), attached=True)
    book.answer("anna-q3-signed.eml", attached, by="mira")
    book.write("mira", JOSE, Q3, "signoff", how="agree", name="Mira Özdemir", comment="Gern gelesen")
    book.write("jonas", TIM, Q3, "signoff", on_behalf=True, how="absent", name="Tim Vogt", comment="Ausgeschieden")
    book.write("jonas", TIM, Q3, "signoff", how="agree", name="Jonas Weiß")
    open_reviews(book)
    annotate(book, BJORN, Q3)
    form = book.beside(BJORN, Q3, "rep/*{name}-answer.md")
    form.write_text(book.form(BJORN, Q3, Insights="In die Datei getippt, nie geschickt."), encoding="utf-8")
    deals = book.folder / "params" / "alpen" / "deals.csv"
    deals.write_text(company.corrected(deals.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    book.command("ute", "freeze", *whole)
    book.command("ute", "run", *whole)


def released(book: Book) -> None:
    """What is said before the release of the third quarter: to Anna, who goes on from the second, to Zoë, José and Tim."""
    book.write("anna", ANNA, Q3, "self_review", perspective=NFD, insights="Budget zuerst.\n\n\tEingerückt")
    said = {"statement": "Drei Neukunden", "kpi": "new_customers", "baseline": 1, "target": 3, "over": "FY2026"}
    why = {"due": "2026-12-31", "relevance": "aspiration", "because": "Wachsen"}
    goal = book.write("mira", ANNA, Q3, "goal", **said, **why)
    params = reading.load(book.folder / "params" / "alpen.yaml")
    before = records.open_records(params, About("rep", ANNA, Q2), person=identity.person_of(params, "mira")).minutes()
    ends = {"goal": "met", "milestone": "done", "action": "done", "development": "booked", "concern": "resolved"}
    for kind, status in ends.items():
        entry = next(one for one in before.of_kind(kind) if getattr(one.payload, "decision", "") != "dismissed")
        book.write("mira", ANNA, Q3, "update", of=entry.id, status=status, note=f"{status} ✅", on="2026-09-15")
    book.write("mira", ANNA, Q3, "feedback", stance="strength", kpi="revenue", text="Über dem Ziel.")
    book.write("mira", ANNA, Q3, "milestone", of=goal.id, text="Der erste bis November", due="2026-11-30")
    for rep in (ZOE, JOSE):
        book.write("mira", rep, Q3, "feedback", stance="strength", behaviour="Hört zu", text="Kunden erzählen es mir 😀.")
    book.write("mira", ZOE, Q3, "recognition", title="Erster Auftrag", for_board=True)
    book.write("mira", ZOE, Q3, "concern", text="Zu viele Reisen?", owner="rep")
    book.write("jonas", TIM, Q3, "feedback", stance="strength", behaviour="Übergibt sauber", text="Alles war an seinem Platz.")


def open_reviews(book: Book) -> None:
    """What is said in reviews that nobody has released: a draft, an answer with a dispute, a team's."""
    book.write("mira", BJORN, Q3, "feedback", stance="improve", kpi="win_rate", text="Entwurf, noch nicht fertig …")
    book.write("jonas", SOREN, Q3, "feedback", stance="strength", kpi="calls", text="Du rufst an.")
    answers = {"Perspective": "Besser als im Mai.", "Dispute_1_figure": "Sales revenue", "Dispute_1_deal": f"R-{SOREN}-17"}
    answers |= {"Dispute_1_why": "Zweimal gezählt", "Concern_1": "Der Preis für Łódź"}
    book.answer("soeren-q3.md", book.form(SOREN, Q3, **answers), by="jonas")
    book.write("mira", "Nord", Q3, "feedback", stance="strength", behaviour="Hilft sich", text="Ihr übergebt sauber.")
    book.write("mira", "Nord", Q3, "note", text="Zielkonflikt mit Süd & West.")


def annotate(book: Book, rep: str, period: str) -> None:
    """What a manager does in JupyterLab: write a text and a line of code, Run All, save."""
    path = book.beside(rep, period, "notebooks/*{name}.ipynb")
    nb = nbformat.read(path, as_version=4)
    text = new_markdown_cell(f"### Mein Vermerk\n\nMit {rep} **besprochen**, Ärger & Lob 🙂", id="own-text")
    nb.cells[4:4] = [
        text,
        new_code_cell('review.scorecard.query("kpi == \'revenue\'")[["value", "target"]].tail(2)', id="own-code"),
    ]
    os.environ |= {"JUPYTERHUB_USER": "mira", "JPY_SESSION_NAME": str(path)}
    NotebookClient(nb, store_widget_state=False, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in nb.cells:
        cell.metadata.pop("execution", None)  # JupyterLab records no times unless it is asked to
    nbformat.write(nb, path)


def waiting(book: Book) -> None:
    """Answers and edited notebooks that the next version finds on the disk."""
    typed = {"Perspective": "Ein Anfang. 🙂", "Aspirations": NFD, "Feedback_to_the_manager_1": "Mehr Zeit, bitte."}
    book.answer("bjorn-q3.md", book.form(BJORN, Q3, **typed))
    signed = {"Signature_name": company.ZOE, "Signature_word": "read, do not agree", "Signature_comment": "Nicht so."}
    replied = {"Reply_F1": "Danke – grüße sie.", "Recognition_R1": "no\nlieber nicht", "Goal_G1": "yes"}
    book.answer("zoe-q3.eml", mail(f"{company.ZOE} <{MAIL[ZOE]}>", book.form(ZOE, Q3, **replied, **signed)))
    signed = {"Signature_name": "José Ünal", "Signature_word": "agree"}
    book.answer("jose-q3.eml", mail(MAIL[JOSE], book.short_form(JOSE, Q3, **signed)))
    # The reps table has no address of hers.
    book.answer(
        "lea-q3.eml", mail("lea@privat.example", book.short_form(LEA, Q3, Perspective="Viel unterwegs.", Concern_1="Zeit"))
    )
    annotate(book, ANNA, Q2)
    annotate(book, ZOE, Q3)


def on_a_server(book: Book, folder: Path) -> None:
    """Move a copy of the journal to PostgreSQL, with each login's rights, and dump it as an administrator would."""
    folder.mkdir()
    with postgres.launch() as server:
        for login in ("reviews", "mira", "jonas", "ute"):
            server.new_role(login)
        with server.connect() as connection:
            connection.execute("CREATE DATABASE journal OWNER reviews")
        moved = book.folder / "params" / "server.yaml"
        moved.write_text(
            company.PARAMS.replace("records:\n", f"records:\n  database: {server.url('journal', user='reviews')}\n"),
            encoding="utf-8",
        )
        for args in (["journal-init"], ["restore", "reports/alpen/backups/journal.db"], ["journal-init"],
                     ["backup", "--out", "reports/alpen/backups/journal.jsonl"]):  # fmt: skip
            command = [sys.executable, "-m", "reviewlib", args[0], "params/server.yaml", *args[1:]]
            subprocess.run(command, cwd=book.folder, check=True)
        moved.unlink()
        roles = dumped(
            server, "pg_dumpall", "--roles-only", keep=lambda line: re.search(r" ROLE (reviews|mira|jonas|ute)\b", line)
        )
        (folder / "roles.sql").write_text(roles, encoding="utf-8")
        journal = dumped(server, "pg_dump", "journal", keep=lambda line: not re.match(r"\\(un)?restrict |--", line))
        (folder / "journal.sql").write_text(re.sub(r"\n{3,}", "\n\n", journal), encoding="utf-8")


def dumped(server: postgres.Server, program: str, *args: str, keep: Callable[[str], object]) -> str:
    """What PostgreSQL's own programs write, in the lines that are wanted."""
    command = [program, "-h", str(server.folder), "-U", "test", *args]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "".join(line for line in text.splitlines(keepends=True) if keep(line))


def write_down(book: Book) -> None:
    """List every entry with the sha256 of its payload's bytes and its hash, read past the package."""
    columns = "subject_kind, subject, period, sequence, kind"
    query = f"SELECT {columns}, payload, hash FROM entries ORDER BY subject_kind, subject, period, sequence"
    connection = sqlite3.connect(book.folder / "reports" / "alpen" / "journal.db")
    rows = [(*row[:5], hashlib.sha256(row[5].encode()).hexdigest(), row[6]) for row in connection.execute(query)]
    connection.close()
    with (book.folder / "journal.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([(*columns.split(", "), "payload_sha256", "hash"), *rows])


def check(folder: Path) -> None:
    """Refuse a fixture that says on which machine it was made."""
    told = [str(folder.resolve()), str(Path.home()), str(Path.cwd()), sys.prefix, "/tmp/"]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found = [word for word in told if word.encode() in content]
            assert not found, (path, found)


def main(folder: Path) -> None:
    """Make the fixture in a folder that is not there yet."""
    folder.mkdir(parents=True)
    book = Book(folder.resolve())
    lay_files(book.folder)
    earlier_period(book)
    amend(book)
    rearrange(book)
    current_period(book)
    waiting(book)
    book.command("mira", "handout", "--period", Q3, "--manager", "Mira Özdemir", "--out", "handout")
    book.command("ute", "backup", "--out", "reports/alpen/backups/journal.db")
    on_a_server(book, book.folder / "postgres")
    write_down(book)
    for path in [*folder.rglob(".*lock"), *folder.rglob(".ipynb_checkpoints")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    check(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
