"""Word files: what they say, and the same files with other texts in their place."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from assistant.errors import BadDocument

MOST_UNPACKED_BYTES = 200 * 2**20
"""What a Word file, which is a zip archive, may declare to hold."""
MOST_PARTS = 10_000
"""Files inside a Word file."""

_BREAKS = ("tab", "br", "cr")
_LETTER = re.compile(r"[^\W\d_]")


def word_text(data: bytes, name: str) -> str:
    """Paragraphs and rows of tables, each on a line. Raises BadDocument."""
    return "\n".join(_blocks(open_word(data, name).element.body))


def open_word(data: bytes, name: str) -> Any:
    """A Word file opened by python-docx. Raises BadDocument for a broken one, or one that unpacks to too much."""
    from docx import Document

    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
        # zipfile reads no more of a part than it declares, so what is declared can be relied on.
        if sum(part.file_size for part in parts) > MOST_UNPACKED_BYTES or len(parts) > MOST_PARTS:
            raise BadDocument(f"{name} unpacks to more than {MOST_UNPACKED_BYTES // 2**20} MiB, and was not opened.")
        if "word/document.xml" not in (part.filename for part in parts):
            raise BadDocument(
                f"{name} is not a Word document.",
                hint="Of Office files only .docx can be read: save it as that, or PDF.",
            )
        return Document(BytesIO(data))
    except BadDocument:
        raise
    except Exception as error:  # zipfile, lxml and python-docx each have their own, and KeyError besides
        raise BadDocument(
            f"{name} is broken: it cannot be read as a Word document ({type(error).__name__}).",
            hint="Open it in Word or LibreOffice and save it again as .docx.",
        ) from error


def changed_word(data: bytes, name: str, change: Callable[[str], str]) -> bytes:
    """The file with each text changed: the stretches between tabs and line breaks, which stay where they are, in
    paragraphs of the body, tables, headers and footers. The look of its longest run becomes that of a whole stretch.

    Raises BadDocument.
    """
    document = open_word(data, name)
    for part in _parts(document):
        for paragraph in part.iter("{*}p"):
            for pieces in _stretches(paragraph):
                whole = "".join(piece.text for piece in pieces)
                if not _LETTER.search(whole):
                    continue
                said = change(" ".join(whole.split()))
                longest = max(pieces, key=lambda piece: len(piece.text))
                for piece in pieces:
                    piece.text = said if piece is longest else ""
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def _parts(document: Any) -> Iterator[Any]:
    """The body, and each header and footer that a section does not take from the one before."""
    yield document.element.body
    for section in document.sections:
        for kind in ("header", "footer"):
            for pages in ("", "first_page_", "even_page_"):
                part = getattr(section, pages + kind)
                if not part.is_linked_to_previous:
                    yield part._element


def _stretches(paragraph: Any) -> list[list[Any]]:
    """The elements of a paragraph's text, apart where a tab or a line break is; not those of a text box inside it."""
    found: list[list[Any]] = [[]]
    for each in paragraph.iter("{*}t", *(f"{{*}}{kind}" for kind in _BREAKS)):
        if next(each.iterancestors("{*}p")) is not paragraph:
            continue
        if not each.tag.endswith("}t"):
            found.append([])
        elif each.text:
            found[-1].append(each)
    return found


def _blocks(element: Any) -> Iterator[str]:
    """Each paragraph and each row of a table, in order; also those inside content controls, which python-docx skips."""
    for child in element.iterchildren("{*}p", "{*}tbl", "{*}sdt", "{*}sdtContent"):
        kind = child.tag.rpartition("}")[2]
        if kind == "p":
            yield "".join(_characters(child))
        elif kind == "tbl":
            for row in child.iterchildren("{*}tr"):
                yield " | ".join(" ".join(_blocks(cell)).strip() for cell in row.iterchildren("{*}tc"))
        else:
            yield from _blocks(child)


def _characters(element: Any) -> Iterator[str]:
    """What a paragraph says: tracked insertions too, tracked deletions (`delText`) not; pictures have a second, older
    form (`Fallback`) that says the same again."""
    for child in element.iterchildren("{*}*"):
        kind = child.tag.rpartition("}")[2]
        if kind == "t":
            yield child.text or ""
        elif kind in _BREAKS:
            yield "\t" if kind == "tab" else "\n"
        elif kind not in ("pPr", "rPr", "Fallback"):
            yield from _characters(child)
