"""Models in order."""

from __future__ import annotations

from pathlib import Path

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
