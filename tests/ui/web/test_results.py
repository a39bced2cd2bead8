"""What the page shows of results that are not whole: no emotions, no support, a note."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.engines.fake import FakeEngine
from assistant.service import Assistant
from assistant.tasks.questions import Answer
from assistant.tasks.summary import Summary, SummarySentence
from ui.web.questions_tab import answer_html
from ui.web.sentiment_tab import feelings
from ui.web.summary_tab import summary_html

GERMAN = "Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert."
NOTE = "MiniLM & Co. was not made for German."


@pytest.mark.parametrize(
    ("text", "encoder_here", "shown"),
    [("The room was clean.", True, True), ("The room was clean.", False, False), (GERMAN, True, False)],
)
def test_emotions_come_where_the_encoder_can_tell_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, encoder_here: bool, shown: bool
) -> None:
    monkeypatch.setattr(
        "assistant.sources.locate", lambda entry: tmp_path if encoder_here or "embed" not in entry.tasks else None
    )
    assistant = Assistant(open_engine=lambda _, entry, *__, **___: FakeEngine(model=entry.key))
    assert (feelings(assistant, text) is not None) is shown


@pytest.mark.parametrize(
    ("supported", "flagged"),
    [(False, True), (None, False)],
)
def test_support_that_was_not_looked_at_is_no_flaw(supported: bool | None, flagged: bool) -> None:
    found = Summary("A.", (SummarySentence("A.", (), supported),), "abstractive", "m", notes=(NOTE,))
    page = summary_html(found)
    assert ("without support" in page, "unsupported" in page, "<details>" in page) == (flagged,) * 3
    assert "MiniLM &amp; Co. was not made for German." in page


def test_an_answer_has_its_notes() -> None:
    assert "MiniLM &amp; Co." in answer_html(Answer("A.", True, (), (), "m", (NOTE,)), "text")
