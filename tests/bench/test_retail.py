"""What the worked example of a shop says."""

from __future__ import annotations

from tests.bench.retail import confusion


def test_what_is_taken_for_what_as_a_table() -> None:
    assert confusion(["CPUs", "TVs"], [[5, 1], [0, 7]]).splitlines() == [
        "| is, and was taken for | 1 | 2 |",
        "|---|---:|---:|",
        "| 1 CPUs | 5 | 1 |",
        "| 2 TVs |  | 7 |",
    ]
