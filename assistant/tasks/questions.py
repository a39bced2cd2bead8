"""Questions about a document: the passages that may hold the answer, what a model is asked, and what it rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.engines.protocol import Message, Span
from assistant.errors import BadDocument, BadSettings
from assistant.tasks import Embed
from assistant.tasks.sentences import Sentence, split

PASSAGE_WORDS = 90
"""About how long a passage is; they overlap by a sentence."""
PASSAGES = 5
"""How many the model gets to read."""
FAR = 0.15
"""Below this likeness (cosine) of question and best passage nobody is asked: the text speaks of something else."""
ABSENT = "Not in the text."
QUOTED = 0.45
"""Likeness of answer and sentence from which on the sentence is shown as what the answer rests on."""


_TEXT = r"the (?:given |provided )?(?:text|passages?)\b"
_END = r"\W*$"
_LEAD_IN = (
    r"(?:(?:unfortunately|regrettably|sorry|i(?:['’]m| am) (?:sorry|afraid)|i apologi[sz]e"
    rf"|(?:based on|according to|from|in) {_TEXT}(?: above| provided| given)?)[,;:.]? (?:but |that )?)*"
)
"""What a model says before it comes to the point. Any other clause may hold the answer."""
_ABSENT = re.compile(
    _LEAD_IN + r"(?:"
    rf"(?:the answer is )?not (?:stated |mentioned |given |found )?in {_TEXT}"
    rf"|{_TEXT}(?: above| provided| given)? (?:do|does|did)(?: not|n['’]t) "
    r"(?:contain|provide|mention|say|state|specify|answer|give)\b"
    rf"|(?:it|this|that) is not (?:mentioned|stated|specified|given) in {_TEXT}"
    r"|there is no mention\b"
    r"|there is no information (?:about|on|regarding|concerning)\b"
    rf"|there is no (?:information|answer)\b[^.!?]* in {_TEXT}"
    rf"|there is no (?:information|answer)(?: given| available| to (?:the|this|that|your) question)?{_END}"
    rf"|(?:(?:the|this) question is |it is )?unanswerable{_END}"
    rf"|no (?:answer|information){_END}"
    r")",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Passage:
    """Sentences of the document that stand together. `number` is what the answer cites, from 1."""

    number: int
    text: str
    start: int
    likeness: float


@dataclass(frozen=True)
class Quote:
    """A sentence that an answer rests on, at its place in the document."""

    text: str
    start: int


@dataclass(frozen=True)
class Answer:
    """The answer, or ABSENT with `found` False; the passages that were read, and the sentences that it rests on."""

    text: str
    found: bool
    passages: tuple[Passage, ...]
    quotes: tuple[Quote, ...]
    model: str = ""
    notes: tuple[str, ...] = ()
    """What a person should know of how it was found, a sentence each."""


def passages(text: str, language: str = "en") -> list[Sentence]:
    """The document in overlapping passages. Raises BadDocument where it has no words."""
    sentences = split(text, language)
    if not sentences:
        raise BadDocument("There are no words in this text.", hint="Give at least one sentence.")
    found: list[Sentence] = []
    first = 0
    while first < len(sentences):
        last, words = first, _words(sentences[first])
        while last + 1 < len(sentences) and words + (more := _words(sentences[last + 1])) <= PASSAGE_WORDS:
            last, words = last + 1, words + more
        start, end = sentences[first].start, sentences[last].start + len(sentences[last].text)
        found.append(Sentence(text[start:end], start))
        if last + 1 == len(sentences):
            break
        first = max(last, first + 1)
    return found


def _words(sentence: Sentence) -> int:
    """About how many; scripts without spaces, and tables, have more than white space tells."""
    return max(len(sentence.text.split()), len(sentence.text) // 8)


def nearest(question: str, text: str, embed: Embed, language: str = "en") -> list[Passage]:
    """The passages that are likest to the question, in the document's order. Raises BadSettings for no question."""
    if not question.strip():
        raise BadSettings("There is no question.", hint="Ask something about the text.")
    pieces = passages(text, language)
    likeness = (embed([piece.text for piece in pieces]) @ embed([question])[0]).tolist()
    best = sorted(range(len(pieces)), key=likeness.__getitem__, reverse=True)[:PASSAGES]
    return [
        Passage(number, pieces[place].text, pieces[place].start, likeness[place])
        for number, place in enumerate(sorted(best), 1)
    ]


def messages(question: str, found: Sequence[Passage]) -> list[Message]:
    """What a chat model is asked."""
    rule = (
        "Answer the question from the passages alone, in one or two sentences. "
        f'If the passages do not contain the answer, reply exactly "{ABSENT}"'
    )
    said = "\n\n".join(f"[{each.number}] {' '.join(each.text.split())}" for each in found)
    return [Message("system", rule), Message("user", f"Passages:\n\n{said}\n\nQuestion: {question}")]


def prompt(question: str, found: Sequence[Passage]) -> str:
    """What a T5-style model is asked: the format that its question-answering data was in, and before it FLAN's words
    for what the text does not say (arXiv:2301.13688)."""
    best = max(found, key=lambda each: each.likeness)
    rule = 'If the question is unanswerable, say "unanswerable".'
    return f"{rule} question: {question} context: {' '.join(best.text.split())}"


def spanned(span: Span | None, found: Sequence[Passage], model: str, language: str = "en") -> Answer:
    """What a BERT-style model answers: words of the text itself, and the sentence that they stand in."""
    if span is None:
        return Answer(ABSENT, False, tuple(found), (), model)
    passage = found[span.passage]
    around = next(each for each in reversed(split(passage.text, language)) if each.start <= span.start)
    quote = Quote(around.text, passage.start + around.start)
    return Answer(passage.text[span.start : span.end], True, tuple(found), (quote,), model)


def is_absent(reply: str) -> bool:
    """Whether a reply says that the text has no answer."""
    return not reply.strip() or _ABSENT.match(reply.strip()) is not None


def quotes(question: str, reply: str, found: Sequence[Passage], embed: Embed, language: str = "en") -> list[Quote]:
    """The sentences of the passages that say what the reply says, the best first, three at most."""
    pieces = {
        passage.start + each.start: each.text
        for passage in found
        for each in split(passage.text, language)
        if re.search(r"\w", each.text)
    }
    if not pieces:
        return []
    starts = list(pieces)
    likeness = embed([f"{question} {reply}"])[0] @ embed([pieces[start] for start in starts]).T
    best = likeness.argsort()[::-1][:3]
    chosen = [int(n) for place, n in enumerate(best) if place == 0 or likeness[n] >= QUOTED]
    return [Quote(pieces[starts[n]], starts[n]) for n in chosen]
