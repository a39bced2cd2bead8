"""Before and after, side by side, whatever the answers hold."""

from __future__ import annotations

import json

from assistant.runs import Runs
from ui.web.run_details import COMPARED, comparison_html


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
