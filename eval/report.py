"""A report to keep or to send: figures of several evaluations beside each other, as Markdown or as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from eval import intervals
from eval.compare import Comparison
from eval.plots import LEAST_AXES, Bar, Point, bars, radar, scatter
from eval.results import Figure, Results
from eval.suite import suites, titles
from eval.timings import HEAD, timings

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2430;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dde6}
td.number{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto}.radar{max-width:26rem}
svg text{font-size:13px;fill:currentColor}.whisker{stroke:currentColor;stroke-width:2}.grid{fill:none;stroke:#c4cad6}
.chance{stroke:#b3261e;stroke-width:2;stroke-dasharray:3 2}.outline{fill-opacity:.12;stroke-width:2}
.series-0{fill:#3466c2;stroke:#3466c2}.series-1{fill:#c2703d;stroke:#c2703d}.series-2{fill:#3a8f63;stroke:#3a8f63}
.series-3{fill:#8a52a8;stroke:#8a52a8}.series-4{fill:#8c7a2b;stroke:#8c7a2b}.series-5{fill:#53616f;stroke:#53616f}
@media(prefers-color-scheme:dark){body{color:#e6e9ef;background:#14181f}th,td{border-color:#323a47}}
"""


UNBOUNDED = ("tokens_per_second", "bits_per_byte")
"""Figures that no bar from 0 to 1 can show."""
AXES = ("tokens a second", "right answers")
NO_INTERVAL = "no interval"
"""What is said of a figure whose error is not known: one sample, or none that the figure is a mean of."""


def main_figures(results: Results) -> list[Figure]:
    """The figure that each task is quoted by; of a task that no suite here has, its first."""
    wanted = {task.name: task.metric for suite in suites().values() for task in suite.tasks}
    found: dict[str, Figure] = {}
    for figure in intervals.figures(results):
        if wanted.get(figure.task, figure.name) == figure.name:
            found.setdefault(figure.task, figure)
    return list(found.values())


def scaled(figure: Figure) -> tuple[float, float, float]:
    """(value, low, high) from 0 to 1: BLEU and chrF go to 100."""
    scale = 100 if figure.metric in ("bleu", "chrf") else 1
    low, high = figure.interval
    return figure.value / scale, low / scale, high / scale


def figure_text(figure: Figure) -> str:
    """ "0.421 ± 0.03": with half of its interval."""
    low, high = figure.interval
    return f"{figure.value:.3g} ± {(high - low) / 2:.2g}" if figure.error else f"{figure.value:.3g}"


def chances() -> dict[str, float]:
    """Task → what guessing gets, where its suite says."""
    return {task.name: suite.chance for suite in suites().values() if suite.chance for task in suite.tasks}


def named(task: str) -> str:
    """What a task is called here; of one that no suite here has, its name."""
    return titles().get(task, task)


def plots(all_results: Sequence[Results]) -> str:
    """What `drawn` makes of their main figures, and quality against speed where that was timed."""
    several = len(all_results) > 1
    timed = [
        Point(
            f"{each.form} · {each.place + 1}" if several else each.form,
            each.tokens_per_second,
            each.right or 0.0,
            each.place,
        )
        for each in timings(all_results)
    ]
    return drawn([(each.model, main_figures(each)) for each in all_results]) + scatter(timed, *AXES)


def drawn(models: Sequence[tuple[str, Sequence[Figure]]]) -> str:
    """Bars of every figure from 0 to 1, and a radar of what models have in common. models: name and figures of each,
    in the order of their colours."""
    guessed, several = chances(), len(models) > 1
    bounded = [{each.task: each for each in figures if each.metric not in UNBOUNDED} for _, figures in models]
    rows = [
        Bar(
            f"{named(task)} · {number + 1}" if several else named(task),
            *scaled(figure),
            series=number,
            chance=guessed.get(task),
        )
        for number, own in enumerate(bounded)
        for task, figure in own.items()
    ]
    rows.sort(key=lambda bar: bar.label)
    axes, places = _common(bounded)
    values = {
        f"{name} ({number + 1})": [scaled(own[task])[0] for task in axes] if number in places else []
        for number, ((name, _), own) in enumerate(zip(models, bounded, strict=True))
    }
    return bars(rows) + radar([named(task) for task in axes], values)


def _common(measured: Sequence[Mapping[str, Figure]]) -> tuple[list[str], list[int]]:
    """The axes of a radar, and the places of the models on it: the first ones that have so many tasks in common. One
    that does something else, as a classifier among chat models, would leave no axes at all."""
    places = [number for number, own in enumerate(measured) if len(own) >= LEAST_AXES]
    while places:
        axes = [task for task in measured[places[0]] if all(task in measured[number] for number in places)]
        if len(axes) >= LEAST_AXES:
            return axes, places
        places.pop()
    return [], []


def markdown(all_results: Sequence[Results], comparisons: Sequence[Comparison] = ()) -> str:
    """The report as Markdown."""
    parts = [*_table(all_results), *_speed(all_results), *_verdicts(comparisons), *_how(all_results)]
    return "\n".join(["# Evaluation", *parts, ""])


def html(all_results: Sequence[Results], comparisons: Sequence[Comparison] = ()) -> str:
    """The report as one HTML file that needs no other."""
    names = ["", *(f"{number}: {each.model}" for number, each in enumerate(all_results, 1))]
    lines = [(name, *cells) for name, cells in _rows(all_results)]
    timed = speed_html(all_results)
    said = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in _verdicts(comparisons) if line[:1] == "-")
    how = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in _how(all_results) if line[:1] == "-")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Evaluation</title><style>{STYLE}</style><h1>Evaluation</h1>{plots(all_results)}"
        f"{_table_html(names, lines) if lines else ''}{f'<h2>Speed</h2>{timed}' if timed else ''}"
        f"{f'<h2>Differences</h2><ul>{said}</ul>' if said else ''}<h2>How it was measured</h2><ul>{how}</ul></html>"
    )


def speed_html(all_results: Sequence[Results], style: str = "") -> str:
    """A table of what was timed; "" where nothing was. style: its classes."""
    several = len(all_results) > 1
    lines = [
        (f"{each.place + 1}: {each.model}" if several else each.model, *each.cells[1:]) for each in timings(all_results)
    ]
    return _table_html(HEAD, lines, style) if lines else ""


def _table_html(head: Sequence[str], lines: Sequence[Sequence[str]], style: str = "") -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td class=number>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in lines
    )
    return f'<table class="{style}"><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>'


def _rows(all_results: Sequence[Results]) -> Iterator[tuple[str, list[str]]]:
    """Every figure of what was asked; what was timed has a table of its own."""
    own_figures = [list(intervals.figures(each)) for each in all_results]
    every = [figure for own in own_figures for figure in own]
    timed = {figure.task for figure in every if figure.metric == "tokens_per_second"}
    names = dict.fromkeys((figure.task, figure.name) for figure in every if figure.task not in timed)
    found = [{(figure.task, figure.name): figure for figure in own} for own in own_figures]
    for task, name in names:
        cells = [_cell(own[task, name]) if (task, name) in own else "" for own in found]
        yield f"{task} {name.partition(',')[0]}", cells


def _cell(figure: Figure) -> str:
    return f"{figure.value:.4g} ± {1.96 * figure.error:.2g}" if figure.error else f"{figure.value:.4g}"


def _table(all_results: Sequence[Results]) -> list[str]:
    head = ["", *(each.model for each in all_results)]
    lines = ["", "| " + " | ".join(head) + " |", "|---|" + "---:|" * len(all_results)]
    rows = [f"| {name} | " + " | ".join(cells) + " |" for name, cells in _rows(all_results)]
    return [*lines, *rows] if rows else []


def _speed(all_results: Sequence[Results]) -> list[str]:
    rows = [f"| {' | '.join(each.cells)} |" for each in timings(all_results)]
    return ["", "## Speed", "", f"| {' | '.join(HEAD)} |", "|---|---|" + "---:|" * 5, *rows] if rows else []


def _verdicts(comparisons: Sequence[Comparison]) -> list[str]:
    lines = [f"- {each.task} {each.metric.partition(',')[0]}: {each.told()}" for each in comparisons]
    return ["", "## Differences", "", *lines] if lines else []


def _how(all_results: Sequence[Results]) -> list[str]:
    lines = ["", "## How it was measured", ""]
    for each in all_results:
        config = each.config
        about = [
            str(config.get("suite_title", "")),
            f"the first {config['limit']:,} rows" if config.get("limit") else "every row",
            f"{config['shots']} examples first" if config.get("shots") is not None else "",
            f"engines {', '.join(config.get('engines', []))}" if config.get("engines") else "",
            str(config.get("quantisation") or ""),
            f"template {config['template_hash']}" if config.get("template_hash") else "",
        ]
        lines.append(f"- {each.model}: {', '.join(part for part in about if part)}")
    return [*lines, f"- After ±: 1.96 standard errors. A figure without it has {NO_INTERVAL}."]
