"""ipykernel's application in two halves: the warm process reads arguments and settings for all kernels, each does the rest.

Reading them takes a third of the time in which a kernel starts, and touches, so copies, a thousand pages of its memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ipykernel import kernelapp
from IPython.core.application import BaseIPythonApplication

_FILE = 1  # its place among the arguments


class _ReadsOnce(BaseIPythonApplication):
    """The half that IPython does: arguments, the folder of the profile, files of settings."""

    _has_read = False

    def initialize(self, argv: Any = None) -> None:
        """Read arguments and settings, when first called."""
        if not self._has_read:
            self._has_read = True
            super().initialize(argv)  # type: ignore[no-untyped-call]


class IPKernelApp(kernelapp.IPKernelApp, _ReadsOnce):
    """ipykernel's, by whose name settings and logs know it; the half that follows in its line of classes can be done before."""

    def read(self, arguments: Sequence[str]) -> None:
        """Read what all kernels have in common; starts nothing.

        Args:
            arguments: Those after the file of the connection.
        """
        _ReadsOnce.initialize(self, ["-f", "not known yet", *arguments])

    def begin(self, connection_file: str) -> None:
        """Do in a kernel what is left.

        Args:
            connection_file: Says where its sockets are.
        """
        for known in (self, self.config.IPKernelApp, self.cli_config.IPKernelApp):
            known.connection_file = connection_file
        self.argv[_FILE] = connection_file
        self.parent_handle = os.getppid()
        self.initialize([])  # type: ignore[no-untyped-call]
