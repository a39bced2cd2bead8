"""A reply shown as Markdown while it grows, without flicker and without printing anything twice.

Finished blocks are written once and left to the terminal's scrollback; only the last block is painted again, from the
first row that changed. Nothing that the model writes reaches the terminal as a control sequence or as HTML.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from itertools import takewhile
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, JustifyMethod
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.text import Text

from ui.terminal.output import printable

SECONDS_BETWEEN_PAINTS = 1 / 15
PAINTING_SHARE = 0.1
"""Most of one core that painting may take, so that it does not slow down the model."""


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class _Heading(Heading):
    LEVEL_ALIGN: ClassVar[dict[str, JustifyMethod]] = dict.fromkeys(Heading.LEVEL_ALIGN, "left")


class ReplyMarkdown(Markdown):
    """Rich's Markdown with tags shown as text, link targets in sight, and line breaks kept as the model wrote them."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _Heading}

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        self.parsed = _parser().parse(printable(text))
        for token in self.parsed:
            _keep_line_breaks(token)


def _keep_line_breaks(token: Token) -> None:
    for child in token.children or ():
        if child.type == "softbreak":
            child.type = "hardbreak"


class MarkdownStream:
    """Writes a growing text to a terminal; `finish` must be called, whatever happened.

    plain: write the text as it is, not as Markdown.
    """

    def __init__(
        self, console: Console, *, plain: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._console = console
        self._plain = plain
        self._clock = clock
        self._source = ""  # of the blocks that may still change
        self._rows: list[str] = []  # as painted; the cursor stands at the end of the last one
        self._wrote = False
        self._next_paint = 0.0

    def status(self, text: str) -> None:
        """Show a dim line in the place where the text will begin."""
        if not self._source and not self._wrote and not self._plain:
            self._paint(self._render(Text(printable(text), style="dim")))

    def feed(self, text: str) -> None:
        """Add a piece of the text; it is shown at once or together with the next ones."""
        if self._plain:
            self._put(printable(text))
            return
        self._source += printable(text)
        started = self._clock()
        if started >= self._next_paint:
            self._update()
            ended = self._clock()
            self._next_paint = ended + max(SECONDS_BETWEEN_PAINTS, (ended - started) / PAINTING_SHARE)

    def finish(self) -> None:
        """Show what is still missing and leave the cursor on a fresh line."""
        if self._plain:
            self._put("\n")
            return
        self._paint(self._render_blocks(self._source))
        self._keep()
        self._source = ""

    def _update(self) -> None:
        """Part with the blocks that are finished, and paint the one that is not."""
        starts = [token.map[0] for token in _parser().parse(self._source) if token.level == 0 and token.map]
        if starts and starts[-1] > 0:
            lines = self._source.split("\n")
            self._paint(self._render_blocks("\n".join(lines[: starts[-1]])))
            self._keep()
            self._source = "\n".join(lines[starts[-1] :])
        self._paint(self._render_blocks(self._source))

    def _keep(self) -> None:
        """Leave the painted rows as they are, for good."""
        if self._rows:
            self._put("\n")
            self._wrote = True
        self._rows = []

    def _render_blocks(self, source: str) -> list[str]:
        rows = self._render(ReplyMarkdown(source))
        return ["", *rows] if rows and self._wrote else rows

    def _render(self, renderable: ReplyMarkdown | Text) -> list[str]:
        with self._console.capture() as capture:
            self._console.print(renderable)
        rows = [row.rstrip() for row in capture.get().split("\n")]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _paint(self, rows: list[str]) -> None:
        """Bring the screen from the rows that are on it to `rows`, touching as few as possible."""
        same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(self._rows, rows, strict=False))))
        if same == len(rows) == len(self._rows):
            return
        if not self._rows:
            self._put("\n".join(rows))
        elif same == len(self._rows):
            self._put("\n" + "\n".join(rows[same:]))
        else:
            # Rows that have left the screen at its top cannot be reached any more.
            same = max(same, len(self._rows) - self._console.height)
            up = len(self._rows) - 1 - same
            self._put((f"\x1b[{up}A" if up else "") + "\r\x1b[J" + "\n".join(rows[same:]))
        self._rows = rows

    def _put(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
