"""What the embedded sentiment model is taught: the labelled texts, parts of them and others made of them, with what a
teacher (teacher.py) thinks of each."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.dequantise import dequantised
from finetune import teacher
from finetune.classifier_rows import Row
from finetune.sentiment_data import LABELS, Example

TEACHER = "qwen2.5-coder-1.5b-instruct"
PROS_AND_CONS = {"train": 14_000, "validation": 800}
"""How many of them are used: with all of the 37,000 the film sentences drown."""
PLAIN = ("pros and cons", "lexicon")
"""Words and short phrases: taught as they are labelled."""
SHORT_FOR_THE_TEACHER = 3000
"""So many of them it judges."""
LABEL_SAYS = 0.25
"""The label's share in what a whole sentence is taken for; the rest is the teacher's, who errs less often on films,
which are labelled by the stars of the whole review."""
CROSSED = 10_000
"""Texts made of the clauses of two."""
FOLDS = 5
OPINIONS = Path(__file__).with_name("sentiment_opinions.npz")
"""What the teacher said when it read the public data whole."""


def chosen(found: Sequence[Example], split: str) -> list[Example]:
    """The examples of a split that training uses."""
    some = [each for each in found if each.split == split]
    many = [each for each in some if each.source == "pros and cons"]
    few = random.Random(0).sample(many, min(len(many), PROS_AND_CONS[split]))  # noqa: S311 - the same few each time
    return [*(each for each in some if each.source != "pros and cons"), *few]


def rows(some: Sequence[Example]) -> list[Row]:
    """Examples as training rows."""
    return [Row(each.text, tuple(float(label == each.label) for label in LABELS)) for each in some]


def taught(
    some: Sequence[Example],
    more: Sequence[str],
    states: Path,
    *,
    opinions: Path | None = OPINIONS,
    on_part: Callable[[int], object],
) -> list[Row]:
    """Films' and products' sentences with what the teacher thinks of them; the sentences' beginnings and ends, and
    `more`, which has no labels, with what it thinks of those; the rest as it is labelled.

    The teacher is fitted on whole sentences, five times, each time without a fifth of them: it has not seen the labels
    of what it judges. opinions: what it said when it read just these texts before, or None to have it read them; then
    its opinions are kept beside the states.
    """
    plain = [each for each in some if each.source in PLAIN]
    sentences = [each for each in some if each.source not in PLAIN]
    short = random.Random(0).sample(plain, min(len(plain), SHORT_FOR_THE_TEACHER))  # noqa: S311
    reading = to_read([each.text for each in sentences], [each.text for each in short], more)
    read, fold = list[str](), list[int]()
    for passage, sentence in reading:
        read += [passage.text[:end] for end in passage.ends]
        fold += [zlib.crc32(sentence.encode()) % FOLDS] * len(passage.ends)
    labels = {each.text: row.target for each, row in zip((*sentences, *short), rows((*sentences, *short)), strict=True)}
    said = teacher.remembered(opinions, read) if opinions else None
    if said is None:
        found = teacher.read_all(_reader, [passage for passage, _ in reading], states, on_part=on_part)
        fitting = {each.text for each in sentences}
        known, folds = np.array([text in fitting for text in read]), np.array(fold)
        said = np.zeros((len(read), len(LABELS)))
        for number in range(FOLDS):
            fit = known & (folds != number)
            wanted = np.array([labels[text] for text, use in zip(read, fit, strict=True) if use])
            judged = folds == number
            said[judged] = teacher.Probe.fit(found[fit], wanted).read(found[judged])
        teacher.remember(states.with_suffix(".opinions.npz"), read, said)
    result = {text: Row(text, tuple(row)) for text, row in zip(read, said.tolist(), strict=True)}
    for text, target in labels.items():
        both = zip(result[text].target, target, strict=True)
        result[text] = Row(text, tuple((1 - LABEL_SAYS) * said + LABEL_SAYS * label for said, label in both))
    return [*({row.text: row for row in rows(plain)} | result).values()]


def to_read(sentences: Sequence[str], short: Sequence[str], more: Sequence[str]) -> list[tuple[teacher.Passage, str]]:
    """What the teacher reads: each passage with the text that it is, or is a part of, or begins like."""

    def ends(rank: int) -> list[tuple[teacher.Passage, str]]:
        found = zip(teacher.ends(sentences, rank), sentences, strict=True)
        return [(_all_of(end), text) for end, text in found if end is not None]

    crossed = teacher.crossed([*sentences, *more], CROSSED)
    return [
        *zip(teacher.passages(sentences), sentences, strict=True),
        *((_all_of(text), text) for text in short),
        *ends(0),
        *zip(teacher.passages(more), more, strict=True),
        *ends(1),
        *zip(teacher.passages([text for text, _ in crossed]), (like for _, like in crossed), strict=True),
    ]


def _all_of(text: str) -> teacher.Passage:
    return teacher.Passage(text, (len(text),))


def _reader() -> teacher.Reader:
    entry = Catalogue.load()[TEACHER]
    return teacher.Reader(dequantised(sources.pull(entry)))
