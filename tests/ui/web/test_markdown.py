"""Markdown on the page: what it shows, and that it cannot act."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.protocol import TokenProbability
from ui.web import markdown

TEXT = {"p", "a", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "span"}
ALLOWED = (
    TEXT
    | {f"h{level}" for level in range(1, 7)}
    | {"ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "button"}
)


def tags(html: str) -> set[str]:
    from html.parser import HTMLParser

    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.add(tag)
            for name, value in attrs:
                assert not name.startswith("on"), name
                if name == "href":
                    assert (value or "").split(":")[0].lower() in {"http", "https", "mailto"}

    Reader().feed(html)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](javascript:alert(1))",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>)",
        "[x](\tjavascript:alert(1))",
        "<svg/onload=alert(1)>",
        "```<script>\nalert(1)\n```",
        '```html" onmouseover="alert(1)\n<b>\n```',
        '[x](http://a.b "onclick=alert(1)")',
        "<a href='javascript:alert(1)'>x</a>",
        "</template></div><script>",
    ],
)
def test_nothing_acts(text: str) -> None:
    assert tags(markdown.render(text)) <= ALLOWED
    assert tags(markdown.render_growing(text)) <= ALLOWED


@given(st.text(alphabet=st.sampled_from("<>\"'`~[]()!&#*_-|:/\\ \nabjavscriptonerhf=\t0123"), max_size=200))
def test_no_text_acts(text: str) -> None:
    assert tags(markdown.render(text)) <= ALLOWED


def test_an_image_is_a_link_since_loading_it_would_tell() -> None:
    html = markdown.render("![a cat](https://example.org/cat.png)")
    assert "<img" not in html
    assert 'href="https://example.org/cat.png"' in html and "a cat" in html


def test_code_is_coloured_once_it_is_whole() -> None:
    text = "```python\nprint('hi')\n```"
    assert '<span class="' in markdown.render(text).split("<code>")[1]
    assert '<span class="' not in markdown.render_growing(text).split("<code>")[1]
    assert "print(" in markdown.render("```no-such-language\nprint(1)\n```")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ("One line", ""),
        ("One.\n\nTwo", "One.\n\n"),
        ("One.\n\nTwo.\n\nThree", "One.\n\nTwo.\n\n"),
        ("```\na\n\nb", ""),
        ("Text\n\n```py\na\n\nb\n```\nmore", "Text\n\n```py\na\n\nb\n```\n"),
        ("~~~\n```\n\n~~~\nx", "~~~\n```\n\n~~~\n"),
        ("````\n```\n\nstill", ""),
    ],
)
def test_a_growing_text_is_cut_between_blocks(text: str, whole: str) -> None:
    assert text[: markdown.settled_length(text)] == whole


@given(st.lists(st.text(alphabet="ab`~ \n", max_size=8), max_size=30))
def test_what_is_settled_stays_settled(pieces: list[str]) -> None:
    text, settled = "", 0
    for piece in pieces:
        text += piece
        settled += markdown.settled_length(text[settled:])
        assert settled <= len(text)


def test_tokens_are_tinted_by_probability_and_escaped() -> None:
    html = markdown.tint(
        [TokenProbability("<b>", -0.01, (("<b>", -0.01), ('"x', -5.0))), TokenProbability(" maybe", -3.0)]
    )
    assert 'class="sure-4"' in html and 'class="sure-0"' in html
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert "99% sure" in html
