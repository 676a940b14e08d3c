"""What the warm process does before it forks: import, draw for nothing, and put everything back."""

import builtins
import contextlib
import decimal
import gc
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, SimpleNamespace
from typing import Any

from ipykernel.kernelapp import IPKernelApp

from reviewlib.press import early

#: What a kernel that was started the ordinary way has imported before its first cell, or imports with it.
KERNEL = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "ipykernel.control",
    "ipykernel.shellchannel", "ipykernel.subshell_manager", "ipykernel.parentpoller", "ipykernel.iostream",
    "ipykernel.displayhook", "ipykernel.heartbeat", "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "reviewlib.press.quiet", "reviewlib.press.streams",
    "faulthandler", "tornado.platform.asyncio",
)  # fmt: skip
#: Modules that look for the shell when they are imported, and their function that makes up for it once there is one.
MEETING = {"ipywidgets": "register_comm_target"}
_BACKEND = "module://matplotlib_inline.backend_inline"  # the one that ipykernel asks for


@dataclass(frozen=True)
class Warm:
    """What a kernel must still be given that an ordinary one would get while it imports.

    Args:
        env: Environment variables that modules set.
        filters: Filters of warnings that they added, the first to be asked first.
        modules: Names of all modules that are imported.
        app: ipykernel's application, which has parsed the arguments.
    """

    env: Mapping[str, str]
    filters: Sequence[tuple[Any, ...]]
    modules: set[str]
    app: IPKernelApp

    def meet_shell(self) -> None:
        """Do in a kernel, now that its shell is there, what imported modules would have done."""
        for action, message, category, module, line in reversed(self.filters):
            if message is None and module is None:
                warnings.simplefilter(action, category, line)
            else:
                warnings.filterwarnings(action, _pattern(message), category, _pattern(module), line)
        for name, function in MEETING.items():
            if name in sys.modules:
                getattr(sys.modules[name], function)()


def _pattern(compiled: Any) -> str:
    return str(getattr(compiled, "pattern", compiled or ""))


def warm_up(orders: Mapping[str, Any]) -> Warm:
    """Import what is ordered, prepare, put the state back, and freeze.

    Args:
        orders: ``preload``: names of modules; ``prepare``: ``module:function``; ``given``: what to call it with;
            ``arguments``: those of every kernel.

    Raises:
        Exception: Whatever importing and preparing raise.
        RuntimeError: A module looks for the shell while it is imported, and would find it in an ordinary kernel.
    """
    gc.disable()  # a collection would touch, and so copy, every page that forks share
    with _put_back() as env:
        _import(KERNEL)
        ours = list(warnings.filters)
        with _like_a_kernel():
            _import(orders["preload"])
        added = [entry for entry in warnings.filters if entry not in ours]
        changed = {name: value for name, value in os.environ.items() if env.get(name) != value}
        if orders["prepare"]:
            _prepare(*orders["prepare"].split(":"), given=orders["given"])
        warnings.filters[:] = ours  # type: ignore[index]
        app = early.parse(orders["arguments"])
    warm = Warm(changed, added, set(sys.modules), app)
    gc.collect()
    gc.freeze()
    gc.enable()
    return warm


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)


@contextlib.contextmanager
def _put_back() -> Iterator[Mapping[str, str]]:
    """Leave environment, folder and signal handlers as they were."""
    env, folder = dict(os.environ), os.getcwd()  # noqa: PTH109 - a string is what it takes
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    yield env
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@contextlib.contextmanager
def _like_a_kernel() -> Iterator[None]:
    """Show modules what they would see in a kernel while they are imported, and refuse those that want more.

    pandas asks the builtin whether it is in a kernel and takes its options from that and from the encoding of the output;
    matplotlib takes its backend from the environment.
    """
    from ipykernel.iostream import OutStream

    looking: set[str] = set()
    given = os.environ.get("MPLBACKEND")
    os.environ.setdefault("MPLBACKEND", _BACKEND)
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(open(os.devnull, "w", encoding=OutStream.encoding))  # noqa: PTH123
        for pretend in (_noting(looking), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out)):
            stack.enter_context(pretend)
        yield
    del builtins.get_ipython  # type: ignore[attr-defined]
    if given is None and os.environ.get("MPLBACKEND") == _BACKEND:
        del os.environ["MPLBACKEND"]
    if looking - set(MEETING):
        names = ", ".join(sorted(looking - set(MEETING)))
        raise RuntimeError(f"modules look for the notebook's shell while they are imported: {names}")


@contextlib.contextmanager
def _noting(looking: set[str]) -> Iterator[None]:
    """Note which modules ask IPython for the shell while they are imported."""
    import IPython
    from IPython.core import getipython

    found = getipython.get_ipython

    def get_ipython() -> Any:
        looking.update(_importing(sys._getframe(1)))
        return found()

    IPython.get_ipython = getipython.get_ipython = get_ipython
    yield
    IPython.get_ipython = getipython.get_ipython = found


def _importing(frame: FrameType | None) -> Iterator[str]:
    """Name the modules that are being imported by what runs, the innermost only: those around it did not ask."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            yield str(frame.f_globals.get("__name__"))
            return
        frame = frame.f_back


def _prepare(module: str, function: str, *, given: Sequence[str]) -> None:
    """Call the function, and leave matplotlib's settings and figures and the flags of decimal numbers as they were."""
    ready = getattr(importlib.import_module(module), function)
    matplotlib = sys.modules.get("matplotlib")
    settings = dict.copy(matplotlib.rcParams) if matplotlib else {}
    with decimal.localcontext():
        ready(*given)
    if matplotlib:
        dict.clear(matplotlib.rcParams)
        dict.update(matplotlib.rcParams, settings)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
