"""Plots of figures as SVG, for the page and for reports: bars with their intervals, and a radar of several models.

Colours and type come from the page that holds them: classes, and `currentColor`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

BAR, GAP, LABEL, WIDTH = 18, 8, 190, 640
"""Pixels: height of a bar, space below it, room for its name, width of the whole."""
RADIUS = 120
COLOURS = 6
"""Classes of colour, from .series-0 on."""
LEAST_AXES = 3
"""Of a radar: two would be a line."""


@dataclass(frozen=True)
class Bar:
    """A figure from 0 to 1 with its interval. series: whose colour it has."""

    label: str
    value: float
    low: float
    high: float
    series: int = 0
    chance: float | None = None
    """What guessing gets: a mark."""


def bars(rows: Sequence[Bar]) -> str:
    """Bars below each other, from 0 to 1, each with its interval as a whisker; "" for none."""
    if not rows:
        return ""
    room = WIDTH - LABEL - 60
    height = len(rows) * (BAR + GAP)
    parts: list[str] = []
    for place, row in enumerate(rows):
        top, middle = place * (BAR + GAP), place * (BAR + GAP) + BAR / 2
        at = LABEL + room * _within(row.value)
        low, high = (LABEL + room * _within(each) for each in (row.low, row.high))
        parts.append(f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(row.label)}</text>')
        parts.append(
            f'<rect class="series-{row.series % COLOURS}" x="{LABEL}" y="{top}" width="{at - LABEL:.1f}" '
            f'height="{BAR}" rx="3"/>'
        )
        if row.low < row.high:
            parts.append(f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>')
        if row.chance is not None:
            x = LABEL + room * _within(row.chance)
            parts.append(f'<line class="chance" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + BAR}"/>')
        parts.append(f'<text x="{max(at, high) + 6:.1f}" y="{middle + 4}">{row.value:.3f}</text>')
    said = "; ".join(f"{row.label} {row.value:.3f}" for row in rows)
    return (
        f'<svg class="plot bars" role="img" aria-label="{escape(said)}" viewBox="0 0 {WIDTH} {height}">'
        f"{''.join(parts)}</svg>"
    )


@dataclass(frozen=True)
class Point:
    """Something with a speed and a quality from 0 to 1."""

    label: str
    x: float
    y: float
    series: int = 0


def scatter(points: Sequence[Point], x_name: str, y_name: str) -> str:
    """Points over two axes from 0: the further up and right, the better; "" for none."""
    if not points:
        return ""
    left, top, room, height = 50, 14, WIDTH - 200, 220
    most = max(point.x for point in points) or 1.0
    bottom = top + height
    parts = [
        f'<polyline class="grid" points="{left},{top} {left},{bottom} {left + room},{bottom}"/>',
        f'<text x="{left + room}" y="{bottom + 16}" text-anchor="end">{escape(x_name)}: {most:,.0f}</text>',
        f'<text x="{left + 6}" y="{top}">{escape(y_name)}: 1</text>',
    ]
    for point in points:
        x, y = left + room * point.x / most, bottom - height * _within(point.y)
        parts.append(f'<circle class="series-{point.series % COLOURS}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        parts.append(f'<text x="{x + 9:.1f}" y="{y - 6:.1f}">{escape(point.label)}</text>')
    said = "; ".join(f"{p.label}: {p.x:.1f} {x_name}, {p.y:.2f} {y_name}" for p in points)
    return (
        f'<svg class="plot scatter" role="img" aria-label="{escape(said)}" viewBox="0 0 {WIDTH} {bottom + 24}">'
        f"{''.join(parts)}</svg>"
    )


def radar(axes: Sequence[str], models: Mapping[str, Sequence[float]]) -> str:
    """One outline a model over three axes or more, each from 0 in the middle to 1 at the rim; "" for fewer axes.

    A model without values is left out, and the others keep their colours.
    """
    if len(axes) < LEAST_AXES:
        return ""
    across, down = RADIUS + 90, RADIUS + 30

    def place(number: int, share: float) -> tuple[float, float]:
        angle = 2 * math.pi * number / len(axes) - math.pi / 2
        return across + RADIUS * share * math.cos(angle), down + RADIUS * share * math.sin(angle)

    def outline(values: Sequence[float]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(n, _within(v)) for n, v in enumerate(values)))

    parts = [f'<polygon class="grid" points="{outline([share] * len(axes))}"/>' for share in (0.25, 0.5, 0.75, 1)]
    for number, axis in enumerate(axes):
        x, y = place(number, 1.1)
        anchor = "middle" if abs(x - across) < 10 else "start" if x > across else "end"
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(axis)}</text>')
    for number, (name, values) in enumerate(models.items()):
        if values:
            parts.append(
                f'<polygon class="outline series-{number % COLOURS}" points="{outline(values)}">'
                f"<title>{escape(name)}</title></polygon>"
            )
    said = "; ".join(f"{name}: {', '.join(f'{v:.2f}' for v in values)}" for name, values in models.items() if values)
    return (
        f'<svg class="plot radar" role="img" aria-label="{escape(said)}" viewBox="0 0 {2 * across} {2 * down}">'
        f"{''.join(parts)}</svg>"
    )


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)
