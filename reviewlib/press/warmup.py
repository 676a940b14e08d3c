"""What the warm process does before it forks: import as a kernel would, and draw for nothing."""

from __future__ import annotations

import builtins
import decimal
import gc
import importlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

#: What a kernel that was started the ordinary way has imported before its first cell, or imports with it.
KERNEL = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "ipykernel.control",
    "ipykernel.shellchannel", "ipykernel.subshell_manager", "ipykernel.parentpoller", "ipykernel.iostream",
    "ipykernel.displayhook", "ipykernel.heartbeat", "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "reviewlib.press.quiet", "faulthandler",
    "tornado.platform.asyncio",
)  # fmt: skip
#: Modules that look for the shell when they are imported, and their function that makes up for it once there is one.
MEETING = {"ipywidgets": "register_comm_target"}
_BACKEND = "module://matplotlib_inline.backend_inline"  # the one that ipykernel asks for
#: A filter of warnings, as Python keeps it.
Filter = tuple[Any, ...]


def warm_up(preload: Sequence[str], prepare: str, given: Sequence[str]) -> list[Filter]:
    """Import what is ordered, prepare, and freeze.

    Args:
        preload: Names of modules.
        prepare: ``module:function``, which leaves the process as it was.
        given: What to call it with.

    Returns:
        The filters of warnings that the modules added, which are taken out again, the first to be asked first.

    Raises:
        Exception: Whatever importing and preparing raise.
    """
    gc.disable()  # a collection would touch, and so copy, every page that forks share
    _import(KERNEL)
    ours = list(warnings.filters)
    with _like_a_kernel():
        _import(preload)
    added = [entry for entry in warnings.filters if entry not in ours]
    warnings.filters[:] = ours  # type: ignore[index]
    if prepare:
        module, function = prepare.split(":")
        with decimal.localcontext():  # whose flags remember what was rounded
            getattr(importlib.import_module(module), function)(*given)
    gc.collect()
    gc.freeze()
    gc.enable()
    return added


def meet_shell(filters: Sequence[Filter]) -> None:
    """Do in a kernel, now that its shell is there, what imported modules would have done; the shell has filters of its own."""
    for action, message, category, module, line in reversed(filters):
        patterns = [compiled.pattern if compiled else "" for compiled in (message, module)]
        warnings.filterwarnings(action, patterns[0], category, patterns[1], line)
    for name, function in MEETING.items():
        if name in sys.modules:
            getattr(sys.modules[name], function)()


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)


@contextmanager
def _like_a_kernel() -> Iterator[None]:
    """Show modules what they would see in a kernel while they are imported.

    pandas asks the builtin whether it is in a kernel and takes its options from that and from the encoding of the output;
    matplotlib takes its backend from the environment.
    """
    from ipykernel.iostream import OutStream

    os.environ.setdefault("MPLBACKEND", _BACKEND)
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    with Path(os.devnull).open("w", encoding=OutStream.encoding) as out, redirect_stdout(out), redirect_stderr(out):
        yield
    del builtins.get_ipython  # type: ignore[attr-defined]
