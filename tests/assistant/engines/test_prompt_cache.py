from __future__ import annotations

import torch
from transformers import DynamicCache

from assistant.engines.prompt_cache import SHORTEST, PromptCache

Layers = list[tuple[torch.Tensor, torch.Tensor]]


def layers(tokens: list[int]) -> Layers:
    """Two layers whose keys tell which token they stand for. 16 bytes a token."""
    keys = torch.tensor(tokens, dtype=torch.float32).reshape(1, 1, -1, 1)
    return [(keys, keys + 0.5), (keys * 2, keys * 3)]


def kept_of(cache: PromptCache, prompt: list[int], adapter: str | None = None) -> list[float]:
    """The tokens that were put into a fresh cache."""
    made = DynamicCache()
    count = cache.take(prompt, adapter, made)
    assert made.get_seq_length() == count
    return made.layers[0].keys.flatten().tolist() if count else []  # type: ignore[union-attr]


LONG = list(range(100, 140))


def test_the_longest_beginning_is_taken() -> None:
    cache = PromptCache(10_000)
    cache.keep(LONG, None, layers(LONG))
    other = [*LONG[:20], *range(500, 540)]
    cache.keep(other, None, layers(other))
    assert kept_of(cache, [*LONG, 1, 2]) == LONG
    assert kept_of(cache, [*LONG[:30], 1, 2]) == LONG[:30]
    assert kept_of(cache, [*other[:50], 7]) == other[:50]


def test_the_last_token_is_always_read_again() -> None:
    cache = PromptCache(10_000)
    cache.keep(LONG, None, layers(LONG))
    assert kept_of(cache, LONG) == LONG[:-1]


def test_little_in_common_is_not_worth_it() -> None:
    cache = PromptCache(10_000)
    cache.keep(LONG, None, layers(LONG))
    assert kept_of(cache, [*LONG[: SHORTEST - 1], 1, 2]) == []
    assert kept_of(cache, [1, *LONG]) == []
    assert kept_of(cache, LONG, adapter="other") == []


def test_what_a_conversation_continues_is_replaced() -> None:
    cache = PromptCache(10_000)
    cache.keep(LONG[:20], None, layers(LONG[:20]))
    cache.keep(LONG, None, layers(LONG))
    assert len(cache._kept) == 1


def test_the_least_recent_leaves_when_the_budget_is_reached() -> None:
    cache = PromptCache(16 * 100)
    conversations = [[number] * 40 for number in (1, 2, 3)]
    for tokens in conversations[:2]:
        cache.keep(tokens, None, layers(tokens))
    assert kept_of(cache, [1] * 50)  # taken up: now the more recent one
    cache.keep(conversations[2], None, layers(conversations[2]))
    assert [bool(kept_of(cache, tokens * 2)) for tokens in conversations] == [True, False, True]
    huge = [9] * 200
    cache.keep(huge, None, layers(huge))
    assert kept_of(cache, huge * 2) == []
