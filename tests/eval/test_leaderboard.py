"""Models in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant.service import Assistant
from eval.leaderboard import about, label, leaderboard, parameters_of, tasks
from eval.results import Results, write
from tests.eval.made import made
from ui.web.evaluate_board import leaderboard_html


def timed(folder: Path, model: str, **paces: tuple[float, float]) -> Results:
    folder.mkdir()
    figures = {
        f"speed_{name}": {"tokens_per_second,none": pace, "peak_gigabytes,none": memory}
        for name, (pace, memory) in paces.items()
    }
    return write(folder, {"results": figures, "config": {"model": model}}, {})


def test_who_is_better_at_most_comes_first(tmp_path: Path) -> None:
    found = [
        made(tmp_path / "1", [1.0, 1.0, 0.0], model="good", task="sums"),
        made(tmp_path / "2", [1.0, 0.0, 0.0], model="weak", task="sums"),
        made(tmp_path / "3", [1.0, 1.0, 1.0], model="weak", task="others"),
        made(tmp_path / "4", [0.0, 0.0, 0.0], model="good", task="sums"),  # older: not counted
        timed(tmp_path / "5", "good", llamacpp=(90.0, 0.4), transformers=(14.0, 1.2)),
    ]
    good, weak = leaderboard(found, {"good": 135_000_000}.get)
    assert (good.model, weak.model) == ("good", "weak")
    assert good.figures["sums"].value == 2 / 3 and weak.figures.keys() == {"sums", "others"}
    assert (good.tokens_per_second, good.peak_gigabytes) == (90.0, 0.4) and weak.tokens_per_second is None
    assert tasks([good, weak]) == ["sums", "others"]
    assert about(good) == ["135 M weights", "90 tokens/s", "0.4 GB"] and about(weak) == []
    shown = leaderboard_html([good, weak])
    assert shown.index(">good<") < shown.index(">weak<") and "135 M" in shown and "0.4 GB" in shown
    assert leaderboard_html([good]) == ""


def test_less_is_better_where_it_is(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    found = [
        write(
            tmp_path / model,
            {
                "results": {"own_text": {"bits_per_byte,none": bits}},
                "higher_is_better": {"own_text": {"bits_per_byte": False}},
                "config": {"model": model, "quantisation": form},
            },
            {},
        )
        for model, bits, form in (("a", 1.5, "4bit"), ("b", 1.2, None))
    ]
    places = leaderboard(found, {"a": 1_000_000}.get)
    assert [(place.model, place.parameters) for place in places] == [("b", None), ("a (4bit)", 1_000_000)]
    assert label(found[1]) == "b"


def test_how_many_numbers_a_model_has() -> None:
    counted = parameters_of(Assistant())
    assert counted("smollm2-135m-instruct") == Assistant().catalogue.find("smollm2-135m-instruct").parameters
    assert counted("gone") is None and counted("openai:some@http://localhost:1/v1") is None


def test_the_figure_of_most_rows_counts_and_the_newest_among_equals(tmp_path: Path) -> None:
    found = [
        made(tmp_path / "1", [1.0, 1.0], model="one"),  # the newest: a look at two rows
        made(tmp_path / "2", [1.0, 1.0, 0.0, 0.0], model="one"),
        made(tmp_path / "3", [0.0] * 4, model="one"),
        made(tmp_path / "4", [1.0, 1.0, 1.0, 0.0], model="other"),
    ]
    places = leaderboard(found)
    assert [(place.model, place.figures["sums"].value) for place in places] == [("other", 0.75), ("one", 0.5)]


def test_what_was_asked_otherwise_is_not_set_beside_it(tmp_path: Path) -> None:
    """More examples first, other rows, another judge: the way that most models were measured in counts."""
    hits = [1.0, 0.0, 0.0, 0.0]
    same: dict[str, Any] = {"shots": 0, "data_sha256": {"sums": "abc"}}
    for number, way in enumerate(({"shots": 5}, {"data_sha256": {"sums": "def"}}, {"judge": "x"}, {"source": "a@1"})):
        folder = tmp_path / str(number)
        odd = {**same, **way} if "source" not in way else way
        found = [
            made(folder / "1", [1.0] * 9, model="one", **odd),
            made(folder / "2", [1.0] * 9, model="only so", **odd),
            made(folder / "3", hits, model="one", **same),
            made(folder / "4", [1.0, 1.0, 0.0, 0.0], model="other", **same),
            made(folder / "5", [0.0] * 4, model="third", **same),
        ]
        places = {place.model: place for place in leaderboard(found)}
        assert places["one"].figures["sums"].value == 0.25 and not places["only so"].figures
        assert next(iter(places)) == "other"


def test_no_stereotype_is_better_than_the_opposite_of_one(tmp_path: Path) -> None:
    found = [
        made(tmp_path / model, [1.0] * share + [0.0] * (10 - share), model=model, metric="pct_stereotype", better=False)
        for model, share in (("even", 5), ("none", 0), ("little", 4))
    ]
    assert [place.model for place in leaderboard(found)] == ["even", "little", "none"]
