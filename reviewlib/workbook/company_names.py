"""The sample company's cast: names, teams, and the people whose quarters tell a story.

Data only; ``sample_people`` makes reps of it. Everybody and every company here is invented.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Team:
    """One team and how many of the first 48 reps it has."""

    name: str
    manager: str
    region: str
    size: int
    role: str | None = None


@dataclass(frozen=True)
class Story:
    """What sets a rep apart: dates of the career, lasting traits, and single quarters.

    ``attainment``, ``win_rates`` and ``opening`` map a quarter to the attainment, the win rate and the share of the usual
    number of opened deals in it.
    """

    started_on: dt.date | None = None
    left_on: dt.date | None = None
    moved: tuple[str, dt.date] | None = None
    weight: float | None = None
    size: float | None = None
    cycle: float | None = None
    spread: float | None = None
    win_rate: float | None = None
    keep: float | None = None
    level: float | None = None
    target: bool = True
    attainment: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    win_rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    opening: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


TEAMS: Final = (
    Team("West", "Claire Dubois", "Rhineland and Benelux", 9),
    Team("North", "Daniel Brandt", "Nordics and Hamburg", 13),
    Team("South", "Lucía Ferrer", "Iberia and Italy", 12),
    Team("East", "Tomasz Wójcik", "Poland and Czechia", 11),
    Team("Key Accounts", "Sara Lund", "Europe", 3, "Key account executive"),
)
MANAGERS: Final = ("Martin Keller", "Ilse Vermeulen", "Rashid Karimi", "Eleni Papadaki", "Owen Clarke", "Joana Teixeira")

CAST: Final = (
    "Ella Byrne",
    "Youssef Amrani",
    "Sofie Janssens",
    "Luca Moretti",
    "Grace O'Neill",
    "Emil Sørensen",
    "Marie-Claire Dubois-Laurent",
    "Bram de Vries",
    "Yuna Park",
    "Ingrid Solberg",
    "Kwame Mensah",
    "Priya Raman",
    "Tomás Herrera",
    "Amara Okafor",
    "Astrid Nyström",
    "Farid Hosseini",
    "Jonas Lindqvist",
    "Maximiliana Theodora von Hohenberg-Schwarzenstein zu Altenmarkt",
    "Henrik Dahl",
    "Jan Novák",
    "Leila Farouk",
    "Li Wei Chen",
    "Hannah Weiss",
    "Mateo Ruiz",
    "Aisha Bello",
    "Noah Fischer",
    "Chiara Conti",
    "Samir Haddad",
    "Isabel Costa",
    "Giulia D'Angelo",
    "Zoë Lambert",
    "Ravi Iyer",
    "Catarina Lopes",
    "Ben Adeyemi",
    "Olena Kovalenko",
    "Piotr Zieliński",
    "Viktor Hrubý",
    "Mei Tanaka",
    "Dana Ionescu",
    "Arjun Mehta",
    "Jan Novák",
    "Marta Nowak",
    "Łukasz Dąbrowski",
    "Nadia Rahman",
    "Felix Baumann",
    "Oskar Brandt",
    "Thandiwe Ndlovu",
    "Şebnem Yıldız",
)

STORIES: Final[Mapping[str, Story]] = MappingProxyType(
    {
        "R-005": Story(cycle=33.0, level=0.88),
        "R-006": Story(left_on=dt.date(2026, 3, 31), level=0.86),
        "R-009": Story(started_on=dt.date(2026, 9, 14), weight=0.0),
        "R-012": Story(weight=1.7, win_rate=0.55, cycle=34.0, keep=0.85, level=1.17, attainment={"2026-Q3": 1.24}),
        # The notebook opens with this rep: a fine quarter behind her, a thin one ahead, and deals that take long.
        "R-014": Story(
            started_on=dt.date(2022, 3, 1),
            weight=1.7,
            size=9300.0,
            win_rate=0.48,
            cycle=55.0,
            spread=0.24,
            keep=0.6,
            level=0.98,
            attainment={"2026-Q1": 1.02, "2026-Q2": 0.86, "2026-Q3": 1.09},
            win_rates={"2026-Q1": 0.49, "2026-Q2": 0.42, "2026-Q3": 0.59},
            opening={"2026-Q2": 1.03, "2026-Q3": 0.72, "2026-Q4": 0.9},
        ),
        "R-017": Story(win_rate=0.27, cycle=54.0, keep=0.25, level=0.72, attainment={"2026-Q3": 0.64}),
        "R-019": Story(moved=("South", dt.date(2026, 1, 1)), level=1.04),
        "R-022": Story(started_on=dt.date(2026, 1, 12), level=0.93),
        "R-025": Story(level=0.95, attainment={"2026-Q1": 0.84, "2026-Q2": 0.78, "2026-Q3": 1.14}),
        "R-028": Story(left_on=dt.date(2026, 8, 14), level=0.9),
        "R-031": Story(started_on=dt.date(2026, 7, 1), level=0.9),
        "R-033": Story(weight=0.2, level=0.9),
        "R-037": Story(left_on=dt.date(2025, 6, 30), level=0.8),
        "R-040": Story(started_on=dt.date(2025, 5, 5), level=1.05),
        "R-042": Story(level=1.0, target=False),
    }
)
#: The owner of deals who is in no reps table any more.
FORMER: Final = ("R-X07", Story(started_on=dt.date(2021, 5, 3), left_on=dt.date(2026, 7, 31), weight=0.35, level=1.0))


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


FIRST_NAMES: Final = _words(
    "Ada Adam Agnes Alba Amir Ana Anton Arda Asha Bela Bruno Carla Cem Chidi Clara Dario Deniz Edda Elif Elsa Enzo Esra Fatou "
    "Finn Freya Gita Hana Hugo Ida Ines Ivo Jana João Jun Kai Karim Kofi Lars Lea Lina Luis Maja Malik Mara Milan Mina Nils "
    "Nora Omar Paula Petra Ren René Rosa Sami Selma Sven Tara Theo Uma Vera Wanda Yara Zeynep"
)
LAST_NAMES: Final = _words(
    "Abadi Almeida Andersen Arslan Bakker Balogun Bauer Becker Berg Bianchi Blanc Borg Castro Cohen Costa Díaz Dumont Eriksen "
    "Fontaine Ganz García Gruber Haas Hansen Horvat Ibrahim Ivanova Jensen Kaya Kim Koch Kowalska Krüger Larsen Lehmann "
    "Lindgren Mahlangu Marino Meier Mendes Müller Nguyen Nielsen Okoye Olsen Ortega Øvergård Patel Peeters Petrov Popescu "
    "Rossi Sato Schmid Shah Silva Singh Sousa Svensson Szabó Tamm Vargas Virtanen Vogel Wagner Wang Weber Yılmaz Zhang Zimmer"
)
PRODUCTS: Final = ("Spectra 200", "Spectra 400", "Torque Bench", "FlowSense", "CalSuite", "Service plan")
ACCOUNT_PLACES: Final = _words(
    "Alder Amberley Anker Arden Aurich Avon Baltic Barrow Bergen Birk Blackwood Bodega Borken Brenner Calder Carrick Castell "
    "Cedar Clyde Corvo Crane Dorn Drava Dunmore Eider Elbe Ellwood Ems Esker Falken Fenwick Ferro Fjord Foyle Galt Garda Glen "
    "Grafton Haldane Harz Haven Helm Holm Ibis Isar Jura Kalmar Kestrel Kite Lahn Larch Lech Linden Loire Lunden Marlow Meric "
    "Minho Morava Möhne Narva Neckar Norden Oder Orsa Osprey Pardo Pinnow Quill Rhône Ripon Rowan Saale Sandvig Selby Sorrel "
    "Spree Strand Tagus Tessin Thorn Tindal Torne Ulver Umbra Vega Visby Vltava Wald Weser Wicken Wren Yarrow Zennor Zenta "
    "Zwettl"
)
ACCOUNT_TRADES: Final = _words(
    "Aerospace,Analytics,Automotive,Bakeries,Biotech,Breweries,Ceramics,Chemicals,Coatings,Components,Dairy,Dental,Diagnostics,"
    "Drives,Electronics,Energy,Fittings,Foods,Foundry,Glass,Health,Hydraulics,Instruments,Joinery,Labs,Logistics,Machining,"
    "Marine,Materials,Medical,Metals,Mills,Motors,Optics,Packaging,Paper,Pharma,Plastics,Print,Präzision,Pumps,Rail,Robotics,"
    "Sensors,Shipping,Steel,Textiles,Tooling,Turbines,& Söhne",
    ",",
)
