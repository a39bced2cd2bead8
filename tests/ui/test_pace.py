"""A pace is kept by a clock that nobody sets."""

from __future__ import annotations

import pytest

from ui.pace import Pace


def test_so_often_in_any_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ui.pace.time.monotonic", lambda: now[0])
    pace = Pace()
    for at in (100.0, 110.0):
        now[0] = at
        assert pace.wait("one", 2) == 0
        pace.count("one")
    assert pace.wait("one", 2) == 50
    assert pace.wait("one", 1) == 60, "a key that was made slower waits for the last one"
    assert pace.wait("two", 2) == 0
    now[0] = 160.0
    assert pace.wait("one", 2) == 0 and pace.wait("one", 1) == 10
    now[0] = 500.0
    assert pace.wait("one", 1) == 0 and not pace._done, "nothing is kept of it"
