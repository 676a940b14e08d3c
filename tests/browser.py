"""Pages and a real JupyterLab in the system's Chromium, for tests.

No network, everything a page says or asks for written down, axe at hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from filelock import FileLock
from playwright.sync_api import Browser, Page, Route, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@dataclass
class View:
    """An open page with what it tried to load and what it wrote to the console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@contextlib.contextmanager
def launch() -> Iterator[Browser]:
    """Start Chromium; a machine without it fails the test instead of skipping it."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail("no Chromium on this machine; install it (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium for the tests of a module: driving it leaves no other event loop a place in this thread."""
    with launch() as browser:
        yield browser


@contextlib.contextmanager
def view(
    browser: Browser,
    source: Path | str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
    server: str | None = None,
) -> Iterator[View]:
    """Open a file, or a URL of ``server``, with every other request refused.

    ``requests`` holds what was refused: everything but the page itself, ``data:`` URIs and the server.
    """
    url = source.resolve().as_uri() if isinstance(source, Path) else source
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts, reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    seen = View(page=context.new_page())

    def decide(route: Route) -> None:
        asked = route.request.url
        if asked.split("#")[0] == url or asked.startswith(("data:", "blob:")) or (server and asked.startswith(server)):
            route.continue_()
        else:
            seen.requests.append(asked)
            route.abort()

    context.route("**/*", decide)
    seen.page.on("console", lambda message: seen.messages.append(f"{message.type}: {message.text}"))
    seen.page.on("pageerror", lambda error: seen.messages.append(f"error: {error}"))
    try:
        seen.page.goto(url)
        yield seen
    finally:
        context.close()


@pytest.fixture(scope="module")
def reader(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """One open page that reads others one after the other, each from the file that this one came from."""
    path = tmp_path_factory.mktemp("reader") / "page.html"
    path.write_text("<!doctype html><title>x</title>", encoding="utf-8")
    with view(chromium, path) as seen:
        yield seen


#: What colours decide.
COLOURS = ("color-contrast", "link-in-text-block")


def axe(page: Page, *rules: str) -> list[str]:
    """List the accessibility violations that axe-core finds, by these rules or by all, each with the first elements."""
    page.evaluate(AXE_SCRIPT)  # not a script tag, which the page's own policy would refuse
    only = {"runOnly": rules} if rules else {}
    found = page.evaluate("(only) => axe.run({resultTypes: ['violations'], ...only})", only)
    return [
        f"{violation['id']}: {violation['help']}: " + "; ".join(node["html"][:160] for node in violation["nodes"][:3])
        for violation in found["violations"]
    ]


def overflow(page: Page) -> int:
    """Measure how many pixels the page is wider than its window; 0 where nothing scrolls sideways."""
    return int(page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth"))


ROOT = Path(__file__).parents[1]
TOKEN = "for-this-test"
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
CELLS = """
async () => {
  const widget = window.jupyterapp.shell.currentWidget;
  await widget.context.ready;
  await widget.sessionContext.ready;
  await widget.sessionContext.session.kernel.info;
  await window.jupyterapp.commands.execute('notebook:run-all-cells');
  return widget.content.model.toJSON().cells;
}
"""


#: Both are given a notebook's path; a window of JupyterLab takes ten seconds to load.
OPEN = """
async (path) => {
  await window.jupyterapp.restored;
  await window.jupyterapp.commands.execute('docmanager:open', {path});
}
"""
THERE = "(path) => window.jupyterapp.shell.currentWidget?.context?.path === path"
CLOSE = """
() => {
  for (const widget of [...window.jupyterapp.shell.widgets('main')]) widget.dispose();
  for (const dialog of document.querySelectorAll('.jp-Dialog')) dialog.remove();
}
"""


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that serves one folder."""

    url: str
    folder: Path

    def address(self, notebook: Path) -> str:
        """Return where a notebook of the folder opens."""
        return f"{self.url}/lab/tree/{notebook.relative_to(self.folder).as_posix()}?token={TOKEN}&reset"


@dataclass(frozen=True)
class Window:
    """A window of JupyterLab in which one notebook after the other is opened."""

    seen: View
    folder: Path

    @contextlib.contextmanager
    def at(self, notebook: Path) -> Iterator[View]:
        """Open a notebook, the only one; what it asked for and said begins anew."""
        self.seen.requests.clear()
        self.seen.messages.clear()
        path = notebook.relative_to(self.folder).as_posix()
        self.seen.page.evaluate(OPEN, path)
        self.seen.page.wait_for_function(THERE, arg=path)
        try:
            yield self.seen
        finally:
            self.seen.page.evaluate(CLOSE)


@pytest.fixture(scope="module")
def window(chromium: Browser, lab: Lab) -> Iterator[Window]:
    """The window of a module's tests."""
    with view(chromium, f"{lab.url}/lab?token={TOKEN}&reset", server=lab.url) as seen:
        seen.page.wait_for_function("() => window.jupyterapp")
        assert seen.requests == []
        yield Window(seen, lab.folder)


def _environment(private: Path) -> dict[str, str]:
    names = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
    )
    folders = {name: str(private / name.lower()) for name in (*names, "IPYTHONDIR")}
    config = private / "jupyter_config_dir" / "labconfig"
    config.mkdir(parents=True)
    (config / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    return {**os.environ, **folders}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=5)
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def serving(folder: Path, private: Path) -> Iterator[Lab]:
    """Start JupyterLab on a folder; everything of its own goes into ``private``."""
    url = f"http://127.0.0.1:{_free_port()}"
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={url.rsplit(':', 1)[1]}",
        f"--ServerApp.root_dir={folder}",
    ]
    options += [f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"]
    options += ["--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"]
    with (private / "log").open("wb") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=_environment(private), stdout=log, stderr=log, cwd=private)
        try:
            _wait(url, server, private / "log")
            yield Lab(url=url, folder=folder)
        finally:
            server.terminate()
            server.wait(timeout=30)


def fill_in(template: Path, notebook: Path, **given: str) -> Path:
    """Write a template as somebody has filled in its first cell: ``rep`` or ``team``, in the demo's last period."""
    nb = nbformat.read(template, as_version=4)
    values = {"params": "params/demo.yaml", "period": "2026-Q3"} | given
    nb.cells[0].source = "\n".join(
        ["# Which review", *(f"{name} = {value!r}" for name, value in values.items()), 'audience = "manager"']
    )
    nbformat.write(nb, notebook)
    return notebook


def run_all(page: Page) -> list[dict[str, Any]]:
    """Run every cell of the open notebook and return them with their outputs."""
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.context")
    cells: list[dict[str, Any]] = page.evaluate(CELLS)
    return [cell for cell in cells if cell["cell_type"] == "code"]


def assert_ran(cells: list[dict[str, Any]]) -> None:
    """Check that every cell ran, in order, and none left an error or a warning."""
    counts = [cell["execution_count"] for cell in cells]  # another test may have run the notebook in the same kernel
    assert counts == list(range(counts[0] or 0, (counts[0] or 0) + len(cells)))
    noise = [output for cell in cells for output in cell["outputs"] if output["output_type"] in ("error", "stream")]
    assert noise == []


def lay_workbook(folder: Path) -> Path:
    """Copy the sample company and the notebooks into a folder."""
    shutil.copytree(ROOT / "params", folder / "params")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    return folder


@pytest.fixture(scope="session")
def made_demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The sample company with one rep's and one team's reviews made, once for all workers; tests change copies of it."""
    base = tmp_path_factory.getbasetemp()
    made = (base if worker_id == "master" else base.parent) / "made-demo"
    with FileLock(made.with_suffix(".lock")):
        if not made.is_dir():
            part = lay_workbook(tmp_path_factory.mktemp("made"))
            reviewlib(part, "run", "params/demo.yaml", "--period", "2026-Q3", "--rep", "R-014")
            part.rename(made)
    return made


def reviewlib(folder: Path, *arguments: str, timeout: float = 250) -> str:
    """Run the command line in a folder and return what it printed."""
    command = [sys.executable, "-m", "reviewlib", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout
