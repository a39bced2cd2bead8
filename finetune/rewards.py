"""What answers are rewarded for in reinforcement learning: reward models, and penalties that need no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from assistant.run_worker import Worker
from finetune.reward_model import RewardModel

if TYPE_CHECKING:
    from finetune.rlhf import RLHFSettings

Lengths = Sequence[int]
SHOWN = 2
"""Answers that are kept of each step, to see how they change."""


def rewards(settings: RLHFSettings, worker: Worker) -> tuple[list[Callable[..., list[float]]], list[float]]:
    """(functions as TRL calls them, the weight of each)."""
    functions: list[Callable[..., list[float]]] = []
    weights = list(settings.reward_weights or [1.0] * len(settings.reward_models))
    for place, name in enumerate(settings.reward_models):
        functions.append(named(f"reward_{place}", _judged(RewardModel(name), worker if not place else None)))
    for place, name in enumerate(settings.check_models):
        weights.append(0.0)
        functions.append(named(f"check_{place}", _judged(RewardModel(name), None)))
    if settings.length_penalty:
        weights.append(1.0)

        def by_length(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
            return length_penalty([len(ids) for ids in completion_ids], settings.length_wanted, settings.length_penalty)

        functions.append(named("length", by_length))
    if settings.repetition_penalty:
        weights.append(1.0)

        def by_repetition(completions: Sequence[Any], **_: Any) -> list[float]:
            return repetition_penalty([said(each) for each in completions], settings.repetition_penalty)

        functions.append(named("repetition", by_repetition))
    return functions, weights


def said(completion: Any) -> str:
    """The text of an answer, which TRL gives as messages where prompts are."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _judged(model: RewardModel, worker: Worker | None) -> Callable[..., list[float]]:
    """A reward model as TRL calls it; worker: keeps some answers of each step for people to see."""

    def judge(completions: Sequence[Any], turns: Sequence[Any], trainer_state: Any = None, **_: Any) -> list[float]:
        texts = [said(each) for each in completions]
        asked_for = zip(turns, texts, strict=True)
        found = model([[*before, {"role": "assistant", "content": text}] for before, text in asked_for])
        if worker is not None and trainer_state is not None:
            for before, text, reward in list(zip(turns, texts, found, strict=True))[:SHOWN]:
                worker.sample(trainer_state.global_step, before[-1]["content"], text, reward)
        return found

    return judge


def length_penalty(lengths: Lengths, wanted: int, each: float) -> list[float]:
    """Minus `each` for every token beyond `wanted`: reward models like long answers for their length alone.

    lengths: tokens of answers.
    """
    return [-each * max(0, length - wanted) for length in lengths]


def repetition_penalty(texts: Sequence[str], most: float = 1.0) -> list[float]:
    """From 0 where every three words in a row differ, to minus `most` where they are the same throughout."""
    found: list[float] = []
    for text in texts:
        words = text.lower().split()
        triples = list(zip(words, words[1:], words[2:], strict=False))
        found.append(-most * (1 - len(set(triples)) / len(triples)) if triples else 0.0)
    return found


def named(name: str, function: Callable[..., list[float]]) -> Callable[..., list[float]]:
    """The function under a name that figures are listed by."""
    function.__name__ = name
    return function
