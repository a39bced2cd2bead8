"""The text of a document that a person attaches: plain text and code in any encoding, web pages, PDF, Word.

A file is what its content says, not its name. Whatever cannot be read raises BadDocument with what to do.
"""

from __future__ import annotations

import codecs
import logging
import mimetypes
import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from assistant.conversation import Attachment
from assistant.errors import BadDocument
from assistant.rows import clean
from assistant.web_pages import declared_encoding, page_text
from assistant.word import word_text

MOST_BYTES = 50 * 2**20
"""Of any file."""
MOST_CHARACTERS = 2_000_000
"""Of the text; a long novel has half of them, and no model here reads as much at once."""
MOST_PDF_SECONDS = 60.0
"""PDF pages are programs; some run for hours."""

PDF = "application/pdf"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PAGES = ("text/html", "application/xhtml+xml")

_OTHER_KINDS = {
    b"\xd0\xcf\x11\xe0": (
        "is an old or a password-protected Office file",
        "Open it in Word or LibreOffice and save it as .docx without a password.",
    ),
    b"{\\rtf": ("is Rich Text", "Open it in Word or LibreOffice and save it as .docx."),
}
"""First bytes of what people take for documents that Parley reads."""
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LEGACY_ENCODINGS = (
    *("cp1252", "cp1250", "cp1251", "cp932", "euc_jp", "gb18030", "cp949", "big5"),
    *("koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"),
)
"""What text files that are not Unicode are in, commonest first; with all hundred that there are, guesses go astray."""
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
MOST_CONTROLS = 0.01
"""The share of control characters above which a file is not taken for text."""
MOST_STRAYS = 0.01
"""The share of characters that its declared encoding has not, above which a page is not taken to be in it."""
_NO_TEXT = {
    PDF: "It may hold scanned pages: run it through text recognition (OCR) first.",
    **dict.fromkeys(_PAGES, "Its scripts may write it: open it in a browser and print it to a PDF."),
}


def read_document(path: Path, name: str | None = None) -> Attachment:
    """What a document says, under the name that it is shown by (that of the file where None).

    Raises BadDocument for a file that is missing, empty, too large, broken, encrypted, scanned, or no document at all.
    """
    shown = Path(name or path.name).name or "document"
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadDocument(
                f"{shown} is too large: {size / 2**20:.0f} MiB, and {MOST_BYTES // 2**20} MiB can be read.",
                hint="Attach a part of it.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise BadDocument(f"{shown} cannot be read: {error.strerror}.") from error
    if not data:
        raise BadDocument(f"{shown} is empty.")
    for start, (what, hint) in _OTHER_KINDS.items():
        if data.startswith(start):
            raise BadDocument(f"{shown} {what}.", hint=hint)
    media_type, read = _kind(data, shown)
    text = clean(read(data, shown)).replace("\r\n", "\n").replace("\r", "\n")
    _check_length(len(text), shown)
    if not text.strip():
        raise BadDocument(f"{shown} has no text in it.", hint=_NO_TEXT.get(media_type, ""))
    return Attachment(shown, media_type, text, len(data))


def _kind(data: bytes, name: str) -> tuple[str, Callable[[bytes, str], str]]:
    """The media type, and what reads it."""
    begin = data[:1024]
    named_pdf = name.lower().endswith(".pdf")
    if begin.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"%PDF-") or (named_pdf and b"%PDF-" in begin):
        return PDF, _pdf_text
    if data.startswith(b"PK\x03\x04"):
        return WORD, word_text
    for ending, kind in ((".pdf", "a PDF"), (".docx", "a Word document")):
        if name.lower().endswith(ending):
            raise BadDocument(f"{name} is not {kind}, or is broken.", hint="Save it again from the program it is from.")
    guessed = mimetypes.guess_type(name)[0] or ""
    if guessed in _PAGES:
        return guessed, _page_text
    known = guessed.startswith("text/") or guessed in ("application/json", "application/xml", "application/x-sh")
    return guessed if known else "text/plain", _plain_text


def _check_length(characters: int, name: str) -> None:
    if characters > MOST_CHARACTERS:
        raise BadDocument(
            f"{name} is too long: it has more than {MOST_CHARACTERS:,} characters.", hint="Attach a part of it."
        )


def _plain_text(data: bytes, name: str) -> str:
    _check_length(len(data) // 4, name)  # the least that so many bytes can hold; detecting takes seconds on more
    return data.decode(text_encoding(data, name))


def _page_text(data: bytes, name: str) -> str:
    return page_text(_page_source(data, name))


def _page_source(data: bytes, name: str) -> str:
    """By its byte order mark, else as it says; where that cannot be, as other texts. A stray byte is forgiven."""
    declared = "" if data.startswith(tuple(_BYTE_ORDER_MARKS)) else declared_encoding(data)
    if declared:
        source = data.decode(declared, errors="replace")
        if source.count("\ufffd") <= MOST_STRAYS * len(source) and _is_text(source):
            return source
    return data.decode(text_encoding(data, name))


def text_encoding(data: bytes, name: str, *, cut: bool = False) -> str:
    """The encoding of a text: UTF-8, else the likeliest in use before it. cut: the data is only its beginning.

    Raises BadDocument for what is no text.
    """
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "")
    found = encoding or "utf-8"
    try:
        text = codecs.getincrementaldecoder(found)().decode(data, final=not cut)
    except UnicodeDecodeError:
        found = "" if encoding or b"\0" in data else _legacy_encoding(data)
        text = data.decode(found, errors="replace" if cut else "strict") if found else "\0"
    if not _is_text(text):
        raise BadDocument(
            f"{name} is not text, nor a PDF or Word document.", hint="Text, Markdown, code, PDF and .docx can be read."
        )
    return found


def _is_text(text: str) -> bool:
    return "\0" not in text and len(_CONTROLS.findall(text)) <= MOST_CONTROLS * len(text)


def _legacy_encoding(data: bytes) -> str:
    """The most likely of the encodings in use before UTF-8; "" where it is none of them."""
    from charset_normalizer import from_bytes

    matches = from_bytes(data, cp_isolation=list(_LEGACY_ENCODINGS))
    # Often several look equally good: every byte is a letter in cp1250 and in cp1252. The commoner one is then right.
    rank = {encoding: place for place, encoding in enumerate(_LEGACY_ENCODINGS)}
    best = min(matches, key=lambda m: (m.chaos, -m.coherence, rank.get(m.encoding, len(rank))), default=None)
    return best.encoding if best else ""


def _pdf_text(data: bytes, name: str) -> str:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of every flaw that it gets over
    deadline = time.monotonic() + MOST_PDF_SECONDS
    pages: list[str] = []
    characters = 0
    try:
        for page in PdfReader(BytesIO(data)).pages:
            pages.append(page.extract_text().strip())
            characters += len(pages[-1])
            _check_length(characters, name)
            if time.monotonic() > deadline:
                raise BadDocument(
                    f"{name} takes too long to read: {len(pages)} pages in {MOST_PDF_SECONDS:.0f} seconds.",
                    hint="Attach a part of it.",
                )
    except BadDocument:
        raise
    except (FileNotDecryptedError, DependencyError) as error:
        raise BadDocument(
            f"{name} is encrypted.", hint="Open it in a PDF viewer and print it to a new PDF without a password."
        ) from error
    except Exception as error:  # pypdf's own documentation: broken files may raise anything
        raise BadDocument(
            f"{name} is broken: it cannot be read as a PDF ({type(error).__name__}).",
            hint="Open it in a PDF viewer and print it to a new PDF.",
        ) from error
    return "\n\n".join(filter(None, pages))
