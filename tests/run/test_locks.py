"""Who holds a period's folder, and what whoever comes second is told."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from reviewlib.errors import BusyError
from reviewlib.files import PRIVATE
from reviewlib.run import locks


@pytest.mark.parametrize("error", [KeyError("uid not found: 4711"), OSError("No username set in the environment")])
def test_a_user_without_a_name_can_hold_a_period(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A user id that the system has no name for, as in a container, is told as nobody."""

    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    folder = tmp_path / "2026-Q3"
    with locks.held(folder, modes=PRIVATE), pytest.raises(BusyError) as caught, locks.held(folder, modes=PRIVATE):
        pass
    assert str(caught.value.found).startswith("nobody on ")
