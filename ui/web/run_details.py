"""What a run's card has folded away: answers as they change, before and after, which label is taken for which."""

from __future__ import annotations

import html
from typing import Any

from assistant.run import Run

MOST_CHARACTERS = 300
"""Of a row, that are shown."""
SAMPLES = 8
"""Answers of a run that are shown, spread over it."""
COMPARED = 12
"""Questions that are shown with their answers before and after."""


def samples_html(run: Run) -> str:
    """Answers to a prompt as they changed, for runs that keep some; folded away."""
    some = run.samples()
    if not some:
        return ""
    step = max(1, len(some) // SAMPLES)
    rows = "".join(
        f"<li><small>step {each['step']}, reward {each['reward']:.2f}</small> {html.escape(each['asked'])} "
        f"<b>{html.escape(each['answered'])}</b></li>"
        for each in [*some[::step], some[-1]]
    )
    return f'<details class="facts"><summary>Answers as they change</summary><ul>{rows}</ul></details>'


def confusion_html(report: dict[str, Any]) -> str:
    """Which label was taken for which, and the rows that look wrongly labelled, of a classifier; folded away."""
    if "matrix" not in report:
        return ""
    labels = [html.escape(label) for label in report["labels"]]
    head = "".join(f'<th scope="col">{label}</th>' for label in labels)
    body = ""
    for number, (label, row) in enumerate(zip(labels, report["matrix"], strict=True)):
        whole = max(1, sum(row))
        cells = "".join(
            f'<td class="{"hit" if place == number else "miss"}" style="--share:{count / whole:.3f}">{count or ""}</td>'
            for place, count in enumerate(row)
        )
        body += f'<tr><th scope="row">{label}</th>{cells}<td>{report["f1"][report["labels"][number]]:.0%}</td></tr>'
    doubted = "".join(
        f"<li>{html.escape(each['text'][:MOST_CHARACTERS])} <small>is <b>{html.escape(each['label'])}</b>, looks "
        f"like <b>{html.escape(each['said'])}</b> ({each['probability']:.0%})</small></li>"
        for each in report["doubted"]
    )
    return (
        '<details class="facts"><summary>Which label is taken for which</summary><div class="scroll">'
        f'<table class="confusion"><caption>A row: what it is; a column: what was said.</caption>'
        f"<thead><tr><td></td>{head}<th>F1</th></tr></thead><tbody>{body}</tbody></table></div></details>"
        f'<details class="facts"><summary>Rows that look wrongly labelled</summary><ul>{doubted}</ul></details>'
    )


def evaluation_html(report: dict[str, Any]) -> str:
    """What an evaluation before and after found, a line a task."""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in report.get("evaluation", []))
    return (
        f'<details class="facts"><summary>Measured before and after</summary><ul>{lines}</ul></details>'
        if lines
        else ""
    )


def comparison_html(run: Run) -> str:
    """Answers before and after the learning side by side, of a run that compared some; the largest rise first."""
    some = sorted(run.comparison(), key=lambda each: each["reward_before"] - each["reward_after"])
    if not some:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(each['asked'][-MOST_CHARACTERS:])}</td>"
        + "".join(
            f"<td>{html.escape(each[when][:MOST_CHARACTERS])} <small>{each[f'reward_{when}']:.2f}</small></td>"
            for when in ("before", "after")
        )
        + "</tr>"
        for each in [*some[: COMPARED // 2], *some[COMPARED // 2 :][-COMPARED // 2 :]]
    )
    return (
        '<details class="facts"><summary>Before and after</summary><div class="scroll"><table class="compared">'
        "<caption>What was liked so much more, and what so much less; rewards are small.</caption><thead><tr>"
        f"<th>Asked</th><th>Before</th><th>After</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
