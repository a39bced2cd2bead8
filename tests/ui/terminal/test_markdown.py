"""A growing reply on a terminal: the end result is what a whole reply looks like, and nothing is written twice."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.ui.terminal.screen import Screen
from ui.terminal.markdown import MarkdownStream, ReplyMarkdown

REPLY = """# Title

A paragraph with **bold**, `code` and [a link](https://example.org/x).
A second line of it, long enough that it has to be wrapped at the width of this screen.

- one
- two
  - nested

1. first
2. second

```python
def f(x):
    return x  # <b>not HTML</b>

print(f(1))
```

| name | value |
|------|------:|
| a    |     1 |
| b    |    22 |

---

> quoted

The <div>end</div>.
"""


def console(file, height: int = 24) -> Console:
    return Console(file=file, width=60, height=height, force_terminal=True, color_system="truecolor")


def plain(text: str, width: int = 60) -> str:
    whole = Console(file=io.StringIO(), width=width)
    whole.print(ReplyMarkdown(text))
    return "\n".join(row.rstrip() for row in whole.file.getvalue().rstrip().split("\n"))


def show(pieces: list[str], *, height: int = 24) -> Screen:
    screen = Screen(height)
    clock = itertools.count().__next__  # every look is a second later, so every piece is painted
    stream = MarkdownStream(console(screen, height), clock=clock)
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return screen


def without_blank(text: str) -> list[str]:
    return [row for row in text.split("\n") if row.strip()]


@pytest.mark.parametrize("size", [1, 3, 17, 10_000])
def test_streamed_looks_like_whole(size):
    pieces = [REPLY[i : i + size] for i in range(0, len(REPLY), size)]
    screen = show(pieces)
    assert without_blank(screen.text) == without_blank(plain(REPLY))
    assert screen.unknown == []
    assert screen.text.endswith("\n") and "\n\n\n" not in screen.text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["a", "b c", "\n", "\n\n", "- ", "# ", "```\n", "**", "> ", "1. ", "`", "|", "---"])))
def test_any_pieces(pieces):
    screen = show(pieces)
    assert without_blank(screen.text) == without_blank(plain("".join(pieces)))


def test_blocks_taller_than_the_screen():
    code = "```\n" + "\n".join(f"row {i}" for i in range(50)) + "\n```\n\nafter\n"
    screen = show(list(code), height=10)
    assert [row.strip() for row in without_blank(screen.text)] == [*(f"row {i}" for i in range(50)), "after"]


def test_finished_blocks_are_written_once():
    output = io.StringIO()
    stream = MarkdownStream(console(output), clock=itertools.count().__next__)
    for word in ("first\n\n", *(f"w{i} " for i in range(100))):
        stream.feed(word)
    stream.finish()
    assert output.getvalue().count("first") == 1
    # Only the last row of the paragraph is painted again, not the paragraph.
    assert output.getvalue().count("w0 ") < 20


def test_painting_keeps_to_its_share():
    now = itertools.count(step=0.01)  # each look at the clock costs 10 ms, so each painting takes 10 ms
    output = io.StringIO()
    stream = MarkdownStream(console(output), clock=lambda: next(now))
    for i in range(100):
        stream.feed(f"{i} ")
    assert 5 < output.getvalue().count("\x1b[2K") < 20


def test_control_sequences_are_inert():
    screen = show(["a \x1b[2J\x1b]0;owned\x07 \x9b31m b\r c"])
    assert screen.unknown == []
    assert "␛[2J␛]0;owned␇" in screen.text
    assert "\x9b" not in screen.text


def test_line_breaks_and_tags_are_kept():
    assert plain("a rose\nis a rose <think>x</think>") == "a rose\nis a rose <think>x</think>"


def test_link_targets_are_in_sight():
    assert "https://evil.example" in plain("[your bank](https://evil.example)")


def test_status_gives_way_to_the_reply():
    screen = Screen()
    stream = MarkdownStream(console(screen))
    stream.status("Reading 10 %")
    stream.status("Reading 90 %")
    stream.feed("Paris.")
    stream.finish()
    assert screen.text == "Paris.\n"


def test_status_gives_way_to_nothing_and_then_to_the_reply():
    screen = Screen()
    screen.write("> question\n")
    stream = MarkdownStream(console(screen), clock=itertools.count().__next__)
    stream.status("Reading")
    stream.feed("[a]: https://example.org\n")
    stream.feed("\nParis, see [a].")
    stream.finish()
    assert screen.text == "> question\nParis, see a (https://example.org).\n"


def test_rows_that_become_fewer_leave_nothing_behind():
    # The first line of a table is a paragraph of three rows until its second line comes.
    table = "| " + " | ".join(f"a rather long heading {i}" for i in range(5)) + " |\n" + "|---" * 5 + "|\n"
    assert without_blank(show(list(table)).text) == without_blank(plain(table))


def test_plain_writes_text_as_it_is():
    screen = Screen()
    stream = MarkdownStream(console(screen), plain=True)
    for piece in ("**a**", "\x1b[1m", "\n- b"):
        stream.feed(piece)
    stream.finish()
    assert screen.text == "**a**␛[1m\n- b\n"
