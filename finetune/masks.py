"""Which tokens of a row are learnt from: what a run trains on, and what the mask viewer shows, are this one thing.

A row in TRL's format → the text as the model's template writes it → tokens, each trained or only read. What a person
asks, and what the template puts around it, is read; answers, and the token that ends each, are trained. A plain text is
trained whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assistant.errors import BadDataset
from finetune.turns import asked

IGNORED = -100
"""The label of a token that is not learnt from, in torch's cross-entropy."""
Span = tuple[int, int]


class Part(StrEnum):
    """What becomes of a token."""

    TRAINED = "trained"
    IGNORED = "ignored"
    CUT = "cut"  # beyond max_length


@dataclass(frozen=True)
class Masked:
    """Tokens of a row. ids, trained, texts: one each a token; a character of several tokens stands with its first."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    texts: tuple[str, ...]

    def parts(self, max_length: int | None = None) -> list[Part]:
        """What becomes of each token where a row may have `max_length` of them."""
        most = len(self.ids) if max_length is None else max_length
        return [
            Part.CUT if place >= most else Part.TRAINED if learnt else Part.IGNORED
            for place, learnt in enumerate(self.trained)
        ]

    def labels(self, max_length: int | None = None) -> list[int]:
        """As torch's cross-entropy takes them: IGNORED where nothing is learnt."""
        kept = zip(self.ids[:max_length], self.trained[:max_length], strict=True)
        return [token if learnt else IGNORED for token, learnt in kept]

    def spans(self, max_length: int | None = None) -> list[tuple[str, Part]]:
        """The text in pieces, each with what becomes of it."""
        found: list[tuple[str, Part]] = []
        for text, part in zip(self.texts, self.parts(max_length), strict=True):
            if found and found[-1][1] is part:
                found[-1] = (found[-1][0] + text, part)
            else:
                found.append((text, part))
        return found


@dataclass(frozen=True)
class Counts:
    """Of many rows. cut: the numbers of those that lose their end; unlearnt: of those of which nothing would be learnt;
    longest: tokens of the longest, before it is cut."""

    rows: int
    tokens: Mapping[Part, int]
    longest: int
    cut: tuple[int, ...]
    unlearnt: tuple[int, ...]

    @property
    def cut_away(self) -> tuple[int, ...]:
        """Of `unlearnt`, those whose answers lie beyond the end; of the others the template leaves none."""
        cut = frozenset(self.cut)
        return tuple(number for number in self.unlearnt if number in cut)


def counted(rows: Iterable[tuple[int, Masked]], max_length: int) -> Counts:
    """What a run would learn from. rows: each with its number."""
    tokens = dict.fromkeys(Part, 0)
    cut, unlearnt = list[int](), list[int]()
    count = longest = 0
    for number, row in rows:
        parts = row.parts(max_length)
        for part in parts:
            tokens[part] += 1
        if len(parts) > max_length:
            cut.append(number)
        if Part.TRAINED not in parts:
            unlearnt.append(number)
        count, longest = count + 1, max(longest, len(parts))
    return Counts(count, tokens, longest, tuple(cut), tuple(unlearnt))


def masked(row: Mapping[str, Any], tokenizer: Any, *, everything: bool = False) -> Masked:
    """The tokens of a row with `messages`, `prompt` and `completion`, or `text`.

    everything: what is asked is learnt as well. Raises BadDataset where the model's template refuses the row.
    """
    text, spans = written(row, tokenizer)
    found: Any = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets: Sequence[Span] = found["offset_mapping"]
    trained = [everything or any(start < b and end > a for a, b in spans) for start, end in offsets]
    texts = [
        "" if place and offsets[place - 1] == (start, end) else text[start:end]
        for place, (start, end) in enumerate(offsets)
    ]
    return Masked(tuple(found["input_ids"]), tuple(trained), tuple(texts))


def written(row: Mapping[str, Any], tokenizer: Any) -> tuple[str, list[Span]]:
    """(the text that the model reads, the spans of it that are learnt). Raises BadDataset."""
    if "text" in row:
        text = row["text"] + (tokenizer.eos_token or "")
        return text, [(0, len(text))]
    messages = row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]]
    replies = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    learnt = replies if "messages" in row else [place for place in replies if place >= len(row["prompt"])]
    if not tokenizer.chat_template:
        return _plainly(messages, learnt, tokenizer.eos_token or "")
    return _by_template(messages, learnt, tokenizer)


def _plainly(messages: Sequence[Mapping[str, str]], learnt: Iterable[int], end: str) -> tuple[str, list[Span]]:
    """As the chat writes a conversation for a base model, which has no template."""
    whole = asked(messages).removesuffix("\nAssistant:") + end
    spans: list[Span] = []
    for place in learnt:
        until = asked(messages[: place + 1]).removesuffix("Assistant:")  # the line that ends a reply belongs to it
        spans.append((len(asked(messages[:place])), len(until) if place < len(messages) - 1 else len(whole)))
    return whole, spans


def _by_template(
    messages: Sequence[Mapping[str, str]], learnt: Iterable[int], tokenizer: Any
) -> tuple[str, list[Span]]:
    """A reply that the template rewrites once another follows (it drops what was thought) is not learnt there."""
    import jinja2

    def render(count: int, asking: bool = False) -> str:
        return tokenizer.apply_chat_template(messages[:count], tokenize=False, add_generation_prompt=asking)

    try:
        whole = render(len(messages))
        spans: list[Span] = []
        for place in learnt:
            until = render(place + 1).rstrip()
            if whole.startswith(until):
                prompt = render(place, asking=True)
                same = next((n for n, (a, b) in enumerate(zip(prompt, until, strict=False)) if a != b), len(prompt))
                spans.append((same, len(until)))
    except jinja2.TemplateError as error:
        hint = "Some templates take no system prompt, or only turns of user and assistant."
        raise BadDataset(f"The model's chat template refuses these messages: {error}.", hint=hint) from error
    return whole, spans
