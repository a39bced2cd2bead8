"""Summaries: how long, written by a model piece by piece, each sentence linked to what in the text supports it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.engines.protocol import Message
from assistant.errors import BadDocument, BadSettings, TextTooLong
from assistant.tasks import Embed
from assistant.tasks.sentences import Sentence, split

WAYS = ("extractive", "abstractive")
SUPPORTED = 0.5
"""Likeness to a passage from which on a sentence counts as supported by it: docs/experiments.md."""
SUPPORTERS = 3
"""Passages that are named for one sentence."""

_MARKER = re.compile(r"^(?:(?:[-–*#]+|\d{1,2}[.)])\s+|•\s*)+")
"""What the line of a list or a heading begins with."""


@dataclass(frozen=True)
class Passage:
    """A sentence of the text that supports one of the summary's, and how alike they are (cosine)."""

    text: str
    start: int
    likeness: float


@dataclass(frozen=True)
class SummarySentence:
    """A sentence of a summary and what in the text says the same; `supported` is False where nothing does, None where
    nobody could look."""

    text: str
    support: tuple[Passage, ...]
    supported: bool | None


@dataclass(frozen=True)
class Summary:
    """A summary and how it came about."""

    text: str
    sentences: tuple[SummarySentence, ...]
    way: str
    model: str
    parts: int = 1
    """Pieces that a long text was read in."""
    notes: tuple[str, ...] = ()
    """What a person should know of how it was made, a sentence each."""

    @property
    def support_rate(self) -> float | None:
        """Share of its sentences that something in the text supports; None where nobody could look."""
        looked = [each.supported for each in self.sentences if each.supported is not None]
        return sum(looked) / len(looked) if looked else None


@dataclass(frozen=True)
class Length:
    """How long a summary is: so many sentences, or a share of the text's."""

    sentences: int | None = 3
    share: float | None = None

    def count(self, there: int) -> int:
        """Sentences, of so many. Raises BadSettings for a length that makes no sense."""
        if self.share is not None:
            if not 0 < self.share < 1:
                raise BadSettings(f"A share must be between 0 and 1, not {self.share}.", hint="0.1 is a tenth.")
            return max(1, round(self.share * there))
        if self.sentences is None or self.sentences < 1:
            raise BadSettings("A summary has at least one sentence.", hint="Ask for 1 or more.")
        return self.sentences


def sentences_of(text: str, language: str = "en") -> list[Sentence]:
    """The text's sentences. Raises BadDocument where there are none."""
    found = [each for each in split(text, language) if any(letter.isalpha() for letter in each.text)]
    if not found:
        raise BadDocument("There are no words in this text.", hint="Give at least one sentence.")
    return found


# By a model.

Write = Callable[[str, int], str]
"""(text, sentences) → a summary of about so many sentences."""
Count = Callable[[str], int]
"""Tokens of a text."""


def in_parts(sentences: Sequence[Sentence], most: int, count: Count) -> list[str]:
    """The text in pieces of at most `most` tokens, cut between sentences; pieces are about equally long."""
    sizes = [count(each.text) + 1 for each in sentences]
    wanted = sum(sizes) / max(1, math.ceil(sum(sizes) / most))
    parts: list[list[str]] = [[]]
    filled = 0
    for sentence, size in zip(sentences, sizes, strict=True):
        if parts[-1] and (filled + size > most or filled >= wanted):
            parts.append([])
            filled = 0
        parts[-1].append(" ".join(sentence.text.split()))
        filled += size
    return [" ".join(part) for part in parts]


def written(
    text: str,
    count: int,
    write: Write,
    tokens: Count,
    most: int,
    *,
    on_part: Callable[[int, int], object],
    language: str = "en",
) -> tuple[str, int]:
    """(summary, parts): summarised by a model piece by piece, then the pieces' summaries again, until one fits.

    most: tokens that the model reads at once. on_part: (pieces done, pieces in all).
    """
    parts = in_parts(sentences_of(text, language), most, tokens)
    first = len(parts)
    done, total = 0, first if first == 1 else first + 1
    while len(parts) > 1:
        # Enough of each piece that nothing is lost early, little enough that the next round is shorter.
        short: list[str] = []
        for part in parts:
            on_part(done, total)
            short.append(halving(part, max(2, min(5, 2 * count // len(parts) + 1)), write))
            done += 1
        joined = sentences_of(" ".join(short), language)
        fewer = in_parts(joined, most, tokens)
        if len(fewer) >= len(parts):  # it would not end
            fewer = [" ".join(fewer)[: most * 3]]
        parts = fewer
        total = max(total, done + len(parts))
    on_part(done, total)
    return halving(parts[0], count, write), first


def halving(text: str, count: int, write: Write) -> str:
    """As `write` does it; a piece that has more tokens than it seemed to have is read in halves, and what is written of
    them summarised. Raises TextTooLong where that does not make it shorter."""
    try:
        return write(text, count)
    except TextTooLong:
        middle = len(text) // 2
        cut = text.rfind(" ", 1, middle) + 1 or middle
        halves = (text[:cut].strip(), text[cut:].strip())
        short = " ".join(halving(half, count, write) for half in halves) if all(halves) else text
        if len(short) >= len(text):
            raise
    return halving(short, count, write)


def messages(text: str, count: int) -> list[Message]:
    """What a chat model is asked."""
    how = "one sentence" if count == 1 else f"{count} sentences"
    rule = (
        f"Summarise the user's text in {how}, in the text's own language. State its main points plainly, as facts, with"
        " nothing that the text does not say. Answer with the summary alone."
    )
    return [Message("system", rule), Message("user", text)]


def trimmed(reply: str, count: int, language: str = "en") -> str:
    """A model's reply as running text of at most so many sentences."""
    lines = [line.strip() for line in reply.splitlines()]
    # An empty line parts sentences, so that points without full stops count one by one.
    points = [_MARKER.sub("\n\n", line) for line in lines if line and not line.endswith(":")]
    return " ".join(" ".join(each.text.split()) for each in split(" ".join(points), language)[:count])


# What supports what.


def supported(
    summary: str, sentences: Sequence[Sentence], embed: Embed, language: str = "en"
) -> Iterator[SummarySentence]:
    """Each sentence of the summary with the passages that say the same, the likest first."""
    said = split(summary, language)
    if not said:
        return
    likeness = embed([each.text for each in said]) @ embed([each.text for each in sentences]).T
    for each, row in zip(said, likeness, strict=True):
        best = row.argsort()[::-1][:SUPPORTERS]
        passages = [Passage(sentences[n].text, sentences[n].start, float(row[n])) for n in best]
        held = tuple(p for p in passages if p.likeness >= SUPPORTED)
        yield SummarySentence(each.text, held or tuple(passages[:1]), bool(held))


def stream_parts(found: Sequence[SummarySentence]) -> str:
    """The summary's text."""
    return " ".join(each.text for each in found)
