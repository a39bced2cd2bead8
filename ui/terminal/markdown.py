"""A reply shown as Markdown while it grows, without flicker and without printing anything twice.

Finished blocks are written once and left to the terminal's scrollback; only the last block is painted again, from the
first row that changed. Nothing that the model writes reaches the terminal as a control sequence or as HTML.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from itertools import pairwise, takewhile
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.segment import Segment, Segments
from rich.syntax import Syntax
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


class _CodeBlock(CodeBlock):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Without the empty rows that Rich puts above and below: without a background they are only gaps."""
        yield Syntax(str(self.text).rstrip(), self.lexer_name, theme=self.theme, word_wrap=True, padding=(0, 1))


class ReplyMarkdown(Markdown):
    """Rich's Markdown with tags shown as text, link targets in sight, and line breaks kept as the model wrote them."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
    }

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        self.parsed = _parser().parse(printable(text))
        for token in self.parsed:
            _keep_line_breaks(token)


def _keep_line_breaks(token: Token) -> None:
    for child in token.children or ():
        if child.type == "softbreak":
            child.type = "hardbreak"


def _blocks(source: str) -> list[str]:
    """The outermost blocks of a text, one or more; joined by newlines they are the text again."""
    starts = [
        token.map[0] for token in _parser().parse(source) if token.level == 0 and token.map and token.nesting >= 0
    ]
    lines = source.split("\n")
    edges = [0, *starts[1:], len(lines)]
    return ["\n".join(lines[begin:end]) for begin, end in pairwise(edges)]


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
        self._paint(self._render_blocks(_blocks(self._source)))
        self._keep()
        self._source = ""

    def _update(self) -> None:
        """Part with the blocks that are finished, and paint the one that is not."""
        *finished, last = _blocks(self._source)
        if finished:
            self._paint(self._render_blocks(finished))
            self._keep()
            self._source = last
        self._paint(self._render_blocks([last]))

    def _keep(self) -> None:
        """Leave the painted rows as they are, for good."""
        if self._rows:
            self._put("\n")
            self._wrote = True
        self._rows = []

    def _render_blocks(self, blocks: list[str]) -> list[str]:
        """The rows of some blocks, an empty row before each but the very first."""
        rows: list[str] = []
        for block in blocks:
            of_block = self._render(ReplyMarkdown(block))
            rows += ["", *of_block] if of_block and (rows or self._wrote) else of_block
        return rows

    def _render(self, renderable: ReplyMarkdown | Text) -> list[str]:
        rows = [self._row(line) for line in self._console.render_lines(renderable, pad=False)]
        shown = [number for number, row in enumerate(rows) if row]
        return rows[shown[0] : shown[-1] + 1] if shown else []

    def _row(self, line: list[Segment]) -> str:
        """One row with its colours, which begin and end in it; without the spaces that fill it up."""
        while line and not line[-1].text.strip():
            line.pop()
        if not line:
            return ""
        *rest, last = line
        with self._console.capture() as capture:
            self._console.print(Segments([*rest, Segment(last.text.rstrip(), last.style)]), end="")
        return capture.get()

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
            painted = [f"\r\x1b[2K{row}" for row in rows[same:]]
            too_many = ["\r\x1b[2K"] * (len(self._rows) - same - len(painted))
            back = len(too_many) if rows else len(too_many) - 1
            self._put(_up(len(self._rows) - 1 - same) + "\n".join([*painted, *too_many]) + _up(back))
        self._rows = rows

    def _put(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""
