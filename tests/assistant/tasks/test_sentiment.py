"""The sentiment task with a classifier that counts words: what it asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assistant.errors import BadDocument, CapabilityMissing
from assistant.tasks.sentiment import MOST_WORDS, Moods, analyse, as_sentiment, opinions

GOOD, BAD = {"love", "great"}, {"hate", "awful"}


def count(texts: Sequence[str]) -> list[dict[str, float]]:
    """Positive for each good word, negative for each bad one."""
    found: list[dict[str, float]] = []
    for text in texts:
        words = text.lower().replace(".", " ").replace("!", " ").split()
        good, bad = sum(word in GOOD for word in words), sum(word in BAD for word in words)
        weights = {"negative": bad, "neutral": 0.5, "positive": good}
        found.append({label: weight / sum(weights.values()) for label, weight in weights.items()})
    return found


def test_the_whole_and_each_sentence_with_its_place() -> None:
    text = "I love it. It is a box.\n\nThe lid is awful!"
    found = analyse(text, count)
    assert [(each.text, each.label) for each in found.sentences] == [
        ("I love it.", "positive"),
        ("It is a box.", "neutral"),
        ("The lid is awful!", "negative"),
    ]
    assert all(text[each.start :].startswith(each.text) for each in found.sentences)
    assert set(found.whole.probabilities) == {"positive", "neutral", "negative"}
    assert sum(found.whole.probabilities.values()) == pytest.approx(1)


def test_sentences_are_those_of_the_language() -> None:
    first, second = "Die Verhandlung am 3. Mai bzw. am 5. Juni war schlimm.", "Das Urteil war gerecht."
    assert [each.text for each in analyse(f"{first} {second}", count).sentences] == [first, second]


def test_words_are_weighed_by_leaving_them_out() -> None:
    text = "I love it. The lid is awful!"
    found = analyse(text, count, explain=True)
    weights = {word.text: word.weight for word in found.carriers}
    assert weights["love"] == pytest.approx(1 / 1.5)
    assert weights["awful"] == pytest.approx(1 / 1.5)
    assert weights["lid"] == 0
    assert all(text[word.start :].startswith(word.text) for word in found.carriers)


def test_a_long_text_is_explained_from_its_beginning() -> None:
    assert len(analyse("I love great things. " * 300, count, explain=True).carriers) == MOST_WORDS


@pytest.mark.parametrize("text", ["", "   \n", "... !!! ---", "🙂"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(BadDocument, match="no words"):
        analyse(text, count)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"NEGATIVE": 0.3, "POSITIVE": 0.7}, (0.7, 0.0, 0.3)),
        ({"neg": 0.2, "neu": 0.5, "pos": 0.3}, (0.3, 0.5, 0.2)),
        ({"1 star": 0.1, "2 stars": 0.1, "3 stars": 0.2, "4 stars": 0.2, "5 stars": 0.4}, (0.6, 0.2, 0.2)),
    ],
)
def test_labels_of_other_models(labels: dict[str, float], expected: tuple[float, ...]) -> None:
    found = as_sentiment(labels)
    assert (found["positive"], found["neutral"], found["negative"]) == pytest.approx(expected)


def test_labels_of_something_else_are_refused() -> None:
    with pytest.raises(CapabilityMissing, match="spam, ham"):
        opinions(["x"], lambda texts: [{"spam": 0.5, "ham": 0.5} for _ in texts])


def test_moods_of_many_rows_are_counted_as_they_come() -> None:
    moods = Moods()
    assert moods.shares() == {"positive": 0, "neutral": 0, "negative": 0}
    moods.add([{"sentiment": "positive", "positive": 0.75, "neutral": 0.25, "negative": 0.0}, {"rejected": "empty"}])
    moods.add([{"sentiment": "negative", "positive": 0.25, "neutral": 0.0, "negative": 0.75}])
    assert moods.shares() == {"positive": 0.5, "neutral": 0, "negative": 0.5}
    assert moods.values == [0.75, -0.5]
