"""The output streams of a kernel, flushed once per cell and whenever something was written; ipykernel does it six times.

A flush waits until another thread has sent what was written. After each display and each cell ipykernel flushes again and
again, mostly for nothing, and the changes of threads are a sixth of what a cell costs a kernel.
"""

from typing import Any

from ipykernel.iostream import OutStream

_NEVER = object()


def flush_once() -> None:
    """Let the streams of this process skip a flush when nothing was written since one that has ended, in the same cell.

    The first flush in a cell is always done: it gives the threads that read what comes from outside Python their turn.
    """
    streams: Any = OutStream
    write, flush = streams.write, streams.flush

    def marking(stream: Any, string: str) -> Any:
        """Write, and say so."""
        # Before it and after it: a flush in between may have come too early for it, and must not be the last one.
        stream._reviewlib_written = object()
        try:
            return write(stream, string)
        finally:
            stream._reviewlib_written = object()

    def flushing(stream: Any) -> None:
        """Flush where something was written since."""
        state = (getattr(stream, "_reviewlib_written", _NEVER), stream.parent_header)
        done = getattr(stream, "_reviewlib_flushed", (None, None))
        if state[0] is not done[0] or state[1] is not done[1]:
            flush(stream)
            stream._reviewlib_flushed = state

    streams.write, streams.flush = marking, flushing
