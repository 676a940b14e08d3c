"""The peer: papermill and nbconvert in one process, three notebooks at a time, with nothing of ours but what the notebook uses.

Usage: python peer.py TEMPLATE OUT THREADS < JOBS, where JOBS is a JSON list of parameters. Run it in the workbook's folder.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
from nbconvert import HTMLExporter


def main() -> None:
    """Run every job and export it."""
    template, out, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    jobs = list(enumerate(json.load(sys.stdin)))

    def do(numbered: tuple[int, dict[str, str]]) -> None:
        number, parameters = numbered
        notebook = out / f"{number}.ipynb"
        papermill.execute_notebook(str(template), str(notebook), parameters=parameters, progress_bar=False)
        page, _ = HTMLExporter(exclude_input=True).from_filename(str(notebook))
        notebook.with_suffix(".html").write_text(page, encoding="utf-8")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(do, jobs))


if __name__ == "__main__":
    main()
