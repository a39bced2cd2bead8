"""A figure of each architecture: boxes on a grid and arrows between them, as SVG in the colours of the page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from zlib import crc32

WIDE, HIGH, ACROSS, DOWN = 104, 38, 140, 66
"""Pixels of a box, and from one box to the next."""


@dataclass(frozen=True)
class Figure:
    """boxes: name → (column, row, words); those whose name begins with "_" are data, drawn without a frame.

    arrows: from, to. said: the figure in words, for those who cannot see it.
    """

    boxes: dict[str, tuple[float, float, str]]
    arrows: tuple[tuple[str, str], ...]
    said: str


FIGURES = {
    "rnn": Figure(
        {
            **{f"_x{n}": (n, 2, f"“{letter}”") for n, letter in enumerate("tale")},
            **{f"h{n}": (n, 1, f"state {n + 1}") for n in range(4)},
            **{f"_y{n}": (n, 0, f"“{letter}”?") for n, letter in enumerate("ales")},
        },
        (
            *((f"_x{n}", f"h{n}") for n in range(4)),
            *((f"h{n}", f"_y{n}") for n in range(4)),
            *((f"h{n}", f"h{n + 1}") for n in range(3)),
        ),
        "Each character goes into a state, which is handed on to the next character and foretells it.",
    ),
    "transformer": Figure(
        {
            **{f"_x{n}": (n, 2, f"“{letter}”") for n, letter in enumerate("tale")},
            **{f"h{n}": (n, 1, "look back") for n in range(4)},
            "_y": (3, 0, "“s”?"),
        },
        (
            *((f"_x{n}", f"h{m}") for m in range(4) for n in range(m + 1)),
            ("h3", "_y"),
        ),
        "Each place looks at every character before it at once; the last one foretells the next.",
    ),
    "gan": Figure(
        {
            "_z": (0, 0, "noise, class"),
            "g": (1, 0, "generator"),
            "_fake": (2, 0, "made, class"),
            "_real": (2, 1, "real, class"),
            "d": (3, 0.5, "discriminator"),
            "_y": (4, 0.5, "real or made?"),
        },
        (("_z", "g"), ("g", "_fake"), ("_fake", "d"), ("_real", "d"), ("d", "_y")),
        "A generator turns noise into pictures; a discriminator tells them from real ones; each learns from the other.",
    ),
    "vae": Figure(
        {
            "_x": (0, 0, "picture"),
            "e": (1, 0, "encoder"),
            "z": (2, 0, "μ + σ · noise"),
            "d": (3, 0, "decoder"),
            "_y": (4, 0, "picture"),
        },
        (("_x", "e"), ("e", "z"), ("z", "d"), ("d", "_y")),
        "An encoder turns a picture into a mean and a spread, a code is drawn from them, a decoder turns it back.",
    ),
    "diffusion": Figure(
        {
            "_n": (0, 0, "noise"),
            "a": (1, 0, "network"),
            "_m": (2, 0, "less · 20 times"),
            "b": (3, 0, "network"),
            "_x": (4, 0, "picture"),
            "_y": (2, 1, "class, step"),
        },
        (
            ("_n", "a"),
            ("a", "_m"),
            ("_m", "b"),
            ("b", "_x"),
            ("_y", "a"),
            ("_y", "b"),
        ),
        "One network takes a little of the noise away, again and again, until a picture is left.",
    ),
    "pix2pix": Figure(
        {
            "_x": (0, 0.5, "edges"),
            "g": (1, 0, "U-Net"),
            "_made": (2, 0, "made"),
            "_real": (2, 1, "real"),
            "d": (3, 0.5, "patches"),
            "_y": (4, 0.5, "real or made?"),
        },
        (("_x", "g"), ("g", "_made"), ("_made", "d"), ("_real", "d"), ("_x", "d"), ("d", "_y")),
        "A U-Net paints a picture of edges; a discriminator sees the edges with it or with the real picture, and says "
        "of each patch which of the two it is.",
    ),
    "classifier": Figure(
        {
            "_x": (0, 0, "picture"),
            "a": (1, 0, "filters, 28²"),
            "b": (2, 0, "filters, 14²"),
            "c": (3, 0, "filters, 7²"),
            "_y": (4, 0, "score of a kind"),
        },
        (("_x", "a"), ("a", "b"), ("b", "c"), ("c", "_y")),
        "Filters go over a picture in layers, each smaller and with more filters, and end in a score for each kind.",
    ),
    "translator": Figure(
        {
            **{f"_x{n}": (n, 3, f"“{word}”") for n, word in enumerate(("the", "red", "car"))},
            **{f"h{n}": (n, 2, "both ways") for n in range(3)},
            **{f"s{n}": (n, 1, f"state {n + 1}") for n in range(3)},
            **{f"_y{n}": (n, 0, f"“{word}”") for n, word in enumerate(("la", "voiture", "rouge"))},
        },
        (
            *((f"_x{n}", f"h{n}") for n in range(3)),
            *((f"h{n}", f"h{m}") for n, m in ((0, 1), (1, 2))),
            *((f"h{n}", f"s{m}") for n, m in ((0, 0), (2, 0), (2, 1), (1, 2), (2, 2))),
            *((f"s{n}", f"s{n + 1}") for n in range(2)),
            *((f"s{n}", f"_y{n}") for n in range(3)),
        ),
        "A sentence is read in both directions; each word of the translation looks at those that it needs, car before "
        "red.",
    ),
    "captioner": Figure(
        {
            "_x": (0, 1, "picture"),
            "eye": (1, 1, "convolutions"),
            **{f"h{n}": (n + 2, 1, f"state {n + 1}") for n in range(3)},
            **{f"_y{n}": (n + 2, 0, f"“{word}”") for n, word in enumerate(("a", "dark", "coat"))},
        },
        (
            ("_x", "eye"),
            ("eye", "h0"),
            ("h0", "h1"),
            ("h1", "h2"),
            *((f"h{n}", f"_y{n}") for n in range(3)),
            *((f"_y{n}", f"h{n + 1}") for n in range(2)),
        ),
        "Convolutions turn a picture into a state; each state says a word, which goes into the next one.",
    ),
    "forecaster": Figure(
        {
            **{f"_x{n}": (n, 2, f"number {n + 1}") for n in range(3)},
            **{f"h{n}": (n, 1, f"state {n + 1}") for n in range(4)},
            "_y2": (2, 0, "μ, σ: a draw"),
            "_y3": (3, 0, "μ, σ: a draw"),
        },
        (
            *((f"_x{n}", f"h{n}") for n in range(3)),
            *((f"h{n}", f"h{n + 1}") for n in range(3)),
            ("h2", "_y2"),
            ("h3", "_y3"),
            ("_y2", "h3"),
        ),
        "Numbers go into a state, which gives the mean and the spread of the next one; what is drawn from them goes in "
        "in its turn.",
    ),
}


def svg(figure: Figure) -> str:
    """The figure as an SVG element; classes box, data and arrow are the page's to style."""
    columns = max(x for x, _, _ in figure.boxes.values())
    rows = max(y for _, y, _ in figure.boxes.values())
    width, height = columns * ACROSS + WIDE + 4, rows * DOWN + HIGH + 4
    parts: list[str] = []
    tip = f"tip-{crc32(figure.said.encode()):08x}"  # of its own: one of a figure that is hidden just now is not drawn
    for start, end in figure.arrows:
        (x1, y1), (x2, y2) = _edges(figure, start, end)
        ends = f'x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"'
        parts.append(f'<line class="arrow" {ends} marker-end="url(#{tip})"/>')
    for name, (x, y, words) in figure.boxes.items():
        left, top = x * ACROSS + 2, y * DOWN + 2
        if not name.startswith("_"):
            parts.append(f'<rect class="box" x="{left:.0f}" y="{top:.0f}" width="{WIDE}" height="{HIGH}" rx="8"/>')
        kind = "data" if name.startswith("_") else "part"
        parts.append(
            f'<text class="{kind}" x="{left + WIDE / 2:.0f}" y="{top + HIGH / 2 + 5:.0f}">{escape(words)}</text>'
        )
    sides = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    head = f'<defs><marker id="{tip}" {sides}>'
    box = f"0 0 {width:.0f} {height:.0f}"
    return (
        f'<svg class="architecture" role="img" aria-label="{escape(figure.said)}" viewBox="{box}">'
        f'{head}<path d="M0 0L8 4L0 8z"/></marker></defs>{"".join(parts)}</svg>'
    )


def _edges(figure: Figure, start: str, end: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow leaves a box and meets the other: at a side where they stand side by side, else above or below."""
    (x1, y1, _), (x2, y2, _) = figure.boxes[start], figure.boxes[end]
    middle = [(x * ACROSS + 2 + WIDE / 2, y * DOWN + 2 + HIGH / 2) for x, y in ((x1, y1), (x2, y2))]
    if abs(y1 - y2) < 1:  # side by side
        way = 1 if x2 > x1 else -1
        return (middle[0][0] + way * WIDE / 2, middle[0][1]), (middle[1][0] - way * (WIDE / 2 + 2), middle[1][1])
    way = 1 if y2 > y1 else -1
    return (middle[0][0], middle[0][1] + way * HIGH / 2), (middle[1][0], middle[1][1] - way * (HIGH / 2 + 2))
