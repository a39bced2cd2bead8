"""Where things are kept, and who may look."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from assistant import paths
from assistant.errors import BadSettings


def test_a_new_home_is_its_owners_alone(parley_home: Path) -> None:
    assert not parley_home.exists()
    assert paths.home() == parley_home
    assert stat.S_IMODE(parley_home.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", "~nobody-of-that-name/home"):
        monkeypatch.setenv("PARLEY_HOME", str(place))
        with pytest.raises(BadSettings, match="cannot keep its things"):
            paths.home()
