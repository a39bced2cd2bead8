"""What a look into a model shows, drawn: figures for the page, and one HTML file for a terminal."""

from __future__ import annotations

import html
import math
from base64 import b64encode
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from demos.exhibits import Bars, Exhibit, Heat, Lines, Points, Sheet, Words
from eval.plots import COLOURS, Bar, bars
from eval.report import STYLE

WIDE, HIGH, LEFT, BELOW = 640, 240, 52, 34
"""Pixels of a plot, and room for its axes."""
CELL, NAME = 14, 16
"""Pixels of a heat map's cell, and of a name beside it."""
ABOVE_ZERO, BELOW_ZERO = (13, 148, 136), (194, 112, 61)
"""Colours of a heat map: red, green, blue."""
MORE = """
figure{margin:1.5rem 0}figcaption{color:#53616f}img{image-rendering:pixelated;max-width:100%}
svg image{image-rendering:pixelated}.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;padding:0}
svg polyline[class]{fill:none;stroke-width:2}.faint{opacity:.45}
pre{white-space:pre-wrap}.legend svg{width:.8em;height:.8em}
.scroll{overflow-x:auto}.sheets{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:0 1rem}
"""


def exhibit_html(exhibit: Exhibit) -> str:
    """A figure with its caption."""
    if isinstance(exhibit, Words):
        said = f"<p>{html.escape(exhibit.said)}</p>" if exhibit.said else ""
        return f'<figure class="exhibit"><pre class="made" dir="auto">{html.escape(exhibit.text)}</pre>{said}</figure>'
    if isinstance(exhibit, Sheet):
        shown = _sheet(exhibit)
    elif isinstance(exhibit, Heat):
        shown = _heat(exhibit)
    elif isinstance(exhibit, Bars):
        shown = bars([Bar(name, share, share, share, 0, exhibit.mark) for name, share in exhibit.shares.items()])
    else:
        shown = _plot(exhibit)
    return f'<figure class="exhibit">{shown}<figcaption>{html.escape(exhibit.said)}</figcaption></figure>'


def file_html(title: str, told: str, exhibits: Iterable[Exhibit]) -> str:
    """One file that holds all of it."""
    return page_html(title, told, "".join(map(exhibit_html, exhibits)))


def page_html(title: str, told: str, shown: str) -> str:
    """The same of what is drawn already. shown: HTML."""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{STYLE}{MORE}</style><h1>{name}</h1><p>{html.escape(told)}</p>{shown}</html>\n"
    )


def png_source(data: bytes, kind: str = "png") -> str:
    """A picture as the source of an element. kind: png or gif."""
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def _sheet(exhibit: Sheet) -> str:
    from demos.grids import grid, png

    return f'<img src="{png_source(png(grid(exhibit.images, exhibit.columns)))}" alt="{html.escape(exhibit.said)}">'


def _heat(exhibit: Heat) -> str:
    from demos.grids import png

    values = np.asarray(exhibit.values, np.float32)
    rows, columns = values.shape
    most = float(np.abs(values).max()) or 1.0
    colours = np.where(values[..., None] >= 0, np.asarray(ABOVE_ZERO), np.asarray(BELOW_ZERO))
    alpha = np.abs(values)[..., None] / most * 255
    cells = png(Image.fromarray(np.concatenate([colours, alpha], 2).astype(np.uint8)))
    left = 6 + 8 * max((len(name) for name in exhibit.rows), default=0)
    longest = max((len(name) for name in exhibit.columns), default=0)
    wide, high = columns * CELL, rows * CELL
    top = NAME if longest < 2 else 8 * longest
    names = [
        f'<text x="{left - 4}" y="{top + (place + 0.8) * CELL:.0f}" text-anchor="end">{html.escape(name)}</text>'
        for place, name in enumerate(exhibit.rows)
        if name
    ]
    for place, name in enumerate(exhibit.columns):
        x, y = left + (place + 0.5) * CELL, top - 4
        turned = f' transform="rotate(-60 {x:.0f} {y})" text-anchor="start"' if longest > 1 else ' text-anchor="middle"'
        names.append(f'<text x="{x:.0f}" y="{y}"{turned}>{html.escape(name)}</text>')
    room = left + wide + (4 * longest if longest > 1 else 0)
    return (
        f'<svg class="plot heat" role="img" aria-label="{html.escape(exhibit.said)}" style="max-width:{room}px" '
        f'viewBox="0 0 {room} {top + high}">{"".join(names)}<image href="{png_source(cells)}" x="{left}" '
        f'y="{top}" width="{wide}" height="{high}" preserveAspectRatio="none"/></svg>'
    )


def _plot(exhibit: Lines | Points) -> str:
    given = exhibit.lines if isinstance(exhibit, Lines) else exhibit.groups
    log_x, log_y = exhibit.log == "x", exhibit.log == "y"
    drawn = {name: [(_log(x, log_x), _log(y, log_y)) for x, y in points] for name, points in given.items()}
    all_points = [point for points in drawn.values() for point in points] or [(0.0, 0.0)]
    (low_x, high_x), (low_y, high_y) = (_ends([point[axis] for point in all_points]) for axis in (0, 1))

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDE - LEFT - 8) * (x - low_x) / (high_x - low_x)
        return across, 8 + HIGH * (1 - (y - low_y) / (high_y - low_y))

    parts = [f'<polyline class="grid" points="{LEFT},8 {LEFT},{8 + HIGH} {WIDE - 8},{8 + HIGH}"/>']
    for number, points in enumerate(drawn.values()):
        if isinstance(exhibit, Lines):
            places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
            parts.append(f'<polyline class="{_colour(number)}" points="{places}"/>')
        else:
            parts += [
                f'<circle class="{_colour(number)}" cx="{x:.1f}" cy="{y:.1f}" r="{_radius(len(all_points))}"/>'
                for x, y in (at(*point) for point in points)
            ]
    bottom = 8 + HIGH + 16
    parts += [
        f'<text x="{LEFT}" y="{bottom}">{_number(low_x, log_x)}</text>',
        f'<text x="{WIDE - 8}" y="{bottom}" text-anchor="end">{_number(high_x, log_x)}</text>',
        f'<text x="{(LEFT + WIDE) / 2}" y="{bottom}" text-anchor="middle">{html.escape(exhibit.across)}</text>',
        f'<text x="{LEFT - 6}" y="{8 + HIGH}" text-anchor="end">{_number(low_y, log_y)}</text>',
        f'<text x="{LEFT - 6}" y="18" text-anchor="end">{_number(high_y, log_y)}</text>',
    ]
    legend = "".join(
        f"<li>{_mark(number, isinstance(exhibit, Lines))} {html.escape(name)}</li>" for number, name in enumerate(drawn)
    )
    return (
        f'<p class="up"><small>{html.escape(exhibit.up)}</small></p>'
        f'<svg class="plot" role="img" aria-label="{html.escape(exhibit.said)}" '
        f'viewBox="0 0 {WIDE} {HIGH + BELOW}">{"".join(parts)}</svg><ul class="legend">{legend}</ul>'
    )


def _mark(number: int, line: bool) -> str:
    shape = 'polyline points="0,5 10,5"' if line else 'circle cx="5" cy="5" r="4"'
    return f'<svg class="plot" viewBox="0 0 10 10" aria-hidden="true"><{shape} class="{_colour(number)}"/></svg>'


def _colour(number: int) -> str:
    """Classes of a series: those beyond the colours that there are have them once more, faint."""
    return f"series-{number % COLOURS}{' faint' if number >= COLOURS else ''}"


def _log(value: float, wanted: bool) -> float:
    return math.log10(max(value, 1e-12)) if wanted else value


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _number(value: float, log: bool) -> str:
    if not log:
        return f"{value:.3g}"
    plain = 10**value
    return f"{plain:.0e}" if plain < 0.01 else f"{plain:.3g}" if plain < 1000 else f"{plain:,.0f}"


def _radius(count: int) -> int:
    return 3 if count > 30 else 6
