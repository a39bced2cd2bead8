"""Passages, absence and quotes; words are counted in the place of embeddings."""

from __future__ import annotations

from itertools import pairwise

import pytest

from assistant.errors import BadDocument, BadSettings
from assistant.tasks.questions import PASSAGE_WORDS, is_absent, messages, nearest, passages, quotes
from tests.assistant.tasks.test_summary import TEXT, bag


def test_passages_cover_the_text_and_overlap() -> None:
    text = " ".join(f"Sentence {n} has a few words in it." for n in range(100))
    found = passages(text)
    assert found[0].start == 0 and found[-1].start + len(found[-1].text) == len(text)
    assert all(len(each.text.split()) <= PASSAGE_WORDS for each in found)
    assert all(a.start < b.start < a.start + len(a.text) for a, b in pairwise(found))
    assert all(text[each.start :].startswith(each.text) for each in found)


@pytest.mark.parametrize("text", ["word " * 5000, "2026-11-22,ok,17;" * 2000, "人人生而自由" * 2000])
def test_what_has_no_sentences_comes_in_passages_too(text: str) -> None:
    found = passages(text)
    assert all(len(each.text) <= 2000 for each in found)
    assert found[0].start == 0 and found[-1].start + len(found[-1].text) == len(text.rstrip())


def test_the_likest_passages_come_in_the_order_of_the_text() -> None:
    text = " ".join(f"Filler {n} about nothing at all here and there. " * 12 for n in range(20)) + TEXT
    found = nearest("What do whales eat?", text, bag)
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert any("krill" in each.text for each in found)
    assert "[1]" in messages("What do whales eat?", found)[1].content


def test_no_question_and_no_text_are_told() -> None:
    with pytest.raises(BadSettings):
        nearest("  ", TEXT, bag)
    with pytest.raises(BadDocument):
        nearest("Who?", " \n", bag)


@pytest.mark.parametrize("reply", ["Not in the text.", "The passages do not contain the answer.", ""])
def test_absence_is_understood(reply: str) -> None:
    assert is_absent(reply)
    assert not is_absent("They eat krill.")
    assert not is_absent("No, the warranty does not provide coverage for water damage.")
    assert not is_absent("The price is not specified in euros but in dollars: 40.")


def test_an_answer_rests_on_sentences_at_their_places() -> None:
    found = nearest("What do whales eat?", TEXT, bag)
    best = quotes("What do whales eat?", "Whales eat krill and fish.", found, bag)
    assert best[0].text == "Whales in the sea eat krill and fish."
    assert TEXT[best[0].start :].startswith(best[0].text)
