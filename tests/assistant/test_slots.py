"""How many conversations llama.cpp holds at once."""

from __future__ import annotations

import pytest

from assistant.catalogue import Catalogue
from assistant.placement import plan_slots


@pytest.mark.parametrize(
    ("key", "spare_gb", "slots"),
    [
        ("smollm2-135m-instruct", 20, 8),  # never more than eight
        ("smollm2-135m-instruct", 4, 3),  # 0.15 × 4e9 / (23,040 × 8192)
        ("qwen2.5-coder-1.5b-instruct", 4, 2),  # 0.15 × 4e9 / (28,672 × 8192)
        ("qwen2.5-coder-1.5b-instruct", 0.1, 1),  # never none
        ("qwen2.5-coder-1.5b-instruct", -1, 1),
    ],
)
def test_slots_follow_the_memory_that_is_left(key: str, spare_gb: float, slots: int) -> None:
    assert plan_slots(Catalogue.load()[key], int(spare_gb * 1e9), 8192) == slots
