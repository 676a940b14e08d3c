"""Imports that build nothing which nobody needs."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def without_grammar() -> Iterator[None]:
    """Keep jsonschema, which nbformat imports, from building its grammar of international addresses.

    That takes longer than all the rest, and the schema of notebooks says nothing of addresses.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails, which jsonschema allows for
    try:
        yield
    finally:
        del sys.modules[name]
