"""Where things are kept, and who may look."""

from __future__ import annotations

import stat
from pathlib import Path

from assistant import paths


def test_a_new_home_is_its_owners_alone(parley_home: Path) -> None:
    assert not parley_home.exists()
    assert paths.home() == parley_home
    assert stat.S_IMODE(parley_home.stat().st_mode) == 0o700
