"""What stands over all reviews of a period, written when a run ends: scorecard, index, manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from reviewlib import files
from reviewlib.conversation import journal
from reviewlib.evidence import safe_csv, snapshot
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.pages import index
from reviewlib.params.model import Params
from reviewlib.run import manifest, overview
from reviewlib.run.manifest import ManifestRow
from reviewlib.run.origins import Origins
from reviewlib.run.status import ReviewStatus

_SCORECARD = "scorecard.csv"


def publish(params: Params, frozen: Snapshot, stands: ReviewStatus, origins: Origins, made: Mapping[str, ManifestRow]) -> None:
    """Write what stands over all reviews.

    A login that sees a part of the journal adds to the manifest only: the index would say wrong things of the others.

    Args:
        params: The workbook.
        frozen: The evidence that the period uses.
        stands: How its reviews stand.
        origins: What they are made from.
        made: This run's entries; those of earlier runs are read from the manifest.
    """
    folder = params.reports / frozen.period.name
    modes = snapshot.modes_of(params)
    log = manifest.logged(folder)
    entries = manifest.merged(manifest.read(folder), made, stands.subjects if stands.whole else None)
    if not stands.whole:
        heads = journal.remembered_heads(folder) | stands.heads
        text = manifest.text(params.name, frozen, entries, heads, log=log, scorecard=manifest.scorecard(folder, frozen))
        files.write(folder / manifest.NAME, text, modes=modes)
        return
    table, scorecard = _scorecard(frozen, folder)
    text = manifest.text(params.name, frozen, entries, stands.heads, log=log, scorecard=scorecard)
    page = index.index_page(overview.index_of(params, frozen, stands, entries, origins))
    files.write_all({**table, folder / "index.html": page, folder / manifest.NAME: text}, modes=modes)


def _scorecard(frozen: Snapshot, folder: Path) -> tuple[dict[Path, str | bytes], str]:
    """The scorecard as a file, where the one that is there is not it; and its sha256."""
    path = folder / _SCORECARD
    known = manifest.scorecard(folder, frozen)
    if known and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == known:
        return {}, known
    content = safe_csv.csv_text(frozen.scorecard()).encode()
    return {path: content}, hashlib.sha256(content).hexdigest()
