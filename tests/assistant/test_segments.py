"""Documents whose texts change and whose structure stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docx import Document

from assistant.errors import BadDocument
from assistant.segments import rewritten, texts

MARKDOWN = """---
title: Kept as it is
---

# A heading

A paragraph that is
wrapped over two lines, with `code` and a [link](https://example.com).

* one point
* another point
  1. a nested one

> A quotation.

```python
print("not translated")
```

| Name | Meaning |
|------|---------|
| one  | first   |

<div>raw</div>
"""
SRT = """1
00:00:01,000 --> 00:00:03,500
Hello there,
my old friend.

2
00:00:04,000 --> 00:00:05,000
<i>Goodbye.</i>
"""


def shouted(path: Path, output: Path) -> str:
    found = texts(path)
    rewritten(path, output, [text.upper() for text in found])
    return output.read_text("utf-8")


def test_markdown_keeps_code_marks_tables_and_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(MARKDOWN, "utf-8")
    assert "not translated" not in " ".join(texts(path))
    out = shouted(path, tmp_path / "b.md")
    assert out.startswith("---\ntitle: Kept as it is\n---\n\n# A HEADING\n\n")
    assert "A PARAGRAPH THAT IS WRAPPED OVER TWO LINES" in out
    assert "* ONE POINT\n* ANOTHER POINT\n  1. A NESTED ONE\n\n> A QUOTATION.\n" in out
    assert 'print("not translated")' in out
    assert "| NAME | MEANING |\n|------|---------|\n| ONE  | FIRST   |" in out
    assert "<div>raw</div>" in out


def test_a_markdown_document_that_nothing_changes_in_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# One\n\n- two\n\nthree\n", "utf-8")
    rewritten(path, tmp_path / "b.md", texts(path))
    assert (tmp_path / "b.md").read_text("utf-8") == path.read_text("utf-8")


def test_subtitles_keep_their_times_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SRT, "utf-8")
    assert texts(path) == ["Hello there, my old friend.", "<i>Goodbye.</i>"]
    out = shouted(path, tmp_path / "b.srt")
    assert "00:00:01,000 --> 00:00:03,500\nHELLO THERE,\nMY OLD FRIEND." in out
    assert "00:00:04,000 --> 00:00:05,000" in out


def test_a_word_file_keeps_its_styles_and_tables(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("Title", 1)
    paragraph = document.add_paragraph("Some plain and ")
    paragraph.add_run("bold").bold = True
    document.add_table(1, 2).rows[0].cells[1].text = "in a cell"
    document.sections[0].header.paragraphs[0].text = "a header"
    document.save(str(tmp_path / "a.docx"))
    found = texts(tmp_path / "a.docx")
    assert found == ["Title", "Some plain and bold", "in a cell", "a header"]
    rewritten(tmp_path / "a.docx", tmp_path / "b.docx", [text.upper() for text in found])
    out = Document(str(tmp_path / "b.docx"))
    assert [p.text for p in out.paragraphs] == ["TITLE", "SOME PLAIN AND BOLD"]
    assert out.paragraphs[0].style.name == "Heading 1"
    assert out.tables[0].rows[0].cells[1].text == "IN A CELL"
    assert out.sections[0].header.paragraphs[0].text == "A HEADER"


@pytest.mark.parametrize(
    ("name", "content"), [("a.srt", b"no subtitles"), ("a.docx", b"PK\x03\x04junk"), ("a.md", b"\0\1\2" * 50)]
)
def test_what_is_no_such_document_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadDocument):
        texts(tmp_path / name)


def capitals(path: Path, name: str) -> str:
    output = path.with_name(name)
    rewritten(path, output, [text.upper() for text in texts(path)])
    return output.read_bytes().decode()


def test_markdown_with_windows_line_ends_and_odd_separators(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"---\r\ntitle: x\r\ndate: y\r\n---\r\n\r\nHello there.\r\n")
    assert capitals(path, "b.md") == "---\r\ntitle: x\r\ndate: y\r\n---\r\n\r\nHELLO THERE.\r\n"
    path.write_text("one\u2028two\n\nthree\n", "utf-8")
    assert "THREE" in capitals(path, "c.md")


def test_web_subtitles_keep_notes_names_settings_and_places(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    whole = (
        "WEBVTT\n\nNOTE kept\n\nintro\n00:01.000 --> 00:02.000 align:start\n<v Bob>Hello\nthere.\n\nSTYLE\n::cue {}\n"
    )
    path.write_text(whole, "utf-8")
    assert texts(path) == ["<v Bob>Hello there."]
    output = tmp_path / "b.vtt"
    rewritten(path, output, texts(path))
    assert output.read_text("utf-8") == whole
    path = tmp_path / "a.srt"
    path.write_bytes(b"1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}Up here.\r\n\r\n")
    assert texts(path) == ["Up here."]
    assert capitals(path, "b.srt") == "1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}UP HERE.\r\n\r\n"


def word_capitals(document: Any, folder: Path) -> tuple[list[str], Any]:
    """(the texts that were found, the document with them in capitals)"""
    document.save(str(folder / "a.docx"))
    found = texts(folder / "a.docx")
    rewritten(folder / "a.docx", folder / "b.docx", [text.upper() for text in found])
    return found, Document(str(folder / "b.docx"))


def test_tabs_and_line_breaks_of_a_word_file_part_its_texts_and_stay(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("Introduction\t3")
    address = document.add_paragraph("Some Name\nStreet ")
    address.add_run("number").bold = True
    address.add_run("\nTown")
    found, out = word_capitals(document, tmp_path)
    assert found == ["Introduction", "Some Name", "Street number", "Town"]
    assert [each.text for each in out.paragraphs] == ["INTRODUCTION\t3", "SOME NAME\nSTREET NUMBER\nTOWN"]


def test_headers_and_footers_of_first_and_even_pages_are_texts(tmp_path: Path) -> None:
    document = Document()
    document.settings.odd_and_even_pages_header_footer = True
    section = document.sections[0]
    section.different_first_page_header_footer = True
    kinds = ("header", "footer", "first_page_header", "first_page_footer", "even_page_header", "even_page_footer")
    for kind in kinds:
        getattr(section, kind).paragraphs[0].text = kind.replace("_", " ")
    found, out = word_capitals(document, tmp_path)
    assert sorted(found) == sorted(kind.replace("_", " ") for kind in kinds)
    for kind in kinds:
        assert getattr(out.sections[0], kind).paragraphs[0].text == kind.replace("_", " ").upper()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("one  \ntwo\nthree\\\nfour\n", "ONE  \nTWO THREE\\\nFOUR\n"),
        ("one\r\ntwo  \r\nthree\r\n", "ONE TWO  \r\nTHREE\r\n"),
        ("> one  \n> two\n", "> ONE  \n> TWO\n"),
        ("* one\\\n  two\n* three\n", "* ONE\\\n  TWO\n* THREE\n"),
        ("one\\\\\ntwo\n", "ONE\\\\ TWO\n"),
        ("12  \ntwo\n", "12  \nTWO\n"),
        ("a `b  \nc` d\n", "A `B C` D\n"),
    ],
)
def test_hard_breaks_of_markdown_stay(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "a.md").write_bytes(before.encode())
    assert capitals(tmp_path / "a.md", "b.md") == after


def test_a_bar_in_a_cell_of_markdown_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("| Name | Use |\n|---|---|\n| a \\| b | either \\| or |\n", "utf-8")
    assert texts(path)[2:] == ["a | b", "either | or"]
    assert capitals(path, "b.md") == "| NAME | USE |\n|---|---|\n| A \\| B | EITHER \\| OR |\n"


def test_drawings_in_subtitles_are_no_text(tmp_path: Path) -> None:
    said = [
        r"{\p1}m 0 0 l 100 0 100 100{\p0}",
        r"{\an7\p1}m 0 0 l 1 1{\c&HFFFFFF&}l 2 2",
        r"{\p1}m 0 0 l 9 9{\p0}Hello{\i1} there",
        r"{\pos(10,20)}Placed",
    ]
    head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    head += "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    events = [f"Dialogue: 0,0:00:0{number}.00,0:00:09.00,Default,,0,0,0,,{text}\n" for number, text in enumerate(said)]
    path = tmp_path / "a.ass"
    path.write_text(head + "".join(events), "utf-8")
    assert texts(path) == [r"Hello{\i1} there", "Placed"]
    rewritten(path, tmp_path / "b.ass", ["Salut", "Mis"])
    out = (tmp_path / "b.ass").read_text("utf-8")
    assert [line.split(",,0,0,0,,")[1] for line in out.splitlines() if line.startswith("Dialogue")] == [
        *said[:2],
        r"{\p1}m 0 0 l 9 9{\p0}Salut",
        r"{\pos(10,20)}Mis",
    ]
