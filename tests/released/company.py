"""The invented company of the fixtures: seven reps in three teams, as files that ``make.py`` lays down."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import unicodedata
from collections.abc import Iterator, Sequence

#: Written the way that some systems export it: the accents stand apart from their letters.
ZOE = unicodedata.normalize("NFD", "Zoë Çelik")
REPS = (
    ("0071", "Anna Müller", "Nord", "Mira Özdemir", "Vertrieb", "anna.mueller@alpen.example", "2021-03-01", ""),
    ("0072", "Bjørn Åkesson", "Nord", "Mira Özdemir", "Vertrieb", "bjorn@alpen.example", "2024-01-15", ""),
    ("0073", ZOE, "Nord", "Mira Özdemir", "Vertrieb", "zoe.celik@alpen.example", "2026-02-01", ""),
    ("K 9/Ü", "José Ünal", "Großkunden", "Mira Özdemir", "Großkunden", "jose.uenal@alpen.example", "2019-09-01", ""),
    ("0081", "Søren Brandt", "Süd & West", "Jonas Weiß", "Vertrieb", "soeren.brandt@alpen.example", "2020-05-01", ""),
    ("0082", "Lea O'Neill-Schäfer", "Süd & West", "Jonas Weiß", "Vertrieb", "", "2022-11-01", ""),
    ("0083", "Tim Vogt", "Süd & West", "Jonas Weiß", "Vertrieb", "tim.vogt@alpen.example", "2018-01-01", "2026-08-21"),
)
PARAMS = """\
# yaml-language-server: $schema=.reviewlib.schema.json
name: alpen
title: Alpenblick Messtechnik
currency: EUR
timezone: Europe/Berlin
locale: de
as_of: 2026-10-15
cadence: {rep: quarter, team: quarter, due: {answer: 12, feedback: 16, release: 21, signed: 30}}
crm:
  history_from: 2025-10-01
  deals:
    file: alpen/deals.csv
    format: {delimiter: ";", encoding: utf-8, decimal: ",", dates: dmy}
    columns:
      deal_id: Nummer
      rep_id: Betreuer
      account_id: Kunde
      stage: Phase
      amount: Betrag
      expected_amount: Erwartet
      opened_on: Angelegt
      closed_on: Abschluss
      expected_close_on: Erwarteter Abschluss
      product: Produkt
    stages:
      won: [Gewonnen]
      lost: [Verloren, Ohne Entscheidung]
      open: [Angebot, Verhandlung]
    exclude:
      - {column: Kunde, equals: [Testkunde], reason: Test account}
  reps:
    file: alpen/reps.csv
    columns:
      {rep_id: Id, rep_name: Name, team: Team, manager: Leitung, role: Rolle, email: Mail, started_on: Seit, left_on: Bis}
  targets:
    file: alpen/targets.csv
  measures:
    file: alpen/measures.csv
  aliases:
    account_id: {Isar Bräu GmbH: Isar Bräu}
  quarantine: {rows: 0.02, amount: 0.02}
kpis:
  revenue: {objective: Umsatz um 12 % steigern, weight: 3}
  win_rate: {target: 0.4, weight: 2}
  cycle_days: {target: 60}
  conversion_rate: {benchmark: 0.42}
  calls:
    label: Calls
    definition: Calls of two minutes or more, from the telephone system
    unit: count
    better: higher
    combine: sum
people:
  roles: {mira: manager, jonas: manager, ute: analyst, anna: rep}
  logins: {mira: Mira Özdemir, jonas: Jonas Weiß, anna: "0071"}
  addresses: {mira: mira.oezdemir@alpen.example, jonas: jonas.weiss@alpen.example}
peers: {group: all, median_from: 5}
playbook:
  - kpi: revenue
    when: [gap, watch]
    action: Plan the way from {revenue} to {revenue.target} deal by deal.
    skill: Account planning
    offer: Workshop „Kundenplanung“
  - {kpi: win_rate, action: Ask about budget and date before a proposal goes out., who: rep}
  - {kpi: cycle_days, when: [gap], action: "Review what is older than {stale_after} together.", who: manager}
recognition:
  - {rule: target_exceeded, at_least: 1.05}
  - {rule: personal_best}
  - {rule: significant_deal, at_least: 3}
  - {rule: top_quarter}
rating:
  scale: [Nicht erreicht, Teilweise erreicht, Erreicht, Übertroffen]
records:
  retention_date: 2029-12-31
theme: {accent: "#7a1f3d", accent_dark: "#f2a7bf"}
"""
PRODUCTS = ("Pegel 2", "Pegel 4", "Wartung")
ACCOUNTS = (
    "Isar Bräu",
    "Isar Bräu GmbH",
    "Donau Stahl",
    "Łódź Optyka",
    "Ørsted Værk",
    "Maas & Zn.",
    "Ährenfeld 🌾",
    "Inn Papier",
)
#: The deal whose amount the CRM corrected after the third quarter's reviews were released.
CORRECTED = ("R-0071-26", "4711,11")
GOALS_CSV = """\
rep,statement,kpi,scope,target,due,relevance,because,milestones
0072,Win at least 45% of closed deals,win_rate,own deals,45%,2026-12-31,gap,win rate,2026-11-30: half of the way; with „Bjørn“
0073,Zwölf Erstgespräche führen 🎯,calls,neue Kunden,150,2026-12-31,aspiration,Einarbeitung,
"""
GOALS_YAML = """\
# Goals of the south, not given yet.
- rep: "0081"
  statement: Bring the sales cycle to 50 days
  kpi: cycle_days
  scope: own deals
  target: 50
  due: 2026-12-31
  relevance: gap
  because: deals take longer
  milestones:
    - 2026-11-13: Liste aller Angebote, älteste zuerst
    - {due: 2026-12-04, text: "Liste abgearbeitet; Rest übergeben"}
- rep: "0082"
  statement: Ein Messestand in Łódź
  deliverable: Messestand mit zwei Geräten
  scope: Polen
  due: 2027-03-31
  relevance: objective
  because: Umsatz um 12 % steigern
"""


def files() -> dict[str, str]:
    """Every file of the workbook that a person or the CRM wrote, by its place."""
    header = ("Id", "Name", "Team", "Leitung", "Rolle", "Mail", "Seit", "Bis")
    return {
        "params/alpen.yaml": PARAMS,
        "params/alpen/deals.csv": _text(_deals(), delimiter=";"),
        "params/alpen/reps.csv": _text([header, *REPS]),
        "params/alpen/targets.csv": _text(_targets()),
        "params/alpen/measures.csv": _text(_measures()),
        "export/opportunities.csv": _text(_export()),
        "goals.csv": GOALS_CSV,
        "goals.yaml": GOALS_YAML,
    }


def corrected(deals: str) -> str:
    """The CRM's export as it is after the correction."""
    number, amount = CORRECTED
    lines = [line.split(";") for line in deals.splitlines()]
    return "".join(";".join([*line[:4], amount, *line[5:]] if line[0] == number else line) + "\n" for line in lines)


def _text(rows: Sequence[Sequence[str]], *, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _deals() -> list[tuple[str, ...]]:
    header = (
        "Nummer", "Betreuer", "Kunde", "Phase", "Betrag", "Erwartet", "Angelegt", "Abschluss", "Erwarteter Abschluss", "Produkt"
    )  # fmt: skip
    rows = [row for rep in REPS for row in _deals_of(rep[0], left=rep[-1])]
    test = ("R-0", "0071", "Testkunde", "Gewonnen", "99999,00", "1,00", "01.07.2026", "02.07.2026", "02.07.2026", "Pegel 2")
    return [header, *rows, test]


def _deals_of(rep: str, *, left: str) -> Iterator[tuple[str, ...]]:
    """Some thirty deals of a rep, the same every time."""
    rng = random.Random(rep)
    end = dt.date.fromisoformat(left) if left else dt.date(2026, 10, 15)
    opened = dt.date(2025, 9, 1)
    for number in range(1, 60):
        opened += dt.timedelta(days=rng.randint(6, 20))
        if opened >= end:
            return
        closed = opened + dt.timedelta(days=rng.randint(20, 110))
        outcome = rng.choice(("Gewonnen", "Gewonnen", "Verloren", "Ohne Entscheidung")) if closed < end else ""
        amount = f"{rng.randint(900, 19_000)},{rng.randint(0, 99):02}"
        yield (
            f"R-{rep}-{number:02}", rep, rng.choice(ACCOUNTS), outcome or rng.choice(("Angebot", "Verhandlung")),
            amount if outcome == "Gewonnen" else "", f"{rng.randint(1, 20)}000,00", _dmy(opened),
            _dmy(closed) if outcome else "", _dmy(opened + dt.timedelta(days=60)), rng.choice(PRODUCTS),
        )  # fmt: skip


def _dmy(day: dt.date) -> str:
    return f"{day:%d.%m.%Y}"


def _targets() -> list[tuple[str, ...]]:
    quarters = ("2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")
    rows = [("rep", rep[0], "revenue", quarter, "38000") for rep in REPS for quarter in quarters]
    others = [("team", "Nord", "revenue", "2026-Q3", "120000"), ("all", "", "calls", "2026-Q3", "120")]
    return [("scope", "scope_id", "kpi", "period", "value"), *rows, *others]


def _measures() -> list[tuple[str, ...]]:
    rng = random.Random(7)
    months = ("2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09")
    rows = [(rep[0], "calls", month, str(rng.randint(20, 70)), "") for rep in REPS for month in months]
    return [("rep_id", "kpi", "period", "value", "n"), *rows]


def _export() -> list[tuple[str, ...]]:
    """What another CRM exports, for ``reviewlib init``: the headers of Salesforce, a subtotal and a footer."""
    rng = random.Random(11)
    stages = ("Closed Won", "Closed Lost", "Prospecting", "Negotiation/Review")
    rows = [
        (
            f"006{number:012}AAA", f"Order {number}", rng.choice(ACCOUNTS), rng.choice(("Ada Berg", "Ben Dörr", "NA")),
            stages[number % 4], f"{rng.randint(1_000, 90_000)}.00", f"2026-0{rng.randint(1, 4)}-1{rng.randint(0, 9)}",
            f"2026-0{rng.randint(5, 9)}-2{rng.randint(0, 9)}",
        )
        for number in range(1, 41)
    ]  # fmt: skip
    header = ("Opportunity ID", "Opportunity Name", "Account Name", "Opportunity Owner", "Stage", "Amount", "Created Date")
    return [(*header, "Close Date"), *rows]
