"""All models in order on the page that measures: the table, and the best of them as bars and a radar."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

from eval import report
from eval.leaderboard import Place, tasks
from eval.plots import COLOURS
from eval.report import NO_INTERVAL, figure_text
from eval.results import Figure
from ui.web.evaluate_view import legend_html


def leaderboard_html(places: Sequence[Place]) -> str:
    """A table of models, the best first, and folded away beneath it what it looks like; "" for fewer than two."""
    if len(places) < 2:
        return ""
    names = tasks(places)
    head = "".join(f"<th>{html.escape(report.named(name))}</th>" for name in names)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(place.model)}</th>'
        + "".join(_cell(place.figures.get(name)) for name in names)
        + f"<td>{f'{place.tokens_per_second:,.0f}' if place.tokens_per_second else ''}</td>"
        f"<td>{f'{place.peak_gigabytes:.1f} GB' if place.peak_gigabytes else ''}</td>"
        f"<td>{f'{place.parameters / 1e6:,.0f} M' if place.parameters else ''}</td></tr>"
        for place in places
    )
    return (
        '<details class="leaderboard"><summary>All models in order</summary><div class="scroll">'
        '<table class="compared figures">'
        "<caption>First who is better at most of what both were measured on; speed and memory by the suite Speed. "
        f"± is half of an interval; a figure without it has {NO_INTERVAL}."
        f"</caption><thead><tr><th>Model</th>{head}<th>Tokens a second</th><th>Memory</th><th>Weights</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{_plots(places)}</details>"
    )


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "<td></td>"
    title = "" if figure.error else f' title="{NO_INTERVAL}"'
    return f"<td{title}>{figure_text(figure)}</td>"


def _plots(places: Sequence[Place]) -> str:
    """The first of them, as many as there are colours, at what two or more of those were measured on."""
    best = places[:COLOURS]
    counts = Counter(task for place in best for task in place.figures)
    figures = [[figure for task, figure in place.figures.items() if counts[task] > 1] for place in best]
    drawn = report.drawn([(place.model, own) for place, own in zip(best, figures, strict=True)])
    if not drawn:
        return ""
    legend = legend_html([(place.model, "") for place in best])
    return f'<details><summary>As bars and a radar</summary><div class="evaluated">{legend}{drawn}</div></details>'
