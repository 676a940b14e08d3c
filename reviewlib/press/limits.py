"""What the system lets processes have: memory of a kernel, open files of whoever runs kernels."""

import contextlib
from typing import Final

import psutil

from reviewlib.errors import ReviewError

_FILES_PER_KERNEL: Final = 24  # at most, while its sockets are being connected
_FILES_BESIDE: Final = 32  # for what else is opened meanwhile
_FILES_AMPLE: Final = 4096  # what is asked for where the system gives it


def limit_memory(pid: int, memory: int) -> None:
    """Limit the bytes of data of a process, where the platform can; a limit that is stricter already stays.

    The process may have ended.
    """
    try:
        from resource import RLIM_INFINITY, RLIMIT_DATA, prlimit
    except ImportError:
        return
    with contextlib.suppress(ProcessLookupError):
        _, most = prlimit(pid, RLIMIT_DATA)
        allowed = memory if most == RLIM_INFINITY else min(memory, most)
        prlimit(pid, RLIMIT_DATA, (allowed, allowed))


def allow_files(kernels: int) -> None:
    """Let this process open as many files as so many kernels at a time take, where the platform limits that.

    The library of the sockets ends the whole process where it cannot open one.

    Raises:
        ReviewError: The system does not allow it.
    """
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
    except ImportError:
        return
    now, most = getrlimit(RLIMIT_NOFILE)
    needed = psutil.Process().num_fds() + _FILES_BESIDE + kernels * _FILES_PER_KERNEL
    if most != RLIM_INFINITY and needed > most:
        raise ReviewError(
            f"too few files may be open at a time for {kernels} notebooks at a time",
            where="the limit of open files (ulimit -n)",
            found=f"{most}, and {needed} are needed",
            do="raise the limit, or run fewer notebooks at a time",
        )
    wanted = max(needed, _FILES_AMPLE if most == RLIM_INFINITY else min(most, _FILES_AMPLE))
    if now != RLIM_INFINITY and now < wanted:
        setrlimit(RLIMIT_NOFILE, (wanted, most))
