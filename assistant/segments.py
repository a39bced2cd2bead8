"""The texts inside a document (Markdown, subtitles, Word), and the document again with others in their place.

A document is read twice the same way: `texts` gives its pieces in order, `rewritten` puts a new text where each was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from assistant.documents import MOST_BYTES, check_word, text_encoding
from assistant.errors import BadDocument

SUBTITLES = (".srt", ".vtt", ".ass", ".ssa")
ENDINGS = (".md", ".markdown", ".docx", *SUBTITLES)
"""Files whose structure is kept."""

Change = Callable[[str], str]
_PLACE = re.compile(r"(?:\{[^}]*\})+")


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
        return _word(data, path.name, change)
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
    cues = [cue for cue in film if not cue.is_comment and cue.text.strip()]
    if not cues:
        raise BadDocument(f"{path.name} holds no subtitles.", hint="Check what it really is.")
    for cue in cues:
        cue.text = "\\N".join(_said(cue.text.split("\\N"), change))
    return film.to_string(kind)


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
    """Code, front matter, raw HTML and the marks before a text stay; a paragraph becomes one line."""
    from markdown_it import MarkdownIt

    front = re.match(r"---\r?\n.*?\n---\r?\n", text, re.DOTALL)
    head = front[0] if front else ""
    lines = _lines(text[len(head) :])
    changed: dict[int, str] = {}
    dropped: set[int] = set()
    at: dict[int, int] = {}
    for token in MarkdownIt("commonmark").enable("table").parse("".join(lines)):
        if token.type != "inline" or not token.map or not re.search(r"[^\W\d_]", token.content):
            continue
        first = token.map[0]
        begin = token.content.split("\n")[0]
        line = changed.get(first, lines[first])
        place = line.find(begin, at.get(first, 0))
        if place < 0:
            continue
        said = change(" ".join(token.content.split()))
        alone = token.content.count("\n") == 0
        end = place + len(begin) if alone else len(line.rstrip("\n"))
        changed[first] = line[:place] + said + line[end:]
        at[first] = place + len(said)
        dropped |= set(range(first + 1, first + token.content.count("\n") + 1)) if not alone else set()
    kept = (changed.get(number, line) for number, line in enumerate(lines) if number not in dropped)
    return head + "".join(kept)


def _lines(text: str) -> list[str]:
    """With their ends, as markdown-it counts them: `splitlines` cuts at more characters."""
    return re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", text)


def _word(data: bytes, name: str, change: Change) -> bytes:
    """Paragraphs of the text, of tables, headers and footers; the longest run's look is that of the whole paragraph.

    Tabs and line breaks inside a paragraph are read as spaces, and stay where they are.
    """
    document = check_word(data, name)
    out = BytesIO()
    parts = [document.element.body]
    for section in document.sections:
        parts += [part._element for part in (section.header, section.footer) if not part.is_linked_to_previous]
    for part in parts:
        for paragraph in part.iter("{*}p"):
            inside = [each for each in paragraph.iter("{*}t", "{*}tab", "{*}br") if _own(each, paragraph)]
            pieces = [each for each in inside if each.text]
            whole = "".join(each.text or ("" if each.tag.endswith("}t") else " ") for each in inside)
            if not re.search(r"[^\W\d_]", whole):
                continue
            said = change(" ".join(whole.split()))
            longest = max(pieces, key=lambda piece: len(piece.text))
            for piece in pieces:
                piece.text = said if piece is longest else ""
    document.save(out)
    return out.getvalue()


def _own(text: Any, paragraph: Any) -> bool:
    """Whether the text is the paragraph's own, not that of a paragraph in a text box inside it."""
    return next(text.iterancestors("{*}p")) is paragraph
