"""What was timed, in one table."""

from __future__ import annotations

from pathlib import Path

from eval import report
from eval.results import Results, write
from eval.timings import timings
from tests.eval.made import made
from ui.web.evaluate_view import beside_html


def timed(folder: Path, model: str, **paces: float) -> Results:
    """Results of the suite speed. paces: the engine's name in its task → tokens a second."""
    folder.mkdir(parents=True)
    figures = {
        f"speed_{name}": {
            "tokens_per_second,none": pace,
            "first_token_seconds,none": 0.123,
            "load_seconds,none": 2.0,
            "peak_gigabytes,none": 0.456,
            "right,none": 0.75,
        }
        for name, pace in paces.items()
    }
    return write(folder, {"results": figures, "config": {"model": model}}, {})


def test_models_by_engine_and_form_the_fastest_first(tmp_path: Path) -> None:
    found = [
        timed(tmp_path / "a", "small", llamacpp=1200.0, **{"4bit": 8.0}),
        timed(tmp_path / "b", "large", llamacpp=90.0, transformers=14.26),
    ]
    assert [each.cells for each in timings(found)] == [
        ("small", "llama.cpp", "1,200.0", "0.12", "2.0", "0.46", "0.75"),
        ("large", "llama.cpp", "90.0", "0.12", "2.0", "0.46", "0.75"),
        ("large", "transformers", "14.3", "0.12", "2.0", "0.46", "0.75"),
        ("small", "4 bits", "8.0", "0.12", "2.0", "0.46", "0.75"),
    ]
    said = report.markdown(found)
    assert said.count("| large | llama.cpp | 90.0 | 0.12 | 2.0 | 0.46 | 0.75 |") == 1
    assert "speed_llamacpp" not in said  # a table of its own
    for shown in (report.html(found), beside_html(found, [])):
        assert shown.count("<circle") == 4 and "llama.cpp · 2" in shown and "<td>2: large</td>" in shown
        assert shown.index(">1,200.0<") < shown.index(">90.0<") < shown.index(">14.3<")
        assert 'svg class="plot bars"' not in shown


def test_what_was_not_timed_has_no_such_table(tmp_path: Path) -> None:
    found = [made(tmp_path / "a", [1.0, 0.0])]
    assert timings(found) == [] and "Speed" not in report.markdown(found) and report.speed_html(found) == ""
    both = [*found, timed(tmp_path / "b", "other", llamacpp=9.0)]
    assert "| sums acc | 0.5" in report.markdown(both) and "| other | llama.cpp | 9.0 |" in report.markdown(both)
    assert [each.place for each in timings(both)] == [1]
