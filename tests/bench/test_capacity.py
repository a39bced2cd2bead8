"""docs/capacity.md reckons with what docs/benchmarks.md has: whoever measures anew writes both."""

from __future__ import annotations

import math
import re

import pytest

from assistant.placement import MOST_SLOTS
from tests.bench.__main__ import BENCHES, ROOT, measured_before

PAGE = (ROOT / "docs" / "capacity.md").read_text("utf-8")
STREAMS = ("serving", "parley serve: tokens a second")
MEASURED = {
    "SmolLM2 135M (4 bits)": STREAMS,
    "Qwen2.5-Coder 1.5B (4 bits)": ("llamacpp-good", "parley: tokens/s, eight streams"),
    "sentiment of sentences, one process": ("sentiment", "parley: texts/s"),
    "sentiment of a table's rows, one process": ("memory", "rows/s"),
    "embeddings, eight clients with a text each": (
        "embeddings",
        "parley serve, 8 clients with one text each: texts a second",
    ),
    "embeddings, in batches": ("embeddings", "parley serve, in batches: texts a second"),
    "English to Portuguese, sentences in batches": ("translation", "parley: texts/s"),
    "English to French by Parley's T5 with eight beams, as it is used": ("t5", "8 beams: parley: texts/s"),
}
"""A row of the page → the benchmark and its figure."""


def measured(bench: str, name: str) -> float:
    """What docs/benchmarks.md says."""
    part = measured_before()[BENCHES[bench][0]]
    (found,) = re.findall(rf"^\| {re.escape(name)} \| ([\d.,]+) \|$", part, re.MULTILINE)
    return float(found.replace(",", ""))


def row(label: str) -> list[str]:
    """The cells of the page's row."""
    (found,) = re.findall(rf"^\| {re.escape(label)} \| (.*) \|$", PAGE, re.MULTILINE)
    return found.split(" | ")


@pytest.mark.parametrize("label", list(MEASURED))
def test_a_row_says_what_was_measured(label: str) -> None:
    cells, value = row(label), measured(*MEASURED[label])
    assert re.match(r"\d+(,\d{3})*", cells[0])[0] == f"{value:,.0f}"  # type: ignore[index]
    if len(cells) > 1:
        assert int(cells[1]) == min(MOST_SLOTS, math.floor(round(value) / 5))  # readers at five tokens a second


def test_a_million_rows_take_what_the_table_says() -> None:
    (minutes,) = re.findall(r"million reviews takes about (\d+) minutes", PAGE)
    assert int(minutes) == pytest.approx(10**6 / measured("memory", "rows/s") / 60, rel=0.1)


def test_every_part_that_the_page_names_is_a_benchmark() -> None:
    named = re.findall(r"\[benchmarks\]\(benchmarks\.md\), \*([^*]+)\*", PAGE)
    assert named and set(named) <= {title for title, _ in BENCHES.values()}
    words = [word for said in re.findall(r'make bench ARGS="([^"]+)"', PAGE) for word in said.split()]
    assert words and set(words) <= BENCHES.keys()
