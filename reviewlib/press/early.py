"""ipykernel's application in two steps: the warm process parses the arguments for all kernels, each of them does the rest.

Parsing takes a fifth of the time in which a kernel starts, and touches, so copies, a thousand pages of its memory. Settings
are read by each kernel: a file of settings is Python, and what it opens, starts and changes has to be the kernel's own.
"""

import os
from collections.abc import Sequence
from typing import Any

from ipykernel.kernelapp import IPKernelApp

FILE = 1  # its place among the arguments


def parse(arguments: Sequence[str]) -> IPKernelApp:
    """Make the application and give it the arguments that all kernels have in common; it starts nothing.

    Args:
        arguments: Those after the file of the connection.
    """
    app = IPKernelApp.instance()
    app.parse_command_line(["-f", "not known yet", *arguments])
    return app


def begin(app: IPKernelApp, connection_file: str) -> None:
    """Do in a kernel what is left.

    Args:
        app: What ``parse`` made.
        connection_file: Says where the kernel's sockets are.
    """
    given: Any = app
    for known in (given, given.config.IPKernelApp, given.cli_config.IPKernelApp):
        known.connection_file = connection_file
    given.argv[FILE] = connection_file
    # Its default was taken from the environment when the class was made, and that was in the warm process.
    given.parent_handle = os.getppid()
    given.parse_command_line = lambda argv: None
    given.initialize([])
    del given.parse_command_line
