"""A text's sentences, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WRAPPED = re.compile(r"(?<=[^\s.!?:;])[ \t]*\r?\n(?=[a-zß-öø-ÿ])")
"""A line break inside a sentence: PDF and e-mail break lines at a width."""


@dataclass(frozen=True)
class Sentence:
    """A sentence without the white space around it. `start` counts characters of the whole text."""

    text: str
    start: int


def split(text: str, language: str = "en") -> list[Sentence]:
    """The sentences of a text in that language (ISO 639-1), in order; white space alone is none.

    By Wikimedia's sentencex, which knows the abbreviations of some 300 languages.
    """
    from sentencex import segment  # pyright: ignore[reportAttributeAccessIssue] - it is in Rust

    unwrapped = _WRAPPED.sub(lambda found: " " * len(found[0]), text)  # of the same length: places stay
    found: list[Sentence] = []
    at = 0
    for piece in segment(language, unwrapped):
        start = at + len(piece) - len(piece.lstrip())
        at += len(piece)
        length = len(piece.strip())
        if length:
            found.append(Sentence(text[start : start + length], start))
    return found
