"""Whether two forms of one model say the same: adapter and merged, full numbers and quantised, torch and llama.cpp.

Both answer the same prompts with their likeliest words, and the probabilities of these are held against each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.engines.protocol import Engine, Message, Sampling, TokenProbability
from assistant.engines.text_stream import UNFINISHED

PROMPTS = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "List three fruits.",
    "Why is the sky blue?",
    "Translate to Spanish: good morning.",
    "How do I boil an egg?",
    "def add(a, b):",
    "Wie geht es dir?",
)
TOKENS = 24
ALTERNATIVES = 8
LIKELY = -3.0
"""Log-probability from which a word is compared: quantisation moves rarer ones far, and nobody sees it."""

Answers = Sequence[Sequence[TokenProbability]]


@dataclass(frozen=True)
class Tolerance:
    """How far two forms may be apart: log-probabilities of likely words (nats), on the mean and at the most, and the
    least share of words that are the same."""

    mean: float
    most: float
    agreement: float


@dataclass(frozen=True)
class Parity:
    """How alike two forms are."""

    tokens: int
    """That were compared: of each answer until the first that differs, and that one."""
    agreement: float
    """Share of them that are the same."""
    difference: float
    """Largest difference of a likely word's log-probability (nats); infinite where no word could be compared."""
    mean_difference: float
    same_template: bool
    """Both put a conversation into words by the same chat template; False as well where one of them has none."""

    def __str__(self) -> str:
        if not math.isfinite(self.difference):
            return "none of its words can be compared"
        return (
            f"{self.agreement:.1%} of {self.tokens} words the same, log-probabilities {self.mean_difference:.3f} apart "
            f"on the mean and {self.difference:.2f} at the most"
        )

    def beyond(self, allowed: Tolerance) -> str:
        """What is further apart than that; "" for nothing."""
        if not self.same_template:
            return "its chat template is another one"
        near = self.mean_difference <= allowed.mean and self.difference <= allowed.most
        return "" if near and self.agreement >= allowed.agreement else str(self)


def answers(engine: Engine, prompts: Sequence[str] = PROMPTS, tokens: int | None = None) -> Answers:
    """The likeliest words of an engine's answer to each prompt, with their runners-up. tokens: None is TOKENS."""
    greedy = Sampling(temperature=0, max_tokens=TOKENS if tokens is None else tokens)
    return [
        [
            token
            for delta in engine.generate([Message("user", prompt)], greedy, probabilities=ALTERNATIVES)
            for token in delta.probabilities
        ]
        for prompt in prompts
    ]


def first_words(model: Any, tokenizer: Any, prompts: Sequence[str] = PROMPTS) -> Answers:
    """The same of one word each, by a model that is in memory, as it has just been trained."""
    import torch

    from assistant.engines.loading import decoder, end_tokens
    from assistant.engines.prompts import prompt_tokens

    decode, ends = decoder(tokenizer), end_tokens(model, tokenizer)
    found: list[list[TokenProbability]] = []
    for prompt in prompts:
        ids = torch.tensor([prompt_tokens(tokenizer, [Message("user", prompt)])], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, -1]
        values, tokens = logits.float().log_softmax(-1).topk(ALTERNATIVES)
        words = [(decode([token]), value) for token, value in zip(tokens.tolist(), values.tolist(), strict=True)]
        found.append([] if int(tokens[0]) in ends else [TokenProbability(*words[0], tuple(words))])
    return found


def compared(ones: Answers, others: Answers, *, same_template: bool) -> Parity:
    """How alike the answers of two engines are; `ones` are those of the reference.

    One answer that has ended where the other goes on differs there.
    """
    same = 0
    checked = 0
    differences: list[float] = []
    for one, other in zip(ones, others, strict=True):
        for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            differences += _apart(mine, theirs, first=not place)
            checked += 1
            if _word(mine.text, first=not place) != _word(theirs.text, first=not place):
                break
            same += 1
        else:
            checked += len(one) != len(other)
    mean = sum(differences) / len(differences) if differences else math.inf
    return Parity(checked, same / max(1, checked), max(differences, default=math.inf), mean, same_template)


def _apart(mine: TokenProbability, theirs: TokenProbability, *, first: bool) -> Iterator[float]:
    """How far the word that one says, and the others that are likely, are from what the other gives them: at least so
    far as from its rarest, where it does not name them."""
    known = {_word(text, first=first): value for text, value in reversed(theirs.alternatives)}  # the likeliest stays
    rarest = min(known.values(), default=-math.inf)
    for text, value in mine.alternatives:
        if (value > LIKELY or text == mine.text) and (word := _word(text, first=first)):
            yield abs(known.get(word, rarest) - value)


def _word(text: str, *, first: bool) -> str:
    """A token's text as both engines have it: not each has a space before the first word; "" for half a character."""
    return "" if UNFINISHED in text else text.lstrip(" ") if first else text
