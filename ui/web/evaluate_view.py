"""What the page that measures shows: a card an evaluation, figures beside each other, and what flipped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import suppress

from assistant.errors import BadDataset
from assistant.run import Run, State
from eval import report
from eval.compare import Comparison, Verdict
from eval.leaderboard import Place, tasks
from eval.report import figure_text
from eval.results import Results, read
from eval.suite import Suite, facts
from ui.web.run_acts import buttons_html, card_html

FLIPS = 8
"""Samples of a figure that are shown, on which two models differ."""
MOST_CHARACTERS = 400
CLASSES = {Verdict.REAL: "yes", Verdict.NOISE: "", Verdict.TOO_FEW: "no"}


def suite_html(suite: Suite) -> str:
    """What a suite asks, and how its figures are to be read."""
    said = f"{suite.asks} {suite.reading}".strip()
    about = " · ".join(f"{name}: {fact}" for name, fact in facts(suite).items())
    return f'<p class="result">{html.escape(said)}<br><small>{html.escape(about)}</small></p>'


def cards_html(runs: Sequence[Run]) -> str:
    """A card an evaluation."""
    if not runs:
        return '<p class="result"><small>Nothing is measured yet. The mini suite takes some minutes.</small></p>'
    return f'<div class="models runs">{"".join(map(_card, runs))}</div>'


def _card(run: Run) -> str:
    status = run.status()
    state = status.state
    limit = run.settings.get("limit")
    about = f"{run.settings['model']} · {f'the first {limit:,} rows' if limit else 'every row'}"
    inside = _figures_html(run) if state is State.FINISHED else ""
    return card_html(run, status, _buttons(run, state), about, inside, unit="")


def _figures_html(run: Run) -> str:
    with suppress(BadDataset):
        rows = "".join(
            f'<li><span class="task">{html.escape(report.named(figure.task))}</span> <b>{figure_text(figure)}</b> '
            f"<small>{html.escape(figure.metric)}, {figure.samples:,} rows</small></li>"
            for figure in report.main_figures(read(run.folder))
        )
        return f'<ul class="facts figures">{rows}</ul>'
    return ""


def _buttons(run: Run, state: State) -> str:
    if state.alive:
        wanted = [("pause", "Pause")]
    elif state is State.FINISHED:
        wanted = [("delete", "Delete")]
    else:
        wanted = [("resume", "Resume"), ("delete", "Delete")]
    return buttons_html(run, wanted)


def beside_html(found: Sequence[Results], comparisons: Sequence[Comparison]) -> str:
    """Evaluations beside each other: bars, a radar, a table, and of two of the same questions what changed."""
    if not found:
        return ""
    names = "".join(
        f'<li><i class="swatch series-{number}"></i>{number + 1}: {html.escape(each.model)} '
        f"<small>{html.escape(str(each.config.get('suite_title', '')))}</small></li>"
        for number, each in enumerate(found)
    )
    verdicts = "".join(map(_verdict, comparisons))
    said = f"<h3>What changed</h3>{verdicts}" if verdicts else ""
    timed = report.speed_html(found, "compared figures")
    table = f'<div class="scroll">{timed}</div>' if timed else ""
    return f'<div class="evaluated"><ul class="legend">{names}</ul>{report.plots(found)}{table}{said}</div>'


def _verdict(found: Comparison) -> str:
    name = f"{report.named(found.task)}, {found.metric.partition(',')[0]}: {found.before:.3g} → {found.after:.3g}. "
    head = f'<div class="why {CLASSES[found.verdict]}">{html.escape(name)}<b>{html.escape(found.told())}</b></div>'
    if not found.flips:
        return head
    rows = "".join(
        f'<tr><td>{_cut(flip.asked)}</td><td>{_cut(flip.right)}</td><td class="{"bad" if flip.change > 0 else "good"}">'
        f'{_cut(flip.before)}</td><td class="{"good" if flip.change > 0 else "bad"}">{_cut(flip.after)}</td></tr>'
        for flip in [*found.flips[: FLIPS // 2], *found.flips[FLIPS // 2 :][-FLIPS // 2 :]]
    )
    return (
        f'{head}<details class="facts"><summary>{len(found.flips):,} of {found.samples:,} answers differ</summary>'
        '<div class="scroll"><table class="compared"><thead><tr><th>Asked</th><th>Right</th><th>Before</th>'
        f"<th>After</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _cut(text: str) -> str:
    return html.escape(text if len(text) <= MOST_CHARACTERS else "… " + text[-MOST_CHARACTERS:])


def leaderboard_html(places: Sequence[Place]) -> str:
    """A table of models, the best first; "" for fewer than two."""
    if len(places) < 2:
        return ""
    names = tasks(places)
    head = "".join(f"<th>{html.escape(report.named(name))}</th>" for name in names)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(place.model)}</th>'
        + "".join(f"<td>{figure_text(place.figures[name]) if name in place.figures else ''}</td>" for name in names)
        + f"<td>{f'{place.tokens_per_second:,.0f}' if place.tokens_per_second else ''}</td>"
        f"<td>{f'{place.peak_gigabytes:.1f} GB' if place.peak_gigabytes else ''}</td>"
        f"<td>{f'{place.parameters / 1e6:,.0f} M' if place.parameters else ''}</td></tr>"
        for place in places
    )
    return (
        '<details class="leaderboard"><summary>All models in order</summary><div class="scroll">'
        '<table class="compared">'
        "<caption>First who is better at most of what both were measured on; speed and memory by the suite Speed."
        f"</caption><thead><tr><th>Model</th>{head}<th>Tokens a second</th><th>Memory</th><th>Weights</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )
