"""Sentences stand where they are said to stand, and none is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.tasks.sentences import split


@given(st.text(alphabet=st.sampled_from("ab C.!?\n\r\t é🙂。\"'")))
def test_every_character_but_white_space_is_in_a_sentence_at_its_place(text: str) -> None:
    found = split(text)
    at = 0
    for each in found:
        assert text[each.start : each.start + len(each.text)] == each.text
        assert not text[at : each.start].strip()
        at = each.start + len(each.text)
    assert not text[at:].strip()


def test_abbreviations_and_numbers_end_no_sentence() -> None:
    text = "Dr. Smith paid 3.50 for v. 2.0 of it. Was it worth it? Yes!"
    assert [each.text for each in split(text)] == ["Dr. Smith paid 3.50 for v. 2.0 of it.", "Was it worth it?", "Yes!"]


def test_a_line_that_was_wrapped_goes_on() -> None:
    text = "The report, which was\nwrapped at a width, ends here.\nAnother begins.\n\nA heading\n\nText."
    assert [each.text for each in split(text)] == [
        "The report, which was\nwrapped at a width, ends here.",
        "Another begins.",
        "A heading",
        "Text.",
    ]


def test_other_languages() -> None:
    assert [each.text for each in split("これはペンです。あれは本です。", "ja")] == [
        "これはペンです。",
        "あれは本です。",
    ]
    german = split("Das kostet z. B. 5 Euro. Gut.", "de")
    assert [each.text for each in german] == ["Das kostet z. B. 5 Euro.", "Gut."]


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", "\u3000"])
def test_wide_spaces_behind_a_capital(space: str) -> None:
    text = f"We took plan B{space}. It worked."
    assert "".join(each.text for each in split(text)).replace(" ", "") == text.replace(" ", "")
