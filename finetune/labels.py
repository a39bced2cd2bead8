"""What is wrong with the labels of a file: spellings of one label, labels with few rows or nearly all of them, and rows
whose text names another label than their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

FEWEST = 8
"""Rows of a label below which it is hardly learnt."""
UNEVEN = 0.9
"""Share of the commonest label from which a model does well by saying nothing else."""
_WORD = re.compile(r"[^\W_]+")

Found = Iterable[tuple[str, str, Sequence[int]]]
"""(about, said, numbers of rows) of each finding."""


def spellings(counted: Counter[str]) -> dict[str, str]:
    """Labels that are a more frequent one but for capitals, signs and a plural's s → that one."""
    commonest: dict[str, str] = {}
    found: dict[str, str] = {}
    for label, _ in counted.most_common():
        first = commonest.setdefault(re.sub(r"[\W_]|s\b", "", label.lower()) or label, label)
        if first != label:
            found[label] = first
    return found


def findings(
    texts: Mapping[int, str], labels: Mapping[int, str], counted: Counter[str], alike: Mapping[str, str]
) -> Found:
    """texts, labels: by the number of the row. counted: rows of each label. alike: what `spellings` found."""
    for label, first in alike.items():
        yield "labels", f"{label!r} looks like {first!r}", [n for n, each in labels.items() if each == label]
    whole = sum(counted.values())
    for label, count in counted.items():
        of_it = [number for number, each in labels.items() if each == label]
        if count < FEWEST:
            yield "labels", f"{label!r} has too few rows to be learnt", of_it
        elif count > UNEVEN * whole:
            yield "labels", f"{label!r} is {count / whole:.0%} of all: a model does well by saying nothing else", of_it
    named = namer(alike.get(label, label) for label in counted)
    numbers = [n for n, label in labels.items() if disputed(named(texts[n]), alike.get(label, label))]
    yield "labels", "the text names another label than its own", numbers


def namer(labels: Iterable[str]) -> Callable[[str], set[str]]:
    """A function: text → labels whose words stand in it; of "fridge freezer" and "freezer" only the longer."""
    forms = {_words(label): label for label in labels if any(letter.isalpha() for letter in label)}
    longest = max(map(len, forms), default=0)

    def named(text: str) -> set[str]:
        words, at, found = _words(text), 0, set[str]()
        while at < len(words):
            size = next((size for size in range(longest, 0, -1) if words[at : at + size] in forms), 0)
            if size:
                found.add(forms[words[at : at + size]])
            at += size or 1
        return found

    return named


def disputed(named: set[str], label: str) -> bool:
    """Whether a text that names these labels speaks against its own."""
    return bool(named) and label not in named


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.removesuffix("s") for word in _WORD.findall(text.lower()))
