"""Whether two forms of one model say the same: adapter and merged, full numbers and quantised, torch and llama.cpp.

Both answer the same prompts with their likeliest words, and the probabilities of these are held against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.engines.protocol import Engine, Message, Sampling, TokenProbability

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


@dataclass(frozen=True)
class Parity:
    """How alike two forms are."""

    tokens: int
    """That were compared: of each answer until the first that differs, and that one."""
    agreement: float
    """Share of them that are the same."""
    difference: float
    """Largest difference of a likely word's log-probability (nats)."""
    mean_difference: float
    same_template: bool
    """Both put a conversation into words by the same chat template; False as well where one of them has none."""

    def __str__(self) -> str:
        return (
            f"{self.agreement:.1%} of {self.tokens} words the same, log-probabilities {self.mean_difference:.3f} apart "
            f"on the mean and {self.difference:.2f} at the most"
        )


def answers(engine: Engine, prompts: Sequence[str] = PROMPTS) -> list[list[TokenProbability]]:
    """The likeliest words of an engine's answer to each prompt, with their runners-up."""
    greedy = Sampling(temperature=0, max_tokens=TOKENS)
    return [
        [
            token
            for delta in engine.generate([Message("user", prompt)], greedy, probabilities=ALTERNATIVES)
            for token in delta.probabilities
        ]
        for prompt in prompts
    ]


def compared(
    ones: Sequence[Sequence[TokenProbability]], others: Sequence[Sequence[TokenProbability]], *, same_template: bool
) -> Parity:
    """How alike the answers of two engines are; `ones` are those of the reference."""
    same = 0
    checked = 0
    differences: list[float] = []
    for one, other in zip(ones, others, strict=True):
        for mine, theirs in zip(one, other, strict=False):
            known = dict(theirs.alternatives)
            differences += [
                abs(known[text] - value) for text, value in mine.alternatives if value > LIKELY and text in known
            ]
            checked += 1
            if mine.text != theirs.text:
                break
            same += 1
    mean = sum(differences) / max(1, len(differences))
    return Parity(checked, same / max(1, checked), max(differences, default=0.0), mean, same_template)
