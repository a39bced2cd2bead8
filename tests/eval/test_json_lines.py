from __future__ import annotations

from pathlib import Path

import pytest

from eval import json_lines


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, [{"new": "ä\n"}], id="no file"),
        pytest.param("", [{"new": "ä\n"}], id="empty"),
        pytest.param('{"old": 1}\n', [{"old": 1}, {"new": "ä\n"}], id="whole"),
        pytest.param('{"old": 1}\n{"to', [{"old": 1}, {"new": "ä\n"}], id="cut short"),
        pytest.param('{"old": 1}', [{"old": 1}, {"new": "ä\n"}], id="without its end"),
    ],
)
def test_a_line_is_added_to_what_is_there(before: str | None, after: list[object], tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    if before is not None:
        path.write_text(before, "utf-8")
    json_lines.append(path, [{"new": "ä\n"}])
    assert list(json_lines.read(path)) == after
    json_lines.append(path, [])
    assert list(json_lines.read(path)) == after
