"""Notebooks run side by side: what is accepted, what is refused, what is left on disk."""

from __future__ import annotations

import logging
import os
import re
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from reviewlib.errors import ReviewError
from reviewlib.press import batch, execution, export
from reviewlib.press.jobs import Failure, Job, Outcome, Render, Settings
from reviewlib.press.warm import Warmth

#: Kernels are forked from one warm process, but where ordinary ones are told apart.
pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("light_runs")]

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SHOW = "from IPython.display import HTML\nHTML(f'<p>{rep} {period}</p>')"
TIMEOUT = 8


def template(folder: Path, name: str, *sources: str) -> Path:
    parameters = new_code_cell('rep = "nobody"\nperiod = "never"', metadata={"tags": ["parameters"]})
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=[parameters, *map(new_code_cell, sources)], metadata=KERNEL), path)
    return path


def job(folder: Path, key: str, path: Path, *, notebook: bool = True, **parameters: str) -> Job:
    return Job(
        key=key,
        template=path,
        parameters=parameters,
        notebook=folder / "out" / "notebooks" / f"{key}.ipynb" if notebook else None,
        page=folder / "out" / "pages" / f"{key}.html",
        problem=folder / "out" / "problems" / f"{key}.html",
        labels={"team": "North"},
    )


def render(nb: nbformat.NotebookNode) -> str:
    return "\n".join(fragment.html for fragment in export.fragments(nb))


def problem(job: Job, failure: Failure) -> str:
    return f"{failure.error}: {failure.message}"


def run(
    jobs: Sequence[Job],
    *,
    workers: int = 4,
    render: Render = render,
    timeout: float = TIMEOUT,
    on_done: Callable[[Outcome], None] = lambda outcome: None,
    warm: Warmth | None = Warmth(),
) -> dict[str, Outcome]:
    batch.check(jobs)
    with batch.threads(Settings(timeout, render, warm=warm), workers=workers) as crew:
        outcomes = batch.run(jobs, crew, batch.Press(problem, on_done=on_done))
    return {outcome.job.key: outcome for outcome in outcomes}


WARN = "import sys, warnings\nprint('from', sys.prefix + '/lib/x.py')\nwarnings.warn('careful')"
WIDGET = """from IPython.display import display
view = {'application/vnd.jupyter.widget-view+json': {'model_id': 'm'}, 'text/plain': 'Box()'}
display(view, raw=True)
display(view | {'text/html': '<p>said</p>'}, raw=True)"""
SCRIPT = """from IPython.display import display
display({'text/html': '<script>1</script>'}, metadata={'reviewlib': {}}, raw=True)"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batch")


@pytest.fixture(scope="module")
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def outcomes(place: Path, told: list[tuple[str, str]]) -> dict[str, Outcome]:
    good = template(place, "good", WARN, WIDGET, "import os; where = os.getcwd()", SHOW)
    templates = {
        "good": good,
        "quoted": good,
        "raises": template(place, "raises", "1 + 1", "raise ValueError('no file /home/ann/secret/deals.csv')", SHOW),
        "leaves": template(place, "leaves", "import sys; sys.exit(0)", SHOW),
        "dies": template(place, "dies", "'before'", "import os; os._exit(3)", SHOW),
        "hangs": template(place, "hangs", "import time; time.sleep(600)", SHOW),
        "pours": template(place, "pours", "print('z' * 60_000_000)", SHOW),
        "nests": template(place, "nests", "from IPython.display import HTML; HTML('<div>' * 60_000)", SHOW),
        "silent": template(place, "silent", SHOW, "None"),
        "runs_script": template(place, "script", SCRIPT),
    }
    values = {"quoted": "'; import os; \" {period} \\ é\n"}
    jobs = [job(place, key, path, rep=values.get(key, "R-014"), period="2026-Q3") for key, path in templates.items()]
    for name in ("pages", "notebooks", "problems"):
        (place / "out" / name).mkdir(parents=True)
    (place / "out" / "pages" / "raises.html").write_text("of last time")
    (place / "out" / "problems" / "good.html").write_text("of last time")
    return run(jobs, on_done=lambda outcome: told.append((outcome.job.key, threading.current_thread().name)))


def _failure(outcomes: dict[str, Outcome], key: str) -> Failure:
    failure = outcomes[key].failure
    assert failure is not None
    return failure


def test_a_failed_job_does_not_stop_the_others(outcomes: dict[str, Outcome]) -> None:
    """Of several jobs, exactly the broken ones fail, and the outcomes come in the order of the jobs."""
    assert list(outcomes) == ["good", "quoted", "raises", "leaves", "dies", "hangs", "pours", "nests", "silent", "runs_script"]
    assert [key for key, outcome in outcomes.items() if outcome.failure is None] == ["good", "quoted"]


def test_done_jobs_are_told_in_the_callers_thread(outcomes: dict[str, Outcome], told: list[tuple[str, str]]) -> None:
    """Each job is reported once, from the thread that asked."""
    assert sorted(key for key, _ in told) == sorted(outcomes)
    assert {thread for _, thread in told} == {threading.current_thread().name}


def test_pages_and_notebooks_are_in_place(outcomes: dict[str, Outcome], place: Path) -> None:
    """Only accepted jobs leave page and notebook, for the owner only; nothing half written stays."""
    files = {path.relative_to(place / "out").as_posix() for path in (place / "out").rglob("*") if path.is_file()}
    failed = {"raises", "leaves", "dies", "hangs", "pours", "nests", "silent", "runs_script"}
    done = {f"pages/{key}.html" for key in ("good", "quoted")} | {f"notebooks/{key}.ipynb" for key in ("good", "quoted")}
    assert files == done | {f"problems/{key}.html" for key in failed} | {"pages/raises.html"}
    assert stat.S_IMODE((place / "out" / "pages" / "good.html").stat().st_mode) == 0o600


def test_a_failure_keeps_the_page_of_last_time(outcomes: dict[str, Outcome], place: Path) -> None:
    """The page of an earlier run stays when this one fails."""
    assert outcomes["raises"].failure is not None
    assert (place / "out" / "pages" / "raises.html").read_text() == "of last time"


@pytest.mark.parametrize(
    ("key", "cell", "error", "message"),
    [
        ("raises", 3, "ValueError", "no file deals.csv"),
        ("leaves", 2, "SystemExit", "0"),
        ("dies", 3, "DeadKernel", "the Python process of the notebook ended"),
        ("hangs", 2, "Timeout", f"not done after {TIMEOUT} seconds"),
        ("pours", 2, "OutputLimit", "the notebook gave more than 50 MB of output"),
        ("nests", 2, "NestedTooDeep", "more than 10,000 tags stand in each other"),
        ("silent", None, "Incomplete", "the last cell left no output"),
        ("runs_script", None, "PageError", "<script>"),
    ],
)
def test_a_failure_names_cell_and_error(
    outcomes: dict[str, Outcome], place: Path, key: str, cell: int | None, error: str, message: str
) -> None:
    """A failure says which cell, which error and why, without folders, and its problem page says the same."""
    failure = _failure(outcomes, key)
    assert (failure.cell, failure.error) == (cell, error)
    assert message in failure.message
    assert "/home/ann" not in f"{failure.message}{failure.source}"
    assert (place / "out" / "problems" / f"{key}.html").read_text() == f"{failure.error}: {failure.message}"


def test_parameters_arrive_as_they_were_given(outcomes: dict[str, Outcome], place: Path) -> None:
    """Quotes, braces, line ends and any script reach the notebook as text and are never run."""
    assert outcomes["quoted"].failure is None
    page = (place / "out" / "pages" / "quoted.html").read_text()
    assert "'; import os; \" {period} \\ é\n 2026-Q3" in page.replace("&amp;", "&")


def test_the_executed_notebook_tells_nothing_of_the_machine(outcomes: dict[str, Outcome], place: Path) -> None:
    """No path, time, widget or warning of the run is in the executed notebook, its kernel is python3 and its code is hidden."""
    text = (place / "out" / "notebooks" / "good.ipynb").read_text()
    assert outcomes["good"].failure is None
    assert not re.search(rf"papermill|\d\d:\d\d:\d\d|{re.escape(sys.prefix)}|{re.escape(str(place))}", text)
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(cell.metadata.jupyter.source_hidden for cell in notebook.cells)
    assert all(cell.metadata.deletable is cell.metadata.editable is False for cell in notebook.cells)
    assert [cell.id for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])] == [
        "injected-parameters"
    ]
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output.get("text") for output in outputs] == ["from x.py\n", None, None]
    assert [output.data["text/html"] for output in outputs[1:]] == ["<p>said</p>", "<p>R-014 2026-Q3</p>"]
    assert all("widget" not in kind for output in outputs[1:] for kind in output.data)


def test_no_sockets_are_left(outcomes: dict[str, Outcome]) -> None:
    """The private folder of the kernels' sockets goes with the run."""
    assert outcomes
    assert list(Path(tempfile.gettempdir()).glob(f"review-{os.getpid()}-*")) == []


def test_a_run_is_the_same_twice(tmp_path: Path) -> None:
    """The same job gives the same notebook and page, byte by byte."""
    path = template(tmp_path, "same", SHOW)
    one, two = job(tmp_path, "one", path, rep="R"), job(tmp_path, "two", path, rep="R")
    assert all(outcome.failure is None for outcome in run([one, two]).values())
    assert one.notebook
    assert two.notebook
    assert (one.notebook.read_bytes(), one.page.read_bytes()) == (two.notebook.read_bytes(), two.page.read_bytes())


def test_the_kernel_works_in_the_folder_asked_for(tmp_path: Path) -> None:
    """Each kernel has a folder of its own, the template's where none is given; the process stays where it is."""
    here = Path.cwd()
    path = template(
        tmp_path, "where", "import os\nfrom IPython.display import Markdown\nMarkdown(os.path.basename(os.getcwd()))"
    )
    (tmp_path / "elsewhere").mkdir()
    plain = job(tmp_path, "plain", path, notebook=False)
    moved = Job(**{**plain.__dict__, "page": tmp_path / "m.html", "key": "moved", "folder": tmp_path / "elsewhere"})
    run([plain, moved])
    assert tmp_path.name in plain.page.read_text()
    assert "elsewhere" in moved.page.read_text()
    assert Path.cwd() == here
    assert not (tmp_path / "out" / "notebooks").exists()


def test_a_renderer_that_raises_is_a_failure(tmp_path: Path) -> None:
    """What the renderer raises is the job's failure, without the folders in it."""

    def broken(nb: nbformat.NotebookNode) -> str:
        raise KeyError(str(tmp_path / "template.j2"))

    outcome = run([job(tmp_path, "one", template(tmp_path, "t", SHOW))], render=broken)["one"]
    assert outcome.failure == Failure(None, None, "KeyError", "'template.j2'")


def test_what_is_told_of_a_failure_has_an_end(tmp_path: Path) -> None:
    """Megabytes that a notebook raises, and letters that no file can hold, are cut and replaced before they are told."""

    def broken(nb: nbformat.NotebookNode) -> str:
        raise ValueError("\udc80")

    long = job(tmp_path, "long", template(tmp_path, "long", "raise ValueError('y' * 3_000_000)", SHOW))
    assert len(_failure(run([long]), "long").message) < 2100
    odd = job(tmp_path, "odd", template(tmp_path, "odd", SHOW))
    assert _failure(run([odd], render=broken), "odd").message == r"\udc80"
    assert odd.problem.read_text(encoding="utf-8") == r"ValueError: \udc80"


def test_a_problem_page_that_cannot_be_made_does_not_stop_the_others(tmp_path: Path) -> None:
    """Where the page about a failure fails itself, the outcome still names the failure."""

    def broken(job: Job, failure: Failure) -> str:
        raise UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed")

    jobs = [
        job(tmp_path, "bad", template(tmp_path, "bad", "1 / 0", SHOW)),
        job(tmp_path, "good", template(tmp_path, "t", SHOW)),
    ]
    with batch.threads(Settings(TIMEOUT, render, warm=Warmth()), workers=2) as crew:
        bad, good = batch.run(jobs, crew, batch.Press(broken))
    assert bad.failure is not None
    assert bad.failure.error == "ZeroDivisionError"
    assert good.failure is None


def test_folders_with_blanks_are_not_told(tmp_path: Path) -> None:
    """The folder of the workbook goes from every message, blanks and letters of any language in its name or not."""
    place = tmp_path / "Ümlaut dir"
    place.mkdir()
    path = template(place, "open", "open('secret folder/x.csv' if rep == 'relative' else rep)", SHOW)
    whole = f"{place}/secret folder/x.csv"
    jobs = [job(place, "relative", path, rep="relative"), job(place, "whole", path, rep=whole)]
    found = run(jobs)
    assert "Ümlaut" not in _failure(found, "whole").message
    assert "secret" not in _failure(found, "whole").message
    assert "'x.csv'" in _failure(found, "whole").message
    plain = template(place, "plain", "raise ValueError('see ' + rep + ' there')", SHOW)
    message = _failure(run([job(place, "plain", plain, rep=whole)]), "plain").message
    assert "Ümlaut" not in message


def test_a_refused_page_is_told_without_folders(tmp_path: Path) -> None:
    """What the inspection quotes of a page has no folders either."""
    found = run([job(tmp_path, "one", template(tmp_path, "t", SHOW))], render=lambda nb: f"<p>{tmp_path}/deals.csv</p>")
    failure = _failure(found, "one")
    assert failure.error == "PageError"
    assert failure.message == "the page may not be shared: a path of this machine: deals.csv"


def test_interrupted_kernels_are_stopped_and_finished_jobs_stay(tmp_path: Path) -> None:
    """An interrupt kills running kernels, starts no more, keeps what is done and is raised again."""
    pids = tmp_path / "pids"
    quick = template(tmp_path, "quick", SHOW)
    slow = template(
        tmp_path, "slow", f"import os, time\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)", SHOW
    )
    jobs = [job(tmp_path, "quick", quick), *(job(tmp_path, f"slow{number}", slow) for number in range(3))]

    def interrupt(outcome: Outcome) -> None:
        while not pids.exists():
            time.sleep(0.02)
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(jobs, workers=2, timeout=600, on_done=interrupt, warm=None)
    assert time.monotonic() - began < 20
    assert jobs[0].page.exists()
    assert not any(other.page.exists() or other.problem.exists() for other in jobs[1:])
    for pid in map(int, pids.read_text().split()):
        assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_an_interrupt_waits_until_a_job_is_settled(tmp_path: Path) -> None:
    """An interrupt in the middle of publishing is raised when the job is published and told, and spoils nothing."""
    one = job(tmp_path, "one", template(tmp_path, "quick", SHOW))
    told: list[Outcome] = []

    def interrupted(job: Job) -> dict[Path, str | bytes]:
        signal.raise_signal(signal.SIGINT)
        return {}

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins with none
    try:
        with batch.threads(Settings(60, render), workers=1) as crew, pytest.raises(KeyboardInterrupt):
            batch.run([one], crew, batch.Press(problem, interrupted, on_done=told.append))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [outcome.failure for outcome in told] == [None]
    assert one.page.exists()
    assert not one.problem.exists()


def test_a_second_interrupt_waits_until_the_run_has_stopped(tmp_path: Path) -> None:
    """Whoever interrupts twice does not lose what came through meanwhile: it is published and told."""
    jobs = [job(tmp_path, name, tmp_path / "none") for name in ("one", "two")]
    told: list[str] = []

    def interrupt(outcome: Outcome) -> None:
        told.append(outcome.job.key)
        if len(told) == 1:
            pool.shutdown()  # both are made
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pool = ThreadPoolExecutor(2)
    crew = batch.Pool(pool, lambda job: Outcome(job, None, 0.0), lambda: signal.raise_signal(signal.SIGINT), lambda: None)
    try:
        with pytest.raises(KeyboardInterrupt):
            batch.run(jobs, crew, batch.Press(problem, on_done=interrupt))
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(told) == ["one", "two"]


LATER = """import sys, time
sys.stdout.flush_timeout = sys.stderr.flush_timeout = 0.1
get_ipython().kernel.iopub_thread.schedule(lambda: time.sleep(6))
print('came late')"""


@pytest.mark.parametrize(
    ("limit", "failure"), [(30, None), (1, "Timeout: the output of the cell did not arrive")], ids=["in time", "too late"]
)
def test_output_that_comes_late_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, failure: str | None
) -> None:
    """A cell that is done before its output arrives is in the notebook with it, or the job has failed; never without."""
    monkeypatch.setattr(execution, "LATE", limit)
    one = job(tmp_path, "late", template(tmp_path, "late", LATER, SHOW))
    found = run([one], timeout=60)["late"].failure
    assert (found and f"{found.error}: {found.message}") == failure
    if failure is None:
        assert one.notebook
        assert "came late" in one.notebook.read_text(encoding="utf-8")


def test_what_no_notebook_can_hold_fails_at_its_cell(tmp_path: Path) -> None:
    """A cell that shows something that is no output is named, and the message does not repeat what it showed."""
    code = "display({'text/plain': {'secret': 5}}, raw=True)"
    found = run([job(tmp_path, "odd", template(tmp_path, "odd", "1", code, SHOW))])["odd"].failure
    assert found is not None
    assert (found.error, found.source) == ("InvalidOutput", code)
    assert "secret" not in found.message


def test_kernels_side_by_side_do_not_mix(tmp_path: Path) -> None:
    """Many short runs at once all end well, each with its own values, and papermill stays silent."""
    path = template(tmp_path, "many", SHOW)
    jobs = [job(tmp_path, f"j{number}", path, notebook=False, rep=f"R-{number}") for number in range(8)]
    assert [key for key, outcome in run(jobs, workers=8, warm=None).items() if outcome.failure] == []
    for number, done in enumerate(jobs):
        assert f"R-{number} never" in done.page.read_text()


def test_papermill_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run whose ordinary kernel dies, or hangs, logs nothing, as the outcome says it; loggers are as before afterwards."""
    before = logging.getLogger("papermill").level
    with caplog.at_level(logging.WARNING):
        ends = {"dies": "import os; os._exit(1)", "hangs": "import time; time.sleep(60)"}
        done = run([job(tmp_path, name, template(tmp_path, name, cell)) for name, cell in ends.items()], warm=None, timeout=5)
    assert {name: one.failure and one.failure.error for name, one in done.items()} == {"dies": "DeadKernel", "hangs": "Timeout"}
    assert caplog.records == []
    assert logging.getLogger("papermill").level == before


@pytest.mark.parametrize("parameters", [{"rep": 1}, {"rep": None}, {"reps": "R"}, {"import os;rep": "R"}])
def test_only_known_text_parameters_are_passed(tmp_path: Path, parameters: dict[str, str]) -> None:
    """A parameter that the notebook does not declare, or that is no text, is refused before anything runs."""
    path = template(tmp_path, "t", SHOW)
    good, bad = job(tmp_path, "good", path, rep="R"), job(tmp_path, "bad", path, **parameters)
    with pytest.raises(ReviewError, match="parameter cannot be passed") as caught:
        run([good, bad])
    assert next(iter(parameters)) in (caught.value.found or "")
    assert not (tmp_path / "out").exists()


def test_two_jobs_for_one_file_are_refused(tmp_path: Path) -> None:
    """Two jobs whose pages differ in case only would overwrite each other somewhere, so nothing runs."""
    path = template(tmp_path, "t", SHOW)
    with pytest.raises(ReviewError, match="one file"):
        run([job(tmp_path, "r1", path), job(tmp_path, "R1", path)])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not there"),
        ("not json", "not a notebook"),
        ("{}", "not a notebook"),
        ('{"cells": [], "metadata": [], "nbformat": 4, "nbformat_minor": 5}', "not a notebook"),
        ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": "x"}', "not a notebook"),
        ('{"cells": ["x"], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "not a notebook"),
        ('{"cells": [{"cell_type": "code", "metadata": {}, "source": "", "outputs": "x"}], "metadata": {}, "nbformat": 4, '
         '"nbformat_minor": 5}', "not a notebook"),
        ('{"cells": [{"cell_type": "raw", "metadata": {}, "source": "", "attachments": 5}], "metadata": {}, "nbformat": 4, '
         '"nbformat_minor": 5}', "not a notebook"),
    ],
)  # fmt: skip
def test_a_template_that_is_no_notebook_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    """A missing or unreadable template is named before anything runs."""
    path = tmp_path / "t.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ReviewError, match=message):
        run([job(tmp_path, "one", path)])
    assert [entry.name for entry in tmp_path.iterdir()] == ([] if content is None else ["t.ipynb"])
