"""A real JupyterLab for tests: started once, driven through the system's Chromium."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

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


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that serves one folder."""

    url: str
    folder: Path

    def address(self, notebook: Path) -> str:
        """Return where a notebook of the folder opens."""
        return f"{self.url}/lab/tree/{notebook.relative_to(self.folder).as_posix()}?token={TOKEN}&reset"


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


def run_all(page: Page) -> list[dict[str, Any]]:
    """Run every cell of the open notebook and return them with their outputs."""
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.context")
    cells: list[dict[str, Any]] = page.evaluate(CELLS)
    return [cell for cell in cells if cell["cell_type"] == "code"]


def assert_ran(cells: list[dict[str, Any]]) -> None:
    """Check that every cell ran, in order, and none left an error or a warning."""
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    noise = [output for cell in cells for output in cell["outputs"] if output["output_type"] in ("error", "stream")]
    assert noise == []


def lay_workbook(folder: Path) -> Path:
    """Copy the sample company and the notebooks into a folder."""
    shutil.copytree(ROOT / "params", folder / "params")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    return folder


def reviewlib(folder: Path, *arguments: str, timeout: float = 250) -> str:
    """Run the command line in a folder and return what it printed."""
    command = [sys.executable, "-m", "reviewlib", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout
