from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from assistant.errors import BadDataset
from eval import report
from eval.compare import compare
from eval.plots import Bar, bars, radar
from eval.results import Figure, read
from tests.eval.made import made


def test_two_evaluations_as_markdown_and_html(tmp_path: Path) -> None:
    found = [made(tmp_path / "a", [1.0, 0.0] * 50, model="one"), made(tmp_path / "b", [1.0] * 100, model="<b>two</b>")]
    said = report.markdown(found, compare(*found))
    assert "| sums acc | 0.5 ± 0.098 | 1 |" in said
    assert "- sums acc: Real: +0.500" in said
    page = report.html(found, compare(*found))
    assert "<b>two" not in page and "&lt;b&gt;two" in page
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched
    assert page.count("<rect") == 2 and "Real: +0.500" in page


def test_plots_are_svg_within_their_frame() -> None:
    drawn = bars([Bar("a & b", 0.5, 0.4, 1.4), Bar("c", 2.0, 1.0, 3.0, series=7, chance=0.25)])
    root = ElementTree.fromstring(drawn)
    width = float(root.attrib["viewBox"].split()[2])
    assert all(float(rect.attrib["x"]) + float(rect.attrib["width"]) <= width for rect in root.iter("rect"))
    assert [line.attrib["class"] for line in root.iter("line")] == ["whisker", "whisker", "chance"]
    star = ElementTree.fromstring(radar(["x", "y", "z"], {"one": [0.0, 0.5, 1.0]}))
    (outline,) = (each for each in star if "outline" in each.get("class", ""))
    corners = [tuple(map(float, corner.split(","))) for corner in outline.attrib["points"].split()]
    width, height = map(float, star.attrib["viewBox"].split()[2:])
    assert corners[0] == (width / 2, height / 2)  # nothing is the middle
    assert re.fullmatch("", radar(["x", "y"], {"one": [1, 1]}))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"results": 3}', "\x00"])
def test_a_file_that_holds_no_results(content: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(BadDataset, match="cannot be read as results"):
        read(tmp_path)
    with pytest.raises(BadDataset, match="There are no results at"):
        read(tmp_path / "gone.json")


def test_results_of_the_harness_itself_can_be_read(tmp_path: Path) -> None:
    stored = '{"results": {"piqa": {"alias": "piqa", "acc,none": 0.6, "acc_stderr,none": "N/A"}}, "config": {}}'
    (tmp_path / "results_2026.json").write_text(stored)
    (figure,) = read(tmp_path / "results_2026.json").figures()
    assert (figure.task, figure.metric, figure.value, figure.error, figure.higher_is_better) == (
        "piqa",
        "acc",
        0.6,
        0,
        True,
    )


def test_one_that_does_something_else_leaves_the_others_their_radar(tmp_path: Path) -> None:
    """A classifier has one task in common with chat models: no axes would be left."""

    def several(name: str, tasks: tuple[str, ...]) -> tuple[str, list[Figure]]:
        return name, [Figure(task, "acc,none", 0.5, 0.1, 10, True) for task in tasks]

    chat = ("mini_choice", "mini_grammar", "mini_truth", "mini_sentiment")
    shown = report.drawn([several("classifier", chat[3:]), several("one", chat), several("two", chat[:3])])
    drawn = ElementTree.fromstring(shown[shown.index('<svg class="plot radar"') :])
    assert [each.attrib["class"] for each in drawn if "outline" in each.get("class", "")] == [
        "outline series-1", "outline series-2",
    ]  # fmt: skip
    assert len([each for each in drawn if each.tag == "text"]) == 3
    assert "radar" not in report.drawn([several("one", chat[:2]), several("two", ())])


def test_what_has_no_interval_has_no_whisker() -> None:
    assert "whisker" not in bars([Bar("a", 0.5, 0.5, 0.5)])
