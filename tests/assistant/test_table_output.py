"""Rows into files; what tables.py reads of them is tested with the batches."""

from __future__ import annotations

from pathlib import Path

from assistant.table_output import write_rows


def test_a_text_alone_on_its_line_is_written_as_it_is(tmp_path: Path) -> None:
    rows = [{"said": "    INDENTED\tAND TAB"}, {"said": ""}, {"said": "two\nlines\r\nhere "}]
    write_rows(tmp_path / "a.txt", "lines", ("said",), rows)
    assert (tmp_path / "a.txt").read_bytes() == b"    INDENTED\tAND TAB\n\ntwo lines here \n"


def test_values_between_tabs_hold_none(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.txt", "lines", ("score", "text"), [{"score": 0.25, "text": "  a\tb\nc"}])
    assert (tmp_path / "a.txt").read_text("utf-8") == "0.2500\ta b c\n"
