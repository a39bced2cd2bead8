"""What the page that measures shows of runs, and of what flipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from eval.compare import Comparison, Flip, Verdict
from eval.leaderboard import Place, leaderboard
from eval.results import Figure, write
from eval.suite import suite
from tests.eval.made import made
from ui.web.evaluate_board import leaderboard_html
from ui.web.evaluate_view import beside_html, cards_html, suites_html


def run_of(title: str, **settings: object) -> Run:
    return Runs().create("eval", title, "eval", {"model": "some", **settings})


def test_a_run_that_waits_says_for_whom_and_can_be_stopped() -> None:
    worker = Worker(run_of("Mini · second").folder)
    worker.wait("waiting for Mini · <first>")
    shown = cards_html([worker.run], 30)
    assert "waiting for Mini · &lt;first&gt;" in shown
    assert 'data-act="stop"' in shown and 'data-act="pause"' not in shown
    worker.tell(doing="grammar")
    shown = cards_html([worker.run], 30)
    assert 'data-act="stop"' in shown and 'data-act="pause"' in shown
    worker.end(State.PAUSED)
    shown = cards_html([worker.run], 30)
    assert all(f'data-act="{act}"' in shown for act in ("resume", "stop", "delete"))
    worker.end(State.STOPPED)
    assert 'data-act="stop"' not in cards_html([worker.run], 30)


def test_a_card_says_how_it_was_measured_and_which_figures_have_no_interval() -> None:
    run = run_of("Own · some", limit=1200, engine="llamacpp", quantisation="4bit")
    figures = {"own_text": {"bits_per_byte,none": 1.5}, "sums": {"acc,none": 0.5, "acc_stderr,none": 0.1}}
    write(run.folder, {"results": figures, "config": {"model": "some"}}, {})
    Worker(run.folder).end(State.FINISHED)
    shown = cards_html([run], 30)
    assert "some · the first 1,200 rows · written by llamacpp · 4bit" in shown
    assert shown.count("no interval") == 1 and "bits_per_byte, 0 rows, no interval" in shown


def test_what_is_beyond_the_newest_cards_is_counted() -> None:
    runs = [run_of(f"Mini · {n}") for n in range(5)]
    shown = cards_html(runs, 3)
    assert shown.count('class="model run"') == 3 and "2 more: <code>parley runs list" in shown
    assert "more:" not in cards_html(runs, 5) and "Nothing is measured" in cards_html([], 5)


@pytest.mark.parametrize(("higher_is_better", "after"), [(True, "good"), (False, "bad")])
def test_a_flip_is_green_where_it_became_better(higher_is_better: bool, after: str, tmp_path: Path) -> None:
    flips = (Flip(0, "Asked", "right", "one", "two", 0.5),)
    found = Comparison(
        "own_text", "bits_per_byte,none", 1.0, 1.5, 0.5, 0.4, 0.6, 0.001, 9, Verdict.REAL, 0, higher_is_better, flips
    )
    shown = beside_html([made(tmp_path / "a", [1.0, 0.0])], [found])
    before = "bad" if after == "good" else "good"
    assert f'<td class="{before}">one</td><td class="{after}">two</td>' in shown


def test_the_board_draws_its_own_models(tmp_path: Path) -> None:
    tasks = ("mini_choice", "mini_grammar", "mini_truth")
    found = [
        *[made(tmp_path / f"a{task}", [1.0, 0.0], model="one", task=task) for task in tasks],
        *[made(tmp_path / f"b{task}", [1.0, 1.0, 0.0], model="<b>two</b>", task=task) for task in tasks],
        made(tmp_path / "c", [1.0, 0.0, 0.0], model="other", task="mini_choice"),
        made(tmp_path / "d", [1.0, 0.0, 0.0], model="other", task="mini_sentiment"),
    ]
    shown = leaderboard_html(leaderboard(found))
    assert "<summary>As bars and a radar</summary>" in shown
    assert shown.count("<rect") == 7  # what one alone was measured on is left out
    assert shown.count('class="outline') == 2 and "<b>two" not in shown
    assert shown.count('class="swatch') == 3


def test_a_board_with_nothing_to_draw_has_no_plots() -> None:
    places = [Place(name, {"own_text": Figure("own_text", "bits_per_byte,none", 1.0, 0.1, 3, False)}, None, None)
              for name in "ab"]  # fmt: skip
    assert "As bars" not in leaderboard_html(places)


def test_suites_are_told_each_under_its_name() -> None:
    assert "<b>" not in suites_html([suite("mini")]) and suites_html([]) == ""
    shown = suites_html([suite("mini"), suite("hellaswag")])
    assert "<b>Mini</b>" in shown and "<b>HellaSwag</b>" in shown and suite("hellaswag").paper in shown
