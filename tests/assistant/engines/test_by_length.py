"""Batches of like length: every text once, none too wide."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.by_length import batches, cheapest_batches, portions


@given(st.lists(st.integers(1, 500)), st.integers(1, 2000), st.integers(1, 40))
def test_every_text_is_in_one_batch_and_no_batch_is_too_wide(lengths: list[int], most: int, rows: int) -> None:
    found = list(batches(lengths, most, rows))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= most
    in_order = [lengths[place] for batch in found for place in batch]
    assert in_order == sorted(lengths, reverse=True)


def test_padding_is_small_where_lengths_differ() -> None:
    lengths = [5, 200, 6, 190, 7, 180] * 20
    padded = sum(len(batch) * max(lengths[place] for place in batch) for batch in batches(lengths, 2048))
    assert padded < 1.1 * sum(lengths)


@given(
    st.lists(st.integers(1, 60), max_size=9), st.integers(1, 200), st.integers(0, 50), st.integers(1, 9), st.booleans()
)
def test_no_other_batches_cost_less(lengths: list[int], most: int, pass_tokens: int, rows: int, unpadded: bool) -> None:
    found = list(cheapest_batches(lengths, most, pass_tokens, rows, unpadded=unpadded))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    sizes = [[lengths[place] for place in batch] for batch in found]
    assert [size for batch in sizes for size in batch] == sorted(lengths, reverse=True)
    assert all(fits(batch, most, rows, unpadded) for batch in sizes)
    ordered = sorted(lengths, reverse=True)
    others = [
        [ordered[start:end] for start, end in pairwise([0, *cuts, len(ordered)])]
        for count in range(len(ordered))
        for cuts in combinations(range(1, len(ordered)), count)
    ]
    costs = [
        cost(split, pass_tokens, unpadded)
        for split in others
        if all(fits(batch, most, rows, unpadded) for batch in split)
    ]
    assert cost(sizes, pass_tokens, unpadded) == pytest.approx(min(costs, default=0))


def fits(batch: list[int], most_tokens: int, most_rows: int, unpadded: bool) -> bool:
    tokens = sum(batch) if unpadded else len(batch) * max(batch)
    return len(batch) == 1 or (len(batch) <= most_rows and tokens <= most_tokens)


def cost(split: list[list[int]], pass_tokens: int, unpadded: bool) -> float:
    if not unpadded:
        return sum(pass_tokens + len(batch) * max(batch) for batch in split)
    padding = sum(0.2 * len(batch) * max(batch) for batch in split)
    pairs = sum(len(batch) * max(batch) ** 2 for batch in split)
    return sum(pass_tokens for _ in split) + padding + pairs / 1000


def test_short_texts_stand_together_where_padding_is_free_and_apart_from_a_long_one() -> None:
    lengths = [34, 34, 29, 24, 24, 19, 14, 14, 500]
    found = [[lengths[place] for place in batch] for batch in cheapest_batches(lengths, 1024, 24, unpadded=True)]
    assert found == [[500], [34, 34, 29, 24, 24, 19, 14, 14]]


def test_portions_hold_so_many_texts_and_characters() -> None:
    texts = ["aa", "bb", "c" * 9, "d", "e"]
    assert list(portions(texts, 2, 5)) == [["aa", "bb"], ["c" * 9], ["d", "e"]]
    assert list(portions(texts, 8, 100)) == [texts]
    assert list(portions([], 8, 100)) == []
