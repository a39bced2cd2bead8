"""Texts as a sequence-to-sequence translator takes them: no tags of type, its own length, the glossary's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from assistant.errors import TextTooLong
from assistant.tasks.translation import Request, found_terms

_TAG = r"(?:</?(?:b|big|c|em|font|i|s|small|span|strong|sub|sup|u|v)\b[^<>\n]*>|\{\\[^{}\n]+\})"
_TAGS_WITHIN = re.compile(_TAG)
_TAGGED = re.compile(rf"((?:{_TAG}\s*)*)(.*?)((?:\s*{_TAG})*)", re.DOTALL)


def unmarked(text: str) -> tuple[str, str, str]:
    """(tags before, text, tags after): such models stumble over tags of type. What stands within the text is left out,
    and then what stands around it too, of which it may be the other half."""
    found = _TAGGED.fullmatch(text)
    before, within, after = found.groups() if found else ("", text, "")
    if not within.strip():
        return "", text, ""
    if _TAGS_WITHIN.search(within):
        return "", " ".join(_TAGS_WITHIN.sub("", within).split()), ""
    return before, within, after


def with_terms(request: Request) -> str:
    """The text with the glossary's words in the place of its own: such models mostly copy what they do not know."""
    glossary = request.order.glossary
    out, at = "", 0
    for term, found in found_terms(request.text, glossary):
        out += request.text[at : found.start()] + glossary[term]
        at = found.end()
    return out + request.text[at:]


def whole(texts: Sequence[str], rewrite: Callable[[Sequence[str]], Sequence[str]]) -> list[str]:
    """What becomes of each text; one that does not fit the model is given to it in halves.

    rewrite: raises TextTooLong, before any work, where one of the texts is.
    """
    try:
        return list(rewrite(texts))
    except TextTooLong:
        if len(texts) > 1:
            middle = len(texts) // 2
            return [*whole(texts[:middle], rewrite), *whole(texts[middle:], rewrite)]
        (text,) = texts
        near = [match.start() for match in re.finditer(r"\s", text)] or [len(text) // 2]
        cut = min(near, key=lambda place: abs(place - len(text) // 2))
        halves = [half for half in (text[:cut].strip(), text[cut:].strip()) if half]
        if len(halves) < 2:
            raise
        return [" ".join(whole(halves, rewrite))]


def chunks(requests: Sequence[Request], size: int) -> Iterator[list[Request]]:
    """Requests a few at a time, so that the first answers come early."""
    waiting = iter(requests)
    while some := list(islice(waiting, size)):
        yield some
