"""Golden outputs: every page, notebook, form and scorecard of the demo and of the real export, as one hash each.

``python tests/golden/golden.py record`` writes ``outputs.json`` beside this file; ``compare`` makes the same outputs with the
code as it is and names each file that differs. What differs from run to run is masked: hashes and random ids, versions, the day
and minute of the run (not the day of a milestone, which may be that day). ``--keep DIR`` leaves the
masked outputs in a folder: keep them with two commits and compare the folders to see what changed. The real export
(``../shared/data/maven-crm``) is left out, with a word, where it is not there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date

HERE = Path(__file__).parent
RECORDED = HERE / "outputs.json"
DATA = HERE.parents[2] / "shared" / "data" / "maven-crm"
KINDS = {".html", ".ipynb", ".md", ".csv"}
PERIODS = {"demo": ("2026-Q2", "2026-Q3"), "maven": ("2017-Q4",)}


def mask(text: str, today: set[dt.date]) -> str:
    """Take out what differs from run to run."""
    days = {format_date(day, format=form, locale="en_GB") for day in today for form in ("yyyy-MM-dd", "d MMMM y", "MMMM d, y")}
    clock = r"(,? (at )?\d\d?:\d\d([ \u202f][AP]M)?|T\d\d:\d\d(:\d\d)?)?"
    alone = r"(?<!datetime=\")(?<!datetime=\\\")\b"
    text = re.sub("|".join(rf"{alone}{re.escape(day)}\b{clock}" for day in days), "TODAY", text)
    text = re.sub(r"[0-9a-f]{8,}", "HASH", text)
    return re.sub(r"\b(reviewlib|Python|pandas|papermill|nbconvert|matplotlib)( |-|==)\d+(\.\d+)+", r"\1\2VERSION", text)


def outputs(folder: Path, periods: tuple[str, ...]) -> dict[str, str]:
    """Read the masked outputs of a workbook's periods, by their masked path."""
    now = dt.datetime.now(dt.UTC)
    # The workbooks' day may be the next one already.
    today = {now.astimezone().date(), now.astimezone(ZoneInfo("Europe/Berlin")).date()}
    found = {}
    for period in periods:
        for path in sorted((folder / period).rglob("*")):
            if path.suffix in KINDS and path.is_file():
                found[path.relative_to(folder).as_posix()] = mask(path.read_text(encoding="utf-8"), today)
    return found


def make(folder: Path) -> dict[str, dict[str, str]]:
    """Run the demo, and the real export where it is there, in a folder."""
    command("demo", "--into", str(folder / "demo"))
    command("run", str(folder / "demo/params/demo.yaml"), "--period", "2026-Q2")
    made = {"demo": outputs(folder / "demo/reports/demo", PERIODS["demo"])}
    if not DATA.is_dir():
        print(f"The real export is left out: there is no {DATA.name}", file=sys.stderr)
        return made
    path = folder / "maven/params/maven.yaml"
    path.parent.mkdir(parents=True)
    text = (HERE.parent / "maven.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("../../shared/data/maven-crm", DATA.resolve().as_posix()), encoding="utf-8")
    command("run", str(path), "--period", *PERIODS["maven"])
    return made | {"maven": outputs(folder / "maven/reports/maven", PERIODS["maven"])}


def command(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "reviewlib", *words], check=True, stdout=sys.stderr)


def hashes(made: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Hash each output; what is compared and recorded."""
    return {
        book: {path: hashlib.sha256(text.encode()).hexdigest()[:16] for path, text in files.items()}
        for book, files in made.items()
    }


def differences(made: dict[str, dict[str, str]]) -> list[str]:
    """Name every file that is not as it was recorded."""
    recorded, now = json.loads(RECORDED.read_text(encoding="utf-8")), hashes(made)
    wrong = []
    for book in now:
        for path in sorted({*recorded[book], *now[book]}):
            if recorded[book].get(path) != now[book].get(path):
                state = "new" if path not in recorded[book] else "gone" if path not in now[book] else "changed"
                wrong.append(f"{book}: {path}: {state}")
    return wrong


def main() -> int:
    """Record the outputs, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the masked outputs in this folder")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
    if told.keep:
        for book, files in made.items():
            for path, text in files.items():
                (told.keep / book / path).parent.mkdir(parents=True, exist_ok=True)
                (told.keep / book / path).write_text(text, encoding="utf-8")
    if told.what == "record":
        RECORDED.write_text(json.dumps(hashes(made), indent=0, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    wrong = differences(made)
    print("\n".join(wrong) or f"{sum(map(len, made.values()))} outputs are as recorded")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
