"""Web pages as a person reads them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.web_pages import DEEPEST, page_text


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("plain text", "plain text"),
        ("<h1>Head</h1><p>A <b>bo</b>ld\n  word.</p>\n\n<p>Next", "Head\nA bold word.\nNext"),
        ("<ul>\n<li>one\n<li>two <ul><li>inner</ul>\n<li>three</ul>after", "one\ntwo\ninner\nthree\nafter"),
        ("a<br>b<br/>c<hr>d", "a\nb\nc\nd"),
        ("caf&eacute; &lt;b&gt; &#8364;5&hellip; soft&shy;ly", "café <b> €5… softly"),
        ("<head><title>T</title><style>x</style><p>shown", "shown"),
        ("<script>if (a < b) '<p>no</p>'</script><p>yes</p><noscript>no</noscript><!-- no -->", "yes"),
        ("<p hidden>no<p>yes<div style='color:red; DISPLAY : none'>no<p>no</p></div><span>!</span>", "yes\n!"),
        ("<body style='visibility:hidden'>yes<template>no</template><dialog>no</dialog>", "yes"),
        (
            "<table><tr><th>Name<th>Age<tr><td><p>Ann</p><td>3<br>4<tr><td></td><td>5</td><td>6</td></tr></table>after",
            "Name | Age\nAnn | 3 4\n| 5 | 6\nafter",
        ),
        ("<table><tr>\n<td><p>One.</p><p>Two.</p></td>\n<td>Three.</td></tr></table>", "One.\nTwo.\nThree."),
        ("<td>stray</td><td>cells</td>", "stray\ncells"),
        ("<table><tr><td>a<table><tr><td>b<td>c</table></div></b>d</table>e", "a\nb | c\nd\ne"),
        ("<pre>\nif x:\n    y  = 1</pre>z", "if x:\n    y  = 1\nz"),
        ("<![if !mso]><p>yes</p><![endif]><![odd thing]>!", "yes\n!"),
        ("3 < 4 & 5 > 2, I <3 it", "3 < 4 & 5 > 2, I <3 it"),
        ("<p>&nbsp;</p><p> \n</p>", ""),
    ],
)
def test_what_is_read(source: str, read: str) -> None:
    assert page_text(source) == read


def test_elements_may_be_very_deep() -> None:
    assert page_text("<div>" * 10 * DEEPEST + "deep" + "</div>" * 10 * DEEPEST + "<p>after") == "deep\nafter"


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", "<![", "</", "<b>", "<td>", "<br>", "<b> ", "&a", "<a b='", "<script>"]
)
def test_hostile_pages_take_no_hours(piece: str) -> None:
    started = time.monotonic()
    page_text(piece * 50_000)
    assert time.monotonic() - started < 20


@given(st.lists(st.sampled_from(["<p>", "</p>", "<td>", "</tr>", "<table>", "<li hidden>", "<pre>", "<![", "x", " "])))
def test_any_disorder_is_read(pieces: list[str]) -> None:
    assert set(page_text("".join(pieces))) <= set("x \n|<![")
