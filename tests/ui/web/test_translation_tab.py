"""The tab that translates: what can be chosen, and what a file's job says of its texts."""

from __future__ import annotations

from assistant.languages import TOLD_APART
from assistant.service import Assistant
from assistant.tasks.keeping import Losses
from ui.web.translation_tab import language_choices, losses_html


def test_every_language_that_is_detected_can_be_swapped_in() -> None:
    assistant = Assistant()
    codes = [code for _, code in language_choices(assistant)]
    assert len(codes) == len(set(codes))
    assert set(codes) >= {*TOLD_APART, *assistant.translation_languages()}


def test_what_a_file_lost_is_shown_and_escaped() -> None:
    losses = Losses()
    assert losses_html((), losses) == ""
    losses.add([{"lost": "<b>"}])
    shown = losses_html(("By <a model>.",), losses)
    assert "row 1 lost “&lt;b&gt;”" in shown and "By &lt;a model&gt;." in shown
