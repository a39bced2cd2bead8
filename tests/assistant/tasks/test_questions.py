"""Passages, absence and quotes; words are counted in the place of embeddings."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from assistant.engines.protocol import Span
from assistant.errors import BadDocument, BadSettings
from assistant.tasks.questions import PASSAGE_WORDS, is_absent, messages, nearest, passages, prompt, quotes, spanned
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


@pytest.mark.parametrize(
    ("reply", "absent"),
    [
        ("", True),
        ("Not in the text.", True),
        ("The passages do not contain the answer.", True),
        ("The passages provided do not say who won.", True),
        ("Unfortunately, the passages do not mention when the contract ends.", True),
        ("I'm sorry, but the text does not say.", True),
        ("I’m afraid the text doesn’t say.", True),
        ("Based on the passages, there is no information", True),
        ("According to the provided text, the answer is not given in the text.", True),
        ("There is no information about the king.", True),
        ("There is no answer to this question in the passages.", True),
        ("There is no answer to the question.", True),
        ("unanswerable", True),
        ("The question is unanswerable.", True),
        ("No answer", True),
        ("They eat krill.", False),
        ("No, the warranty does not provide coverage for water damage.", False),
        ("The price is not specified in euros but in dollars: 40.", False),
        ("There is no answer key in the box.", False),
        ("There is no information desk at the station.", False),
        ("No answer came before May.", False),
        ("Unanswerable letters were burnt.", False),
        ("Unfortunately, the bridge is closed to cars.", False),
        ("It costs 40, the text does not say in which currency.", False),
    ],
)
def test_absence_is_told_from_answers(reply: str, absent: bool) -> None:
    assert is_absent(reply) is absent


def test_a_t5_is_offered_a_way_out_that_is_understood() -> None:
    asked = prompt("What do whales eat?", nearest("What do whales eat?", TEXT, bag))
    (word,) = re.findall('say "(.+?)"', asked)
    assert is_absent(word)
    assert "question: What do whales eat? context: Whales are" in asked


def test_what_an_answer_rests_on_is_a_whole_sentence_in_its_language() -> None:
    text = "Die Verhandlung ist am 3. Mai. Ein Urteil fällt bzw. folgt am 5. Juni."
    found = nearest("Wann ist die Verhandlung?", text, bag, "de")
    span = Span(0, text.index("3. Mai"), text.index("3. Mai") + 6, 1.0)
    assert spanned(span, found, "m", "de").quotes[0].text == "Die Verhandlung ist am 3. Mai."
    best = quotes("Wann ist die Verhandlung?", "Am 3. Mai.", found, bag, "de")
    assert best[0].text == "Die Verhandlung ist am 3. Mai."


def test_an_answer_rests_on_sentences_at_their_places() -> None:
    found = nearest("What do whales eat?", TEXT, bag)
    best = quotes("What do whales eat?", "Whales eat krill and fish.", found, bag)
    assert best[0].text == "Whales in the sea eat krill and fish."
    assert TEXT[best[0].start :].startswith(best[0].text)
