"""Key sentences, long texts in parts, and what supports a summary; words are counted in the place of embeddings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import pytest

from assistant.errors import BadDocument, BadSettings, TextTooLong
from assistant.tasks.key_sentences import key_sentences
from assistant.tasks.summary import (
    Length,
    Summary,
    SummarySentence,
    halving,
    in_parts,
    sentences_of,
    supported,
    trimmed,
    written,
)

TEXT = (
    "Whales are mammals that live in the sea. Whales breathe air at the surface of the sea. "
    "Whales in the sea eat krill and fish. The author had tea on Monday. Hunting of whales nearly ended them."
)


def bag(texts: Sequence[str]) -> np.ndarray:
    rows = np.zeros((len(texts), 997), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()):
            row[crc32(word.encode()) % 997] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def test_key_sentences_come_in_order_and_leave_out_what_stands_alone() -> None:
    chosen = [each.text for each in key_sentences(sentences_of(TEXT), 3, bag)]
    assert len(chosen) == 3
    assert chosen == sorted(chosen, key=TEXT.index)
    assert "The author had tea on Monday." not in chosen


def test_the_same_said_twice_is_chosen_once() -> None:
    text = "The bridge is closed to cars now. The bridge is closed to cars now! Trams may use it until spring comes."
    chosen = [each.text for each in key_sentences(sentences_of(text), 2, bag)]
    assert chosen[1].startswith("Trams")


@pytest.mark.parametrize("count", [5, 50])
def test_more_than_there_are_is_all(count: int) -> None:
    assert len(key_sentences(sentences_of(TEXT), count, bag)) == 5


def test_lengths_are_sentences_or_a_share() -> None:
    assert Length(4).count(100) == 4
    assert Length(None, 0.1).count(100) == 10
    assert Length(None, 0.001).count(100) == 1
    for bad in (Length(0), Length(None, 1.5), Length(None)):
        with pytest.raises(BadSettings):
            bad.count(10)


@pytest.mark.parametrize("text", ["", "  ", "?! 12"])
def test_a_text_without_words_is_told(text: str) -> None:
    with pytest.raises(BadDocument):
        sentences_of(text)


def test_parts_keep_every_sentence_and_fit() -> None:
    sentences = sentences_of(TEXT)
    parts = in_parts(sentences, 40, len)
    assert " ".join(parts) == TEXT
    parts = in_parts(sentences, 120, len)
    assert all(len(part) <= 120 for part in parts) and " ".join(parts) == TEXT


def test_a_long_text_is_summarised_in_rounds_until_it_fits() -> None:
    text = " ".join(f"Sentence number {n} says that thing {n} is so." for n in range(200))
    told: list[tuple[int, int]] = []

    def first(text: str, count: int) -> str:
        assert len(text) <= 2000
        return " ".join(each.text for each in sentences_of(text)[:count])

    said, parts = written(text, 3, first, len, 2000, on_part=lambda done, total: told.append((done, total)))
    assert len(sentences_of(said)) == 3 and parts > 1
    assert told[0] == (0, parts + 1) and [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] < told[-1][1]


def test_a_model_that_does_not_shorten_does_not_go_on_for_ever() -> None:
    text = " ".join(f"Sentence number {n} says that thing {n} is so." for n in range(100))
    said, _ = written(text, 3, lambda text, _: text, len, 500, on_part=lambda *_: None)
    assert said


def test_support_is_found_and_its_lack_is_told() -> None:
    sentences = sentences_of(TEXT)
    held, loose = supported("Whales breathe air. Elephants juggle quantum pineapples.", sentences, bag)
    assert held.supported and held.support[0].text.startswith("Whales breathe air")
    assert TEXT[held.support[0].start :].startswith(held.support[0].text)
    assert not loose.supported and len(loose.support) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Here is a summary:\n\n- One is so.\n- Two is so.\n- Three.", "One is so. Two is so."),
        ("1. One is so.\n2. Two is so.\n3. Three.", "One is so. Two is so."),
        ("1) One is so.\n\n2) Two is so. And more.", "One is so. Two is so."),
        ("* One is so.\n•Two is so.\n• Three.", "One is so. Two is so."),
        ("- One is so\n- Two is so\n- Three", "One is so Two is so"),
        ("They are large. They\nswim. They eat.", "They are large. They swim."),
        ("**Whales** lost 2.5 points.\n-5 degrees is cold. More.", "**Whales** lost 2.5 points. -5 degrees is cold."),
        ("2001. That was the year.", "2001. That was the year."),
    ],
)
def test_a_reply_becomes_running_text(reply: str, said: str) -> None:
    assert trimmed(reply, 2) == said


def test_sentences_are_those_of_the_language() -> None:
    text = "Die Verhandlung ist am 3. Mai bzw. am 5. Juni. Das Urteil folgt."
    assert trimmed(text, 1, "de") == "Die Verhandlung ist am 3. Mai bzw. am 5. Juni."
    assert [each.text for each in supported(text, sentences_of(text, "de"), bag, "de")] == [
        "Die Verhandlung ist am 3. Mai bzw. am 5. Juni.",
        "Das Urteil folgt.",
    ]


def test_a_piece_with_more_tokens_than_it_seemed_to_have_is_halved() -> None:
    read: list[str] = []

    def write(text: str, count: int) -> str:
        if len(text) > 400:
            raise TextTooLong("Too long.")
        read.append(text)
        return " ".join(sentence.text for sentence in sentences_of(text)[:count])

    table = " ".join(f"Row {n} has {n * 7919}." for n in range(60))
    said, parts = written(table, 2, write, lambda _: 1, 10_000, on_part=lambda *_: None)
    assert said and parts == 1
    assert all(any(f" {n * 7919}." in f" {text}" for text in read) for n in range(60))


def test_a_piece_that_cannot_be_made_shorter_is_refused() -> None:
    def refuse(text: str, count: int) -> str:
        if len(text) > 50:
            raise TextTooLong("Too long.")
        return text

    with pytest.raises(TextTooLong):
        halving("One is so. " * 20, 2, refuse)


def test_a_support_rate_counts_what_was_looked_at() -> None:
    def said(*held: bool | None) -> float | None:
        return Summary("", tuple(SummarySentence("x", (), each) for each in held), "abstractive", "m").support_rate

    assert said(True, False) == 0.5
    assert said(None, None) is None
