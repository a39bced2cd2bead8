"""Texts that a model wrote: what it says around them is taken off; which are of no use, and which there are already."""

from __future__ import annotations

import re
from collections.abc import Sequence

CUT_OFF = 300
"""Characters from which a text may have been cut off where its model had no tokens left."""
LONGEST = 2000
"""Characters of a text."""
ALIKE = 0.6
"""Share of common word triples (Jaccard) from which two texts are the same."""
_AFTER = re.compile(r"\n\s*(?:note|explanation|this (?:text|example|question))\b.*\Z", re.IGNORECASE | re.DOTALL)
_END = re.compile(r"[.!?…][\"”’)]*(?=\s|\Z)")
_GAP = re.compile(r"\[[^\[\]\n]{3,40}\]|<[a-z ]{3,40}>|_{3,}")
"""[Your Name]: what a model leaves for others to fill in."""
_ITSELF = re.compile(
    r"\b(?:as an ai|language model|(?:i've|i have) made up|your (?:request|requirement)s?|"
    r"i'll (?:create|provide|make up)|"
    r"feel free to (?:replace|modify|change)|other requests)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:(?:sure|certainly|of course)[^\n]*:|here(?:'s| is)[^\n]*:|(?:text|example|question|task)\s*\d*\s*:)\s*",
    re.IGNORECASE,
)


class Seen:
    """Texts that there are already. tests: those that must not come out either."""

    def __init__(self, tests: Sequence[str] = ()) -> None:
        self._tests = [triples(text) for text in tests]
        self._texts: list[frozenset[str]] = []

    def why(self, text: str) -> str:
        """ "near-duplicates", "test rows", or "" for a new text."""
        own = triples(text)
        for name, known in (("test rows", self._tests), ("near-duplicates", self._texts)):
            if any(len(own & each) >= ALIKE * len(own | each) for each in known):
                return name
        return ""

    def add(self, text: str) -> None:
        self._texts.append(triples(text))


def triples(text: str) -> frozenset[str]:
    """Runs of three words, in small letters and without signs; of a shorter text the whole."""
    words = re.findall(r"\w+", text.lower())
    return frozenset(" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2)))


def clean(text: str) -> str:
    """What a model wrote, without what it said about it and the marks that it put around it."""
    text = _LEAD.sub("", text.strip()).strip()
    text = _AFTER.sub("", text).strip()
    ends = list(_END.finditer(text))
    if len(text) > CUT_OFF and ends:  # where a model was cut off, the last sentence is none
        text = text[: ends[-1].end()]
    for opening, closing in (('"', '"'), ("“", "”"), ("*", "*")):
        if len(text) > 2 and text[0] == opening and text[-1] == closing:
            text = text.strip(opening + closing).strip()
    return text


def flaw(text: str) -> str:
    """Why a text is of no use, or ""."""
    if not re.search(r"\w", text):
        return "empty"
    if len(text) > LONGEST:
        return "too long"
    if _ITSELF.search(text):
        return "about itself"
    return "gaps to fill in" if _GAP.search(text) else ""
