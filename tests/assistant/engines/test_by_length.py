"""Batches of like length: every text once, none too wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.by_length import batches


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
