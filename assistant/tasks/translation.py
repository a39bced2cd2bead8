"""Translation, sentence by sentence: what is asked of a chat model, what becomes of its answer, and what got lost.

What a sequence-to-sequence model is given instead is in rewriting.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assistant.engines.protocol import Message
from assistant.errors import BadSettings
from assistant.languages import ADDRESS, name
from assistant.tasks.keeping import lost
from assistant.tasks.sentences import Sentence, split

FORMALITIES = ("formal", "informal")
MOST_CHARACTERS = 600
"""Of what a model translates at once: a longer sentence is cut at a space."""
LOOKED_AT = 20_000
"""Characters of a text by which it is told whether its sentences are short."""


@dataclass(frozen=True)
class Order:
    """What is wanted: languages as ISO 639-1, terms that must come out as given, form of address ("" where it is
    all the same)."""

    source: str
    target: str
    glossary: Mapping[str, str] = field(default_factory=dict[str, str])
    formality: str = ""
    words: float | None = None
    """Of the whole text, a sentence, where it is known: what serves short ones best may not serve long ones."""

    def problems(self) -> list[str]:
        """What cannot be asked for, as sentences."""
        found: list[str] = []
        if self.source == self.target:
            found.append(f"the text is in {name(self.target)} already")
        if self.formality and self.formality not in FORMALITIES:
            found.append(f"formality must be {' or '.join(FORMALITIES)}, not {self.formality}")
        elif self.formality and self.target not in ADDRESS:
            found.append(f"{name(self.target)} has no two forms of address that are known here")
        found += [f"the glossary has no translation of {term!r}" for term, said in self.glossary.items() if not said]
        return found

    def check(self) -> None:
        """Raise BadSettings with every problem."""
        if problems := self.problems():
            said = "; ".join(problems)
            raise BadSettings(f"{said[0].upper()}{said[1:]}.", hint="Choose another language or setting.")

    def terms(self, sentence: str) -> dict[str, str]:
        """The part of the glossary that a sentence needs."""
        there = {each for each, _ in found_terms(sentence, self.glossary)}
        return {term: said for term, said in self.glossary.items() if term in there}


@dataclass(frozen=True)
class Translated:
    """A sentence and its translation. `problems` says what did not come through."""

    source: str
    start: int
    """Where the sentence begins in the whole text, in characters."""
    text: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Translation:
    """A whole translation, with how it came about."""

    order: Order
    model: str
    text: str
    sentences: tuple[Translated, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One sentence for a model; `insist` are things that an earlier try has lost."""

    text: str
    order: Order
    insist: tuple[str, ...] = ()


Run = Callable[[Sequence[Request]], Iterator[str]]
"""Requests → the model's answers, in their order, as they come; a model that cannot be told to insist gives none to a
request that does."""


def translate(text: str, order: Order, run: Run) -> Iterator[Translated]:
    """Translate each sentence of a text, in order. Raises BadSettings for an order that cannot be done."""
    order.check()
    pieces = list(_pieces(text, order.source))
    for piece, (said, problems) in zip(pieces, _runs([piece.text for piece in pieces], order, run), strict=True):
        yield Translated(piece.text, piece.start, said, tuple(f"{flaw} is missing" for flaw in problems))


def translate_all(texts: Sequence[str], order: Order, run: Run) -> list[tuple[str, tuple[str, ...]]]:
    """Translate several texts at once; what stands between their sentences stays. Each comes with what it lost."""
    order.check()
    cut = [list(_pieces(text, order.source)) for text in texts]
    distinct = list(dict.fromkeys(piece.text for pieces in cut for piece in pieces))
    said = dict(zip(distinct, _runs(distinct, order, run), strict=True))
    whole: list[tuple[str, tuple[str, ...]]] = []
    for text, pieces in zip(texts, cut, strict=True):
        found = [Translated(piece.text, piece.start, *said[piece.text]) for piece in pieces]
        whole.append((assembled(text, found), tuple(flaw for each in found for flaw in each.problems)))
    return whole


def assembled(text: str, found: Iterable[Translated]) -> str:
    """The whole translation: each sentence in its place, the white space between them as it was."""
    out, at = "", 0
    for each in found:
        out += text[at : each.start] + each.text
        at = each.start + len(each.source)
    return out + text[at:]


def _runs(sentences: Sequence[str], order: Order, run: Run) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each sentence's translation and what it lost; one that lost something is asked for once more, insisting."""
    unwrapped = [" ".join(sentence.split()) for sentence in sentences]
    answers = run([Request(sentence, order) for sentence in unwrapped])
    for sentence, answer in zip(unwrapped, answers, strict=True):
        flaws = _flaws(sentence, answer, order)
        if flaws and (again := next(iter(run([Request(sentence, order, insist=flaws)])), "")):
            better = _flaws(sentence, again, order)
            if len(better) < len(flaws):
                answer, flaws = again, better
        yield answer, flaws


def _flaws(sentence: str, answer: str, order: Order) -> tuple[str, ...]:
    needed = order.terms(sentence)
    terms = [said for said in needed.values() if said.lower() not in answer.lower()]
    named = " ".join(needed)
    return (*(each for each in lost(sentence, answer) if each not in named), *terms)


def words_in_a_sentence(text: str, language: str) -> float | None:
    """The average over a text's beginning; None for one without words."""
    lengths = [len(piece.text.split()) for piece in _pieces(text[:LOOKED_AT], language)]
    return sum(lengths) / len(lengths) if lengths else None


def _pieces(text: str, language: str) -> Iterator[Sentence]:
    """Sentences with a word in them; those that are too long in several pieces."""
    for sentence in split(text, language):
        if not re.search(r"[^\W\d_]", sentence.text):
            continue  # numbers and dashes stay as they are
        at = 0
        while len(sentence.text) - at > MOST_CHARACTERS:
            space = sentence.text.rfind(" ", at, at + MOST_CHARACTERS) + 1
            end = space if space > at else at + MOST_CHARACTERS
            yield Sentence(sentence.text[at:end].rstrip(), sentence.start + at)
            at = end
        if sentence.text[at:]:
            yield Sentence(sentence.text[at:], sentence.start + at)


def found_terms(text: str, glossary: Mapping[str, str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Terms of the glossary and where they stand in a text; where one is part of another, the longer one."""
    terms = sorted(glossary, key=len, reverse=True)
    if terms:
        said = "|".join(f"({re.escape(term)})" for term in terms)
        for found in re.finditer(rf"(?<!\w)(?:{said})(?!\w)", text, re.IGNORECASE):
            yield terms[(found.lastindex or 1) - 1], found


def messages(request: Request) -> list[Message]:
    """What a chat model is asked."""
    order = request.order
    source, target = name(order.source), name(order.target)
    rules = [f"Translate the user's text from {source} into {target}. Answer with the translation alone."]
    if order.formality:
        rules.append(f"Address the reader as {ADDRESS[order.target][FORMALITIES.index(order.formality)]}.")
    rules += [f'Translate "{term}" as "{said}".' for term, said in order.terms(request.text).items()]
    if request.insist:
        rules.append(f"Your translation must contain exactly: {' ; '.join(request.insist)}")
    return [Message("system", " ".join(rules)), Message("user", request.text)]


QUOTES = "\"'“”„«»‚‘‹›「『"
"""With one of them in front of the text, those of its translation are not the model's own."""


def answer(request: Request, reply: str) -> str:
    """The translation in a chat model's reply: its first line, without a label or quotation marks of its own."""
    lines = [line.strip() for line in reply.strip().splitlines() if line.strip()]
    first = lines[0] if lines else ""
    label = re.match(r"(?:translation|[A-Z]\w+ translation)\s*:\s*", first, re.IGNORECASE)
    first = first[label.end() :] if label else first
    if not first and len(lines) > 1:
        first = lines[1]
    for opening, closing in (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“")):
        if first.startswith(opening) and first.endswith(closing) and request.text[:1] not in QUOTES:
            first = first[1:-1].strip()
    return first
