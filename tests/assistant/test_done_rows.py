"""The file of done rows, killed in the middle of a line and found by another job."""

from __future__ import annotations

from pathlib import Path

from assistant.done_rows import DoneRows


def test_half_a_line_is_cut_off_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = DoneRows(tmp_path / "out.csv.done", ["sentiment", "text", 12])
    assert rows.resume() == 0
    rows.add([{"label": "good"}, {"rejected": "empty – nothing"}])
    with rows.path.open("ab") as file:
        file.write(b'{"label": "b')
    assert rows.resume() == 2
    rows.add([{"label": "bad"}])
    assert list(rows) == [{"label": "good"}, {"rejected": "empty – nothing"}, {"label": "bad"}]


def test_what_another_job_has_left_is_forgotten(tmp_path: Path) -> None:
    first = DoneRows(tmp_path / "out.csv.done", ["sentiment", "text", 12])
    first.resume()
    first.add([{"label": "good"}])
    assert DoneRows(first.path, ["sentiment", "text", 13]).resume() == 0
    assert list(first) == []
