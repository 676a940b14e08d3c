"""Reviews of a period as a run would leave them, without notebooks: for tests of what comes after a run."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from workbooks import changed, workbook

from reviewlib.conversation import identity, records
from reviewlib.conversation.entries import About, Entry
from reviewlib.evidence import snapshot
from reviewlib.params import reading
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import manifest, places, publishing, sealing, status
from reviewlib.run.manifest import Origin
from reviewlib.run.origins import Origins
from reviewlib.run.places import pages_of
from reviewlib.run.status import ReviewStatus

PERIOD = Period.parse("2026-Q3")
DEALS = [
    {"rep_id": rep, "account_id": "Acme", "amount": 100, "opened_on": "2026-05-01", "closed_on": closed}
    for rep in ("R1", "R2")
    for closed in ("2026-05-20", "2026-08-01")
]
REPS = [
    {"rep_id": "R1", "rep_name": "Ada Berg", "team": "North", "manager": "Max Holm"},
    {"rep_id": "R2", "rep_name": "Ben Dorn", "team": "South", "manager": "Max Holm"},
]
PEOPLE = {"roles": {"max": "manager", "eve": "analyst"}, "logins": {"max": "Max Holm"}, "acting_as": "max"}


@pytest.fixture(scope="session")
def frozen_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with two teams and frozen evidence; tests change copies."""
    folder = tmp_path_factory.mktemp("frozen")
    made = workbook(folder, deals=DEALS, reps=REPS, as_of="2026-10-05", people=PEOPLE, crm={"history_from": "2026-01-01"})
    snapshot.use(made, snapshot.freeze(made, PERIOD))
    return folder


class Handmade:
    """A workbook whose pages are made by hand: each prints the end of the journal and nothing else."""

    def __init__(self, frozen: Path, folder: Path) -> None:
        shutil.copytree(frozen, folder)
        self.params: Params = changed(reading.load(folder / "params" / "book.yaml"))
        self.folder = self.params.reports / PERIOD.name

    @property
    def stands(self) -> ReviewStatus:
        """How the reviews stand now."""
        frozen = snapshot.current(self.params, PERIOD)
        assert frozen is not None
        return status.of(self.params, frozen)

    def write(self, kind: str, /, rep: str = "R1", **fields: Any) -> Entry:
        """Write an entry as the manager."""
        own = records.open_records(self.params, About("rep", rep, PERIOD.name), person=identity.person_of(self.params, "max"))
        return own.write(kind, **fields)

    def sign(self, rep: str = "R1") -> None:
        """Release a review and sign it for both sides."""
        self.write("release", rep)
        self.write("signoff", rep, how="agree", name="Rep", on_behalf=True)
        self.write("signoff", rep, how="agree", name="Max Holm")

    def run(self) -> None:
        """Do what a run does, but for the notebooks: what is sealed stays, amendments are laid."""
        status.lay_out(self.params, self.stands)
        stands = self.stands
        origins, before = Origins(self.params, stands), manifest.read(self.folder)
        made: dict[str, manifest.ManifestRow] = {}
        for subject in stands.subjects:
            for audience, page in pages_of(subject, self.folder).items():
                key = manifest.key_of(subject, audience)
                if key not in before or not before[key].sealed:
                    made[key] = self._made(key, subject.kind, subject.id, page, origins.of(subject, audience), stands)
        stands, _ = sealing.seal(self.params, stands, manifest.merged(before, made, stands.subjects))
        places.amend(self.params, stands, stands.subjects, self.folder, known=manifest.hashes(before, made))
        frozen = snapshot.current(self.params, PERIOD)
        assert frozen is not None
        publishing.publish(self.params, frozen, stands, origins, made)

    def _made(self, key: str, kind: str, id: str, page: Path, origin: Origin, stands: ReviewStatus) -> manifest.ManifestRow:
        head, audience = origin.head, key.rpartition(":")[2]
        printed = f" Journal entry {head.sequence}, {head.hash[:8]}." if head else ""
        contents: dict[Path, str | bytes] = {page: f"<p>Page of {id}</p><footer><p>Made.{printed}</p></footer>"}
        if (kind, audience) == ("rep", "rep"):
            contents |= places.form(self.params, stands, id, page=page)
        found = {}
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            path.write_bytes(data)
            found[path.relative_to(self.folder).as_posix()] = hashlib.sha256(data).hexdigest()
        return manifest.ManifestRow(
            key=key, kind=kind, subject=id, audience=audience, snapshot=origin.snapshot, state="made",
            page=page.relative_to(self.folder).as_posix(), notebook=None, problem="problems/none.html", files=found,
            fingerprint=origin.fingerprint, seconds=0.0, error=None, made_at="", sequence=head.sequence if head else 0,
            head=head.hash if head else None, sealed=origin.closed,
        )  # fmt: skip

    def page(self, audience: str, rep: str = "R1") -> Path:
        """Where a copy of a rep's review is."""
        return self.folder / manifest.read(self.folder)[f"rep:{rep}:{audience}"].page


@pytest.fixture
def handmade(frozen_book: Path, tmp_path: Path) -> Handmade:
    """A copy of the frozen workbook; no page is made yet."""
    return Handmade(frozen_book, tmp_path / "book")
