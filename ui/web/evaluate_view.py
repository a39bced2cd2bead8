"""What the page that measures shows: a card an evaluation, figures beside each other, and what flipped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import suppress

from assistant.errors import BadDataset
from assistant.run import Run, State, Status
from eval import report
from eval.compare import Comparison, Verdict
from eval.plots import COLOURS
from eval.report import NO_INTERVAL, figure_text
from eval.results import Results, read
from eval.suite import Suite, facts
from eval.turns import waits
from ui.web.run_acts import buttons_html, card_html

FLIPS = 8
"""Samples of a figure that are shown, on which two models differ."""
MOST_CHARACTERS = 400
CLASSES = {Verdict.REAL: "yes", Verdict.NOISE: "", Verdict.TOO_FEW: "no"}


def suite_html(suite: Suite) -> str:
    """What a suite asks, and how its figures are to be read."""
    return f'<p class="result">{_about(suite)}</p>'


def suites_html(chosen: Sequence[Suite]) -> str:
    """The same of several, each under its name."""
    if len(chosen) < 2:
        return "".join(map(suite_html, chosen))
    return "".join(f'<p class="result"><b>{html.escape(each.title)}</b><br>{_about(each)}</p>' for each in chosen)


def _about(suite: Suite) -> str:
    said = f"{suite.asks} {suite.reading}".strip()
    about = " · ".join(f"{name}: {fact}" for name, fact in facts(suite).items())
    return f"{html.escape(said)}<br><small>{html.escape(about)}</small>"


def cards_html(runs: Sequence[Run], most: int) -> str:
    """A card an evaluation, of the first `most`; how many there are beyond them is said."""
    if not runs:
        return '<p class="result"><small>Nothing is measured yet. The mini suite takes some minutes.</small></p>'
    more = f"{len(runs) - most:,} more: <code>parley runs list</code>" if len(runs) > most else ""
    older = f'<p class="result"><small>{more}</small></p>' if more else ""
    return f'<div class="models runs">{"".join(map(_card, runs[:most]))}</div>{older}'


def _card(run: Run) -> str:
    status, settings = run.status(), run.settings
    limit, engine = settings.get("limit"), settings.get("engine", "auto")
    about = [
        str(settings["model"]),
        f"the first {limit:,} rows" if limit else "every row",
        *([f"written by {engine}"] if engine != "auto" else []),
        *([str(settings["quantisation"])] if settings.get("quantisation") else []),
    ]
    inside = _figures_html(run) if status.state is State.FINISHED else ""
    return card_html(run, status, _buttons(run, status), " · ".join(about), inside, unit="")


def _figures_html(run: Run) -> str:
    with suppress(BadDataset):
        rows = "".join(
            f'<li><span class="task">{html.escape(report.named(figure.task))}</span> <b>{figure_text(figure)}</b> '
            f"<small>{html.escape(figure.metric)}, {figure.samples:,} rows"
            f"{'' if figure.error else f', {NO_INTERVAL}'}</small></li>"
            for figure in report.main_figures(read(run.folder))
        )
        return f'<ul class="facts figures">{rows}</ul>'
    return ""


def _buttons(run: Run, status: Status) -> str:
    if waits(status):
        wanted = [("stop", "Stop")]
    elif status.state.alive:
        wanted = [("pause", "Pause"), ("stop", "Stop")]
    elif status.state is State.FINISHED:
        wanted = [("delete", "Delete")]
    elif status.state is State.PAUSED:
        wanted = [("resume", "Resume"), ("stop", "Stop"), ("delete", "Delete")]  # stopped, it holds up nobody
    else:
        wanted = [("resume", "Resume"), ("delete", "Delete")]
    return buttons_html(run, wanted)


def beside_html(found: Sequence[Results], comparisons: Sequence[Comparison]) -> str:
    """Evaluations beside each other: bars, a radar, a table, and of two of the same questions what changed."""
    if not found:
        return ""
    names = legend_html([(each.model, str(each.config.get("suite_title", ""))) for each in found])
    verdicts = "".join(map(_verdict, comparisons))
    said = f"<h3>What changed</h3>{verdicts}" if verdicts else ""
    timed = report.speed_html(found, "compared figures")
    table = f'<div class="scroll">{timed}</div>' if timed else ""
    return f'<div class="evaluated">{names}{report.plots(found)}{table}{said}</div>'


def legend_html(names: Sequence[tuple[str, str]]) -> str:
    """Number, colour and name of each, and what else is to be said of it."""
    rows = "".join(
        f'<li><i class="swatch series-{number % COLOURS}"></i>{number + 1}: {html.escape(name)} '
        f"<small>{html.escape(more)}</small></li>"
        for number, (name, more) in enumerate(names)
    )
    return f'<ul class="legend">{rows}</ul>'


def _verdict(found: Comparison) -> str:
    name = f"{report.named(found.task)}, {found.metric.partition(',')[0]}: {found.before:.3g} → {found.after:.3g}. "
    head = f'<div class="why {CLASSES[found.verdict]}">{html.escape(name)}<b>{html.escape(found.told())}</b></div>'
    if not found.flips:
        return head
    rows = ""
    for flip in [*found.flips[: FLIPS // 2], *found.flips[FLIPS // 2 :][-FLIPS // 2 :]]:
        better = (flip.change > 0) is found.higher_is_better
        before, after = ("bad", "good") if better else ("good", "bad")
        rows += (
            f'<tr><td>{_cut(flip.asked)}</td><td>{_cut(flip.right)}</td><td class="{before}">{_cut(flip.before)}</td>'
            f'<td class="{after}">{_cut(flip.after)}</td></tr>'
        )
    return (
        f'{head}<details class="facts"><summary>{len(found.flips):,} of {found.samples:,} answers differ</summary>'
        '<div class="scroll"><table class="compared"><thead><tr><th>Asked</th><th>Right</th><th>Before</th>'
        f"<th>After</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _cut(text: str) -> str:
    return html.escape(text if len(text) <= MOST_CHARACTERS else "… " + text[-MOST_CHARACTERS:])
