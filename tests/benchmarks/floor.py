"""The floor: the notebook's own code and one export, over and over in one warm process; prints CPU seconds per execution.

Usage: python floor.py TEMPLATE < JOBS. Run it in the workbook's folder. The first executions only warm up.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_output

from reviewlib.pages import printing
from reviewlib.press.clean import clean

WARM_UPS = 4


def main() -> None:
    """Execute every job, and print the mean after the warm-ups."""
    import matplotlib as mpl

    mpl.use("agg")
    nb = nbformat.read(sys.argv[1], as_version=4)
    shell = InteractiveShell.instance()
    spent = [_cpu(shell, nb, parameters) for parameters in json.load(sys.stdin)][WARM_UPS:]
    print(sum(spent) / len(spent))


def _cpu(shell: InteractiveShell, nb: Any, parameters: dict[str, str]) -> float:
    began = time.process_time()
    for cell in (cell for cell in nb.cells if cell.cell_type == "code"):
        given = "parameters" in cell.metadata.get("tags", [])
        source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items()) if given else cell.source
        with capture_output() as shown:
            shell.run_cell(source).raise_error()
        cell.outputs = [new_output("display_data", data=each.data, metadata=each.metadata) for each in shown.outputs]
    printing.page(clean(nb))
    return time.process_time() - began


if __name__ == "__main__":
    if not Path(sys.argv[1]).is_file():
        sys.exit(f"no notebook {sys.argv[1]}")
    main()
