"""The texts inside a document (Markdown, subtitles, Word), and the document again with others in their place.

A document is read twice the same way: `texts` gives its pieces in order, `rewritten` puts a new text where each was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.documents import MOST_BYTES, text_encoding
from assistant.errors import BadDocument
from assistant.word import changed_word

if TYPE_CHECKING:
    from markdown_it.token import Token

SUBTITLES = (".srt", ".vtt", ".ass", ".ssa")
ENDINGS = (".md", ".markdown", ".docx", *SUBTITLES)
"""Files whose structure is kept."""

Change = Callable[[str], str]
_DRAWING = r"\{[^}]*\\p[1-9][^}]*\}"
"""Begins commands that draw, up to `{\\p0}`."""
_PLACE = re.compile(rf"(?:{_DRAWING}.*?(?=\{{[^}}]*\\p0|\Z)|\{{[^}}]*\}})+", re.DOTALL)
"""What stands before a cue's text and is none."""
_LETTER = re.compile(r"[^\W\d_]")
_HARD_BREAK = re.compile(r"(?:(?<=\S) {2,}|(?<=[^\s\\])(?:\\\\)*\\)$")


def texts(path: Path) -> list[str]:
    """The document's texts in order: paragraphs, cells, subtitles. Raises BadDocument for one that cannot be read."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    _walk(path, note)
    return found


def rewritten(path: Path, output: Path, replacements: Iterable[str]) -> None:
    """Write the document at `path` to `output` with the replacement of each text in its place."""
    waiting = iter(replacements)
    output.write_bytes(_walk(path, lambda _: next(waiting)))


def _walk(path: Path, change: Change) -> bytes:
    """The document with each of its texts changed."""
    data = path.read_bytes()
    if len(data) > MOST_BYTES:
        raise BadDocument(f"{path.name} is too large: {len(data) / 2**20:.0f} MiB.", hint="Give a part of it.")
    if path.suffix.lower() == ".docx":
        return changed_word(data, path.name, change)
    text = data.decode(text_encoding(data, path.name))
    ending = path.suffix.lower()
    kind = _timed if ending in (".srt", ".vtt") else _styled if ending in SUBTITLES else _markdown
    return kind(text, path, change).encode()


def _timed(text: str, path: Path, change: Change) -> str:
    """.srt and .vtt: what stands between a line of times and the next empty line is one text, and nothing else is
    touched: names of cues, their settings, notes, styles."""
    lines = _lines(text)
    out: list[str] = []
    cues = 0
    while lines:
        out.append(lines.pop(0))
        if "-->" not in out[-1]:
            continue
        cue: list[str] = []
        while lines and lines[0].strip() and not (len(lines) > 1 and "-->" in lines[1] and lines[0].strip().isdigit()):
            cue.append(lines.pop(0))
        if cue:
            cues += 1
            ending = cue[-1][len(cue[-1].rstrip("\r\n")) :]
            between = cue[0][len(cue[0].rstrip("\r\n")) :] or "\n"
            said = _said([line.strip() for line in cue], change)
            out.append(between.join(said) + ending)
    if not cues:
        raise BadDocument(f"{path.name} holds no subtitles.", hint="Check what it really is.")
    return "".join(out)


def _styled(text: str, path: Path, change: Change) -> str:
    """.ass and .ssa by pysubs2, which keeps times, order and styles."""
    import pysubs2

    kind = path.suffix[1:].lower()
    try:
        film = pysubs2.SSAFile.from_string(text, format_=kind)
    except Exception as error:  # pysubs2 raises its own, ValueError and more
        raise BadDocument(
            f"{path.name} holds no subtitles that can be read ({type(error).__name__}).",
            hint="Check what it really is.",
        ) from error
    cues = [cue for cue in film if not cue.is_comment and _speaks(cue.text)]
    if not cues:
        raise BadDocument(f"{path.name} holds no subtitles.", hint="Check what it really is.")
    for cue in cues:
        cue.text = "\\N".join(_said(cue.text.split("\\N"), change))
    return film.to_string(kind)


def _speaks(text: str) -> bool:
    """Whether a cue says anything. One that draws after its text stays as it is: the two cannot be told apart."""
    place = _PLACE.match(text)
    said = text[place.end() :] if place else text
    return bool(said.strip()) and not re.search(_DRAWING, said)


def _said(lines: list[str], change: Change) -> list[str]:
    """The lines of a cue as one text changed, in as many lines; where it stands on the screen ({\\an8}) is no text."""
    place = _PLACE.match(lines[0])
    head = place[0] if place else ""
    said = change(" ".join(" ".join([lines[0][len(head) :], *lines[1:]]).split()))
    first, *more = _balanced(said, len(lines)) or [""]
    return [head + first, *more]


def _balanced(text: str, lines: int) -> list[str]:
    """The text in that many lines of about the same length."""
    words = text.split()
    found: list[str] = []
    for left in range(min(lines, max(1, len(words))), 0, -1):
        most = len(" ".join(words)) / left
        line = [words.pop(0)] if words else []
        while words and (left == 1 or len(" ".join([*line, words[0]])) <= most + len(words[0]) / 2):
            line.append(words.pop(0))
        found.append(" ".join(line))
    return found


def _markdown(text: str, path: Path, change: Change) -> str:
    """Code, front matter, raw HTML and the marks before a text stay; a paragraph becomes one line, or as many as hard
    breaks part it into."""
    from markdown_it import MarkdownIt

    front = re.match(r"---\r?\n.*?\n---\r?\n", text, re.DOTALL)
    head = front[0] if front else ""
    lines = _lines(text[len(head) :])
    done: dict[int, int] = {}
    for before, token in pairwise(MarkdownIt("commonmark").enable("table").parse("".join(lines))):
        if token.type != "inline" or not token.map:
            continue
        first = token.map[0]
        in_cell = before.type in ("td_open", "th_open")
        for stretch in _stretches(token):
            if in_cell:  # of one line
                cell = _written_in_cell(stretch[0])
                done[first] = _put(
                    lines, first, [cell], lambda said: _written_in_cell(change(_read_in_cell(said))), done
                )
            else:
                done[first] = _put(lines, first, stretch, change, done)
            first += len(stretch)
    return head + "".join(lines)


def _put(lines: list[str], first: int, stretch: list[str], change: Change, done: Mapping[int, int]) -> int:
    """Change what the lines from `first` on say, in its place. done: how much of a line has been; returned anew."""
    last = first + len(stretch) - 1
    place = lines[first].find(stretch[0], done.get(first, 0))
    end = place if last == first else lines[last].rfind(stretch[-1])
    if place < 0 or end < 0 or not _LETTER.search(" ".join(stretch)):
        return done.get(first, 0)
    rest = lines[last][end + len(stretch[-1]) :]
    said = change(" ".join(" ".join(stretch).split()))
    lines[first : last + 1] = [lines[first][:place] + said + rest, *[""] * (last - first)]
    return place + len(said)


def _stretches(token: Token) -> list[list[str]]:
    """The lines of an inline token, apart where a hard break is, without the marks of the breaks."""
    lines = [line.lstrip() for line in token.content.split("\n")]
    breaks = {number for number, line in enumerate(lines[:-1]) if _HARD_BREAK.search(line)}
    if len(breaks) != sum(child.type == "hardbreak" for child in token.children or ()):
        breaks.clear()  # one of them is inside code, which must not be torn
    ends = [*sorted(breaks), len(lines) - 1]
    begins = [0, *(end + 1 for end in ends[:-1])]
    return [
        [*lines[begin:end], _HARD_BREAK.sub("", lines[end]) if end in breaks else lines[end]]
        for begin, end in zip(begins, ends, strict=True)
    ]


def _written_in_cell(text: str) -> str:
    return text.replace("|", "\\|")


def _read_in_cell(text: str) -> str:
    return text.replace("\\|", "|")


def _lines(text: str) -> list[str]:
    """With their ends, as markdown-it counts them: `splitlines` cuts at more characters."""
    return re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", text)
