"""What can go wrong, and how it is said.

    ReviewError                 anything a user can mend; ``exit_code`` is what the command line returns
    ├── ParamsError             the params file: syntax, unknown keys, values that contradict each other
    ├── SourceError             a CRM file or table: missing, empty, unreadable, a column or stage that is not there
    ├── PeriodError             a period that cannot be read, or that the data does not reach
    ├── SubjectError            a rep or a team that is not in the reps table
    ├── TargetError             targets that overlap or leave a gap
    ├── SnapshotError           evidence that is not frozen yet, or not for this audience
    ├── JournalError            the journal: missing, damaged, or it does not take what was said
    │   └── ConflictError       somebody else saved another text first; both are in it
    ├── NotAllowedError         who is at the keyboard may not write or read this, or not any more
    ├── ResponseError           an answer that cannot be understood
    └── BusyError               another run holds the period

Every message says what is wrong, where, what was found, and what to do.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import ClassVar


class ReviewError(Exception):
    """Say what is wrong, where, what was found and what to do about it.

    Args:
        what: One sentence: what is wrong.
        where: File, line, column or key, as the reader would look it up.
        found: What stands there.
        do: The next step.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str | None = None, found: str | None = None, do: str | None = None):
        self.what = what
        self.where = where
        self.found = found
        self.do = do
        super().__init__(what)

    @classmethod
    @contextmanager
    def of_disk(cls, what: str, *, where: str, do: str) -> Iterator[None]:
        """Tell in this error what the disk refuses, with its own words as what was found."""
        try:
            yield
        except OSError as error:
            raise cls(what, where=where, found=error.strerror or str(error), do=do) from None

    def __str__(self) -> str:
        parts = [("where", self.where), ("found", self.found), ("to do", self.do)]
        return "\n".join([self.what, *(f"  {label}: {text}" for label, text in parts if text)])

    def _render_traceback_(self) -> list[str]:
        """Let notebooks show the message and no traceback: IPython asks an error for this."""
        return str(self).splitlines()


class ParamsError(ReviewError):
    """The params file cannot be used."""


class SourceError(ReviewError):
    """A source file or table cannot be used."""


class PeriodError(ReviewError):
    """A period cannot be read or is not covered by the data."""


class SubjectError(ReviewError):
    """A rep or team is unknown."""


class TargetError(ReviewError):
    """Targets contradict each other."""


class SnapshotError(ReviewError):
    """The evidence asked for is not frozen."""


class JournalError(ReviewError):
    """The journal cannot be read or written; ``problems`` says of each field what is wrong with it, "" stands for the whole."""

    problems: Mapping[str, str] = MappingProxyType({})


class ConflictError(JournalError):
    """Somebody else saved first; ``theirs`` and ``mine`` are both texts, for the person to choose from."""

    theirs: object = None
    mine: object = None


class NotAllowedError(ReviewError):
    """Who is at the keyboard may not do this."""


class ResponseError(ReviewError):
    """An answer cannot be understood."""


class BusyError(ReviewError):
    """Another run holds the period."""

    exit_code: ClassVar[int] = 3
