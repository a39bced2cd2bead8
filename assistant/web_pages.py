"""What a person reads on a web page: its text without tags, scripts, styles and hidden parts.

Paragraphs, list items and rows of tables each have a line. Pages are read as browsers read them: broken ones too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

DEEPEST = 512
"""Elements inside each other; those further in belong to the last, as in browsers."""
DECLARED_WITHIN = 4096
"""Bytes in which a page must name its encoding."""

_BREAK = "\f"
"""Between blocks; in a page itself it is white space, and never comes this far."""
_KEPT = "\x1f"
"""Stands for a space of preformatted text until the others are tidied."""


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_VOID = _tags("area base br col embed frame hr img input link meta param source track wbr")
_UNSEEN = _tags("audio canvas datalist iframe noembed noframes noscript object script style svg template title video")
_CELLS = _tags("td th")
_TABLE = _tags("table caption thead tbody tfoot tr td th")
_BLOCKS = (_TABLE - _CELLS) | _tags(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol option p pre search section select summary "
    "textarea ul"
)
_ENDS = {
    **dict.fromkeys(_BLOCKS, _tags("p")),
    "li": _tags("p li"),
    **dict.fromkeys(("dt", "dd"), _tags("p dt dd")),
    "option": _tags("option"),
    **dict.fromkeys(_CELLS, _tags("p td th")),
    "tr": _tags("p td th tr"),
    **dict.fromkeys(("thead", "tbody", "tfoot"), _tags("p td th tr thead tbody")),
}
"""Element → those that its beginning ends, as their own end may be left out."""
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]*?\bcharset|\?xml\b[^>]*?\bencoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
}
"""What browsers take a declared encoding for (https://encoding.spec.whatwg.org/#names-and-labels)."""
_OF_PAGES = re.compile(r"utf-8|cp\d|iso8859|iso2022_jp|koi8|mac-|gb18030|big5|euc_")
"""Python's other codecs (`punycode`, `unicode_escape`) are for no page."""


def declared_encoding(data: bytes) -> str:
    """The encoding that a page without byte order mark says it is in; "" where it says none that is known."""
    found = _DECLARED.search(data[:DECLARED_WITHIN])
    try:
        name = codecs.lookup(found[1].decode("ascii")).name if found else ""
    except (LookupError, UnicodeDecodeError):
        return ""
    meant = _MEANT.get(name, name)
    return meant if _OF_PAGES.match(meant) else ""


def page_text(source: str) -> str:
    """What a person reads of a page; "" where scripts would have to write it."""
    page = _Page()
    # Never closed: HTMLParser tries what is unfinished again and again then, which takes hours on hostile pages. The
    # added tag has it hand over the text before it.
    page.feed(source + "\n<br>")
    return page.text()


@dataclass
class _Element:
    """An element that is open. parts: what its text is added to, its own only in rows and cells."""

    tag: str = ""
    parts: list[str] = field(default_factory=list[str])
    hidden: bool = False
    preformatted: bool = False


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open = [_Element()]

    def text(self) -> str:
        while len(self._open) > 1:
            self._end()
        return _tidy(self._open[0].parts).replace(_BREAK, "\n").replace(_KEPT, " ")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self._open[-1].tag in _ENDS.get(tag, ()):
            self._end()
        outer = self._open[-1]
        if tag == "br" or tag in _BLOCKS:
            outer.parts.append("\n" if tag == "br" else _BREAK)
        if tag in _VOID or len(self._open) > DEEPEST:
            return
        hidden = outer.hidden or _is_hidden(tag, dict(attrs))
        parts: list[str] = [] if tag == "tr" or tag in _CELLS else outer.parts
        self._open.append(_Element(tag, parts, hidden, outer.preformatted or tag in ("pre", "textarea")))

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, 0, -1):
            each = self._open[place].tag
            if each == tag:
                while len(self._open) > place:
                    self._end()
                return
            if each in _TABLE and tag not in _TABLE:
                return  # nothing in a cell ends what is around its table

    def handle_data(self, data: str) -> None:
        inner = self._open[-1]
        between_cells = inner.tag == "tr" and not data.strip()
        if inner.hidden or between_cells:
            return
        text = data.replace("\xad", "")
        plain = re.sub(r"[ \t\n\r\f]+", " ", text)
        inner.parts.append(text.replace(" ", _KEPT).replace(_BREAK, "\n") if inner.preformatted else plain)

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """`<![…` is a comment to browsers; Python's own reading fails on names that it does not know."""
        return self.parse_bogus_comment(i, report)

    def _end(self) -> None:
        """End the innermost element."""
        ended = self._open.pop()
        outer = self._open[-1]
        if ended.tag == "tr":
            outer.parts.extend((_BREAK, _row(ended.parts), _BREAK))
        elif ended.tag in _CELLS:
            cell = _tidy(ended.parts)
            outer.parts.extend([cell] if outer.tag == "tr" else [_BREAK, cell, _BREAK])
        elif ended.tag in _BLOCKS:
            outer.parts.append(_BREAK)


def _is_hidden(tag: str, attributes: dict[str, str | None]) -> bool:
    """Whether an element is not seen. Scripts may show the body when they have run: it always is."""
    if tag in _UNSEEN or (tag == "dialog" and "open" not in attributes):
        return True
    return tag not in ("html", "body") and (
        "hidden" in attributes or bool(_HIDING.search(attributes.get("style") or ""))
    )


def _row(cells: Sequence[str]) -> str:
    """A row on one line; that of a table which only lays out the page, its cells after each other."""
    filled = [cell for cell in cells if cell]
    if len(filled) < 2 or any(_BREAK in cell for cell in filled):
        return _BREAK.join(filled)
    return " | ".join(cell.replace("\n", " ") for cell in cells)


def _tidy(parts: Sequence[str]) -> str:
    """The text with one space or break where there are several."""
    blocks = (block.strip(" \n") for block in re.sub(" +", " ", "".join(parts)).split(_BREAK))
    return _BREAK.join("\n".join(line.strip(" ") for line in block.split("\n")) for block in blocks if block.strip())
