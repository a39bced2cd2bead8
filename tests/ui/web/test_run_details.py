"""Before and after, side by side, whatever the answers hold."""

from __future__ import annotations

import json

from assistant.run import State
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.tuned import write_about
from ui.web.run_details import COMPARED, comparison_html
from ui.web.runs_view import drawn, run_html


def test_answers_before_and_after_stand_side_by_side() -> None:
    run = Runs().create("rlhf-loop", "a", "finetune", {})
    assert comparison_html(run) == ""
    lines = [
        {"asked": f"q{n}", "before": f"<b>{n}</b>", "after": "<script>", "reward_before": 0.0, "reward_after": float(n)}
        for n in range(30)
    ]
    (run.folder / "comparison.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = comparison_html(run)
    assert shown.count("<tr><td>") == COMPARED
    assert shown.index("q29") < shown.index("q24") < shown.index("q0<") and "q15" not in shown
    assert "<script>" not in shown and "&lt;b&gt;29" in shown


def test_each_part_of_a_loop_has_a_line_of_its_own() -> None:
    """Each counts its own steps: as one line they would be drawn over each other."""
    worker = Worker(Runs().create("rlhf-loop", "a", "finetune", {}).folder)
    for part in ("sft", "reward"):
        worker.record(1, part=part, loss=2.0, learning_rate=0.1)
        worker.record(5, part=part, loss=1.0, learning_rate=0.0)
    assert list(dict.fromkeys(drawn([worker.run], "loss")["line"])) == ["loss sft", "loss reward"]
    other = Worker(Runs().create("sft", "b", "finetune", {}).folder)
    other.record(1, loss=3.0, learning_rate=0.1)
    assert drawn([other.run], "loss")["line"].tolist() == ["loss"]
    assert drawn([worker.run, other.run], "learning rate")["line"].nunique() == 3


def test_what_left_no_model_is_not_offered_for_a_chat() -> None:
    run = Runs().create("rlhf-loop", "a", "finetune", {})
    Worker(run.folder).end(State.PAUSED)
    Runs().stop(run)
    assert run.status().state is State.STOPPED
    shown = run_html(run)
    assert 'data-act="resume"' in shown and 'data-act="chat"' not in shown and 'data-act="export"' not in shown
    run.model.mkdir()
    write_about(run.model, "a-base")
    assert 'data-act="chat"' in run_html(run) and 'data-act="export"' in run_html(run)
