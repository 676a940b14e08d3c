"""Before a run: check what can be checked, and freeze the evidence of its periods."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reviewlib.errors import BusyError, ParamsError, SubjectError
from reviewlib.evidence import proof, slicefile, snapshot, sources
from reviewlib.evidence.snapshot import Snapshot
from reviewlib.pages import sentences
from reviewlib.params import retired
from reviewlib.params.kpis import RESULT
from reviewlib.params.model import Params
from reviewlib.periods import Period
from reviewlib.run import locks, manifest, places, proving, status

if TYPE_CHECKING:
    from reviewlib.evidence.quality import Report


def freeze(
    params: Params, periods: Sequence[Period | None], *, reps: Sequence[str] = (), teams: Sequence[str] = ()
) -> list[Snapshot]:
    """Check everything that can be checked, freeze the evidence of the periods, and let each use it.

    Args:
        params: The workbook.
        periods: The periods; None for the last complete one.
        reps: Ids that must have a review in each period.
        teams: Teams that must have one.

    Raises:
        ReviewError: Params, sources, targets, period or ids cannot be used; no period points to anything new.
        BusyError: A run holds one of the periods, or what was frozen was removed meanwhile.
    """
    modes = params.modes
    retired.refuse(params)
    check_texts(params)
    read = functools.cache(lambda: sources.read(params))
    frozen = [snapshot.freeze(params, period, reps=reps, teams=teams, read=read) for period in periods]
    stands = [status.of(params, each) for each in frozen]
    for how in stands:
        proving.refuse_damaged(params, how)
    with contextlib.ExitStack() as stack:
        for folder in dict.fromkeys(params.reports / each.period.name for each in frozen):
            stack.enter_context(locks.held(folder, modes=modes))
        for each, how in zip(frozen, stands, strict=True):
            if proof.of(each.folder) != each.proof:
                what = f"Evidence of {each.period} was removed while it was being frozen."
                raise BusyError(what, where=f"reports/{params.name}/snapshots/{each.hash}", do="Run the same again.")
            if not slicefile.current_name(params, each.period)[0]:
                manifest.renew(params.reports / each.period.name, each, modes=modes)
            snapshot.use(params, each)
            status.lay_out(params, how)
    return frozen


def executed_notebook(params: Params, *, rep: str, period: Period | None) -> Path:
    """Find a rep's executed notebook.

    Raises:
        SubjectError: The period has no review of this rep yet.
    """
    found = period or snapshot.default_period(params, sources.read(params))
    frozen = snapshot.current(params, found)
    subjects = frozen.subjects if frozen else ()
    subject = next((one for one in subjects if one.kind == "rep" and one.id == rep), None)
    path = places.notebook_of(subject, params.reports / found.name) if subject else None
    if path is None or not path.is_file():
        where, do = f"reports/{params.name}/{found}", f"Run: reviewlib run {params.typed} --period {found} --rep {rep}"
        raise SubjectError(f"There is no executed notebook of rep {rep!r} in {found}.", where=where, do=do)
    return path


def check_texts(params: Params) -> None:
    """Check that the placeholders of the playbook and of the KPIs' sentences are cells of the scorecard.

    Raises:
        ParamsError: Some are not; the message lists them.
    """
    texts = {f"playbook.{place}.action": play.action for place, play in enumerate(params.playbook)}
    texts |= {f"kpis.{key}.sentence": entry.sentence for key, entry in params.kpis.items() if entry.sentence}
    wrong = [f"{key}: {problem}" for key, text in texts.items() for problem in sentences.problems(text, params.figures)]
    if wrong:
        raise ParamsError(
            "Texts name figures that do not exist.",
            where=params.path.name,
            found="; ".join(wrong),
            do=f"Write {{key}} or {{key.column}}, as in {{{RESULT.key}.target}}; docs/params.md lists them.",
        )


def check(params: Params) -> Report:
    """Report on the sources, and on the figures of the period that a run would take.

    Raises:
        ReviewError: Params, sources or targets cannot be used.
    """
    from reviewlib.evidence import quality  # brings Ibis and DuckDB, which most runs do without
    from reviewlib.evidence.period import compile_evidence

    retired.refuse(params)
    check_texts(params)
    read = sources.read(params)
    found = compile_evidence(params, read, snapshot.default_period(params, read))
    return quality.report(params, read, of_figures=quality.of_figures(found))
