"""What the train page shows of data and of a dry run: every finding with its rows, tags closed, what does not fit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.hardware import Machine
from assistant.run import State, Status
from finetune.formats import recognised
from finetune.lint import Finding, Report
from finetune.masking import Seen
from finetune.masks import Masked, Part, counted
from finetune.sft import SFTSettings
from ui.web.train_view import MOST_CHARACTERS, dry_run_html, lint_html, mask_html, spans_html

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


MEASURED = {
    "peak_bytes": 4e9,
    "seconds_per_step": 2.0,
    "tokens_per_second": 300.0,
    "steps": 100.0,
    "eta_seconds": 200.0,
    "disk_bytes": 1e8,
}
HINT = "Try gradient_checkpointing=true, which is a third <slower>."


def shown(free: float, **more: float) -> str:
    status = Status(State.FINISHED, figures=MEASURED | more, hint=HINT)
    return dry_run_html(status, SFTSettings(data="x"), Machine("", 2, 2, int(16e9), int(free)))


def test_what_does_not_fit_is_said_with_what_would() -> None:
    assert "does not fit" not in shown(8e9) and "a third" not in shown(8e9) and 'role="status"' in shown(8e9)
    refused = shown(4.2e9)  # a tenth is for all else
    assert "It does not fit into memory." in refused and "which is a third &lt;slower&gt;" in refused
    assert 'role="alert"' in refused and "4.0 GB at its peak, 3.8 GB free" in refused


def test_the_parts_of_a_loop_are_listed() -> None:
    assert "of 2.0 s, 300 tokens a second" in shown(8e9)
    listed = shown(8e9, sft_seconds=60.0, reward_seconds=120.0, rlhf_seconds=600.0, comparison_seconds=30.0)
    assert "1:00 for the supervised fine-tuning, 2:00 for two reward models" in listed and "tokens a" not in listed
