"""What the train page shows of data: every finding with its rows, pieces of a row with every tag closed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from finetune.formats import recognised
from finetune.lint import Finding, Report
from finetune.masking import Seen
from finetune.masks import Masked, Part, counted
from ui.web.train_view import MOST_CHARACTERS, lint_html, mask_html, spans_html

REPORT = Report(recognised([{"prompt": "a", "completion": "b"}]), 40, tuple(range(1, 41)), (), {})


def row(read: int, learnt: int) -> Masked:
    """Of so many tokens, each a letter."""
    return Masked(tuple(range(read + learnt)), (False,) * read + (True,) * learnt, ("<",) * read + ("b",) * learnt)


def seen(rows: list[Masked], max_length: int) -> Seen:
    numbered = list(zip((2, 5, 9, 11), rows, strict=False))
    return Seen(numbered, counted(numbered, max_length), REPORT)


def test_a_finding_shows_its_first_rows() -> None:
    few = Finding("empty", "the text is empty", 1, (1024,), True)
    many = Finding("duplicates", "the same", 12, tuple(range(3, 15)), True)
    page = lint_html(replace(REPORT, findings=(few, many)))
    assert "(row 1,024)" in page
    assert "(rows 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 …)" in page and "13" not in page


def test_the_mask_says_which_rows_lose_what_and_why() -> None:
    page = mask_html(seen([row(2, 2), row(9, 2), row(3, 6), row(4, 0)], 8), 2, 8)
    assert "Nothing would be learnt of 1 (row 5): the answer lies beyond 8 tokens." in page
    assert "Nothing would be learnt of 1 (row 11): the model's template leaves no answer of it." in page
    assert "The longest row has 11 tokens." in page
    assert "<small>row 2</small>" in page and "<small>row 9</small>" not in page


@pytest.mark.parametrize("most", [1, 5, 100, 5999])
def test_what_is_cut_is_the_text_and_no_tag(most: int) -> None:
    """As a browser reads it: of many short turns, the cut fell inside a tag, and what followed was swallowed."""
    spans = [("&<b>" * 3, (Part.TRAINED, Part.IGNORED)[n % 2]) for n in range(500)]
    page = spans_html(spans, most)
    assert page.count("<span") == page.count("</span>") and page.endswith("</span>…")
    text = re.sub(r"</?span[^>]*>", "", page).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text == ("&<b>" * 1500)[:most] + "…"


def test_a_row_of_many_short_turns_does_not_swallow_the_page(tmp_path: Path) -> None:
    turns = Masked(tuple(range(8000)), (True, False) * 4000, ("<a", "\n") * 4000)
    page = mask_html(Seen([(1, turns)], counted([(1, turns)], 9000), REPORT), 1, 9000)
    assert page.count("<span") == page.count("</span>") and page.endswith("</pre></details>")
    assert page.count("&lt;a") <= MOST_CHARACTERS
