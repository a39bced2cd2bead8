"""A text's sentences, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WRAPPED = re.compile(r"(?<=[^\s.!?:;])[ \t]*\r?\n(?=[a-zß-öø-ÿ])")
"""A line break inside a sentence: PDF and e-mail break lines at a width."""
_WIDE = re.compile(r"[^\S\r\n\t ]")
MOST_CHARACTERS = 1000
"""Of a sentence; a log, a table or a text without full stops is cut into pieces of about this, at a space."""
SHORT_LINE = 45
"""A line of fewer characters was not broken at a width: what follows it is something else (a heading, an address)."""
_ITEM = re.compile(r"[ \t]*(?:[-*•–+]|\d+[.)])[ \t]")


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

    # Of the same length, so that places stay. sentencex fails on white space of more than a byte behind a capital.
    unwrapped = _WIDE.sub(" ", _WRAPPED.sub(lambda found: " " * len(found[0]), text))
    found: list[Sentence] = []
    at = 0
    for piece in segment(language, unwrapped):
        for line in (part for whole in _lines(piece) for part in _pieces(whole)):
            start = at + len(line) - len(line.lstrip())
            at += len(line)
            length = len(line.strip())
            if length:
                found.append(Sentence(text[start : start + length], start))
    return found


def _lines(piece: str) -> Iterator[str]:
    """A piece cut behind its short lines and before the items of a list."""
    waiting = ""
    for line in piece.splitlines(keepends=True):
        if waiting.strip() and (len(waiting.splitlines()[-1].strip()) < SHORT_LINE or _ITEM.match(line)):
            yield waiting
            waiting = ""
        waiting += line
    yield waiting


def _pieces(line: str) -> Iterator[str]:
    """A line without an end in pieces, cut behind a line break or else a space where there is one."""
    while len(line) > MOST_CHARACTERS:
        end = max(line.rfind("\n", MOST_CHARACTERS // 2, MOST_CHARACTERS), 0) + 1
        end = end if end > 1 else line.rfind(" ", MOST_CHARACTERS // 2, MOST_CHARACTERS) + 1
        yield line[: end or MOST_CHARACTERS]
        line = line[end or MOST_CHARACTERS :]
    yield line
