from __future__ import annotations

import resource
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PdfStreamError
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, StreamObject

from assistant import documents
from assistant import word as word_files
from assistant.documents import PDF, WORD, read_document
from assistant.errors import BadDocument

FRENCH = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite "
    "que je n'avais pas le temps de me dire : « Je m'endors. » Et, une demi-heure après, la pensée m'éveillait."
)
SPANISH = (
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de los de "
    "lanza en astillero, adarga antigua, rocín flaco y galgo corredor. El año que viene, mañana."
)
PORTUGUESE = (
    "Não há muito tempo, a criança viu o pão na mesa; então o coração disse: amanhã não haverá lições. Você vê?"
)
POLISH = "Litwo! Ojczyzno moja! ty jesteś jak zdrowie. Ile cię trzeba cenić, ten tylko się dowie, kto cię stracił."
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. Это обычный русский текст."
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα."
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
CHINESE = "我们的祖国是花园,花园的花朵真鲜艳。这是一个普通的中文句子。"
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다."


def write(folder: Path, name: str, data: bytes | str) -> Path:
    file = folder / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def pdf(*pages: str, password: str = "", owner: str | None = None) -> bytes:
    """A PDF with a line of text a page; "" makes a page without text, as a scan is."""
    writer = pypdf.PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        names = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(names)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password or owner:
        writer.encrypt(password, owner, algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def word(*blocks: str | list[list[str]]) -> bytes:
    """A Word file of paragraphs and tables."""
    document = Document()
    for block in blocks:
        if isinstance(block, str):
            document.add_paragraph(block)
        else:
            table = document.add_table(len(block), len(block[0]))
            for row, texts in zip(table.rows, block, strict=True):
                for cell, text in zip(row.cells, texts, strict=True):
                    cell.text = text
    out = BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "utf-8"),
        (FRENCH, "utf-8-sig"),
        (FRENCH, "utf-16"),
        (FRENCH, "utf-32"),
        (FRENCH, "cp1252"),
        (SPANISH, "cp1252"),
        (PORTUGUESE, "cp1252"),
        ("Müller & Söhne", "latin-1"),
        (POLISH, "cp1250"),
        (GREEK, "cp1253"),
        (KOREAN, "cp949"),
        (RUSSIAN, "utf-8"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        (CHINESE, "utf-16-le-with-mark"),
    ],
)
def test_text_is_read_in_the_encoding_it_is_in(tmp_path: Path, text: str, encoding: str) -> None:
    marked = encoding.endswith("-with-mark")
    data = b"\xff\xfe" + text.encode("utf-16-le") if marked else text.encode(encoding)
    read = read_document(write(tmp_path, "a.txt", data))
    assert read.text == text
    assert (read.name, read.media_type, read.bytes) == ("a.txt", "text/plain", len(data))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_any_text_in_utf_8_is_read_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("text")
    assert read_document(write(folder, "a.md", text)).text == text.removeprefix("\ufeff")


def test_line_ends_become_one_kind(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "a.txt", "a\r\nb\rc\nd\te\x0c")).text == "a\nb\nc\nd\te\x0c"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("main.py", "text/x-python"),
        ("notes.md", "text/markdown"),
        ("Makefile", "text/plain"),
        ("a.json", "application/json"),
    ],
)
def test_code_is_text_whatever_its_name(tmp_path: Path, name: str, media_type: str) -> None:
    read = read_document(write(tmp_path, name, "print('hello')\n"))
    assert (read.text, read.media_type) == ("print('hello')\n", media_type)


def test_the_name_shown_is_the_one_given(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "upload-17", "text"), "folder/My notes.txt").name == "My notes.txt"


def test_the_pages_of_a_pdf_follow_each_other(tmp_path: Path) -> None:
    read = read_document(write(tmp_path, "a.pdf", pdf("First page", "", "Third page")))
    assert (read.text, read.media_type) == ("First page\n\nThird page", PDF)


def test_a_pdf_is_known_by_its_content(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "upload", b"\n" + pdf("Hello"))).text == "Hello"


def test_a_text_about_pdf_is_a_text(tmp_path: Path) -> None:
    text = "A PDF begins with %PDF-1.7 and ends with %%EOF."
    assert read_document(write(tmp_path, "a.md", text)).text == text


def test_a_pdf_may_begin_late_where_its_name_says_what_it_is(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "a.pdf", b"HTTP/1.1 200 OK\r\n\r\n" + pdf("Hello"))).text == "Hello"
    assert read_document(write(tmp_path, "upload", b"\xef\xbb\xbf\r\n" + pdf("Hello"))).text == "Hello"


@pytest.mark.parametrize("name", ["a.html", "A.HTM", "a.xhtml"])
def test_a_web_page_is_read_as_a_person_reads_it(tmp_path: Path, name: str) -> None:
    page = "<!DOCTYPE html><html><head><title>T</title><style>p {}</style></head><body><p>One &amp; two</p><p>3</html>"
    read = read_document(write(tmp_path, name, page))
    assert read.text == "One & two\n3"
    assert read.bytes == len(page)


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("cp1252", '<meta charset="iso-8859-1">'),
        ("gb18030", "<META http-equiv=Content-Type content='text/html; charset=gb2312'>"),
        ("cp1251", "<?xml version='1.0' encoding='windows-1251'?>"),
        ("utf-16", '<meta charset="utf-16">'),
        ("utf-8-sig", '<meta charset="iso-8859-1">'),
        ("utf-8", '<meta charset="nonsense">'),
        ("utf-8", '<meta charset="punycode">'),
        ("utf-8", '<meta charset="shift_jis">'),
        ("utf-8", ""),
    ],
)
def test_a_web_page_is_in_the_encoding_that_it_says(tmp_path: Path, encoding: str, declared: str) -> None:
    text = {"gb18030": "联通", "cp1251": RUSSIAN, "cp1252": "déjà “vu”"}.get(encoding, POLISH)
    page = f"<head>{declared}</head><p>{text}"
    assert read_document(write(tmp_path, "a.html", page.encode(encoding))).text == text


def test_a_stray_byte_does_not_change_the_encoding_of_a_web_page(tmp_path: Path) -> None:
    page = f"<meta charset=utf-8><p>{POLISH}</p>".encode() + b"<p>\xff</p>"
    assert read_document(write(tmp_path, "a.html", page)).text == POLISH + "\n\ufffd"


def test_a_pdf_that_only_forbids_printing_is_read(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "a.pdf", pdf("Hello", owner="secret"))).text == "Hello"


def test_word_paragraphs_and_tables_come_in_order(tmp_path: Path) -> None:
    data = word("Before", [["a", "b"], ["c", "d"]], "Tab\there\nand a break")
    read = read_document(write(tmp_path, "a.docx", data))
    assert read.text == "Before\na | b\nc | d\nTab\there\nand a break"
    assert read.media_type == WORD


def test_word_content_controls_and_tracked_changes_are_read_as_they_look(tmp_path: Path) -> None:
    document = Document()
    inner = (
        "<w:sdt {0}><w:sdtContent><w:p><w:r><w:t>kept</w:t></w:r>"
        "<w:ins><w:r><w:t> added</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText> removed</w:delText></w:r></w:del></w:p></w:sdtContent></w:sdt>"
    )
    document.element.body.insert(0, parse_xml(inner.format(nsdecls("w"))))
    out = BytesIO()
    document.save(out)
    assert read_document(write(tmp_path, "a.docx", out.getvalue())).text.strip() == "kept added"


def other_zip() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.txt", b"", "a.txt is empty"),
        ("a.txt", b" \n\t ", "has no text in it"),
        ("a.txt", bytes(range(256)) * 20, "is not text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "is not text"),
        ("a.txt", b"abc\0def", "is not text"),
        ("a.txt", b"\xff\xfeabc", "is not text"),
        ("a.txt", b"ABC\x01\x02\x1b[" * 50, "is not text"),
        ("a.txt", b"\x1f\x8b\x08\x00" + bytes(range(1, 255)), "is not text"),
        ("a.txt", b"x" * 8_000_100, "too long.*2,000,000 characters.*a part of it"),
        ("a.html", b"<div id=root></div><script>write()</script>", "no text in it.*scripts"),
        ("a.html", b"<meta charset=utf-8>" + bytes(50), "is not text"),
        ("a.pdf", b"just text", "not a PDF"),
        ("a.pdf", pdf("", ""), "has no text in it.*text recognition"),
        ("a.pdf", pdf("Hello", password="secret"), "is encrypted.*without a password"),
        ("a.pdf", b"%PDF-1.4\nnothing more", "is broken"),
        ("a.pdf", pdf("Hello")[:100], "is broken"),
        ("a.docx", b"just text", "not a Word document"),
        ("a.docx", word("Hello")[:2000], "is broken"),
        ("a.docx", word(), "has no text in it"),
        ("a.docx", other_zip(), "is not a Word document.*save it as that"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old or a password-protected"),
        ("a.rtf", b"{\\rtf1 hello}", "is Rich Text"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    with pytest.raises(BadDocument, match=says) as caught:
        read_document(write(tmp_path, "upload", data), name)
    assert caught.value.message.startswith(name)


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match=r"nowhere\.txt cannot be read: No such file"):
        read_document(tmp_path / "nowhere.txt")
    with pytest.raises(BadDocument, match="cannot be read"):
        read_document(tmp_path)


def test_an_enormous_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    with file.open("wb") as hole:
        hole.truncate(documents.MOST_BYTES + 1)
    with pytest.raises(BadDocument, match="too large: 50 MiB"):
        read_document(file)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = BytesIO(word("Hello"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/bomb", bytes(word_files.MOST_UNPACKED_BYTES))
    assert len(out.getvalue()) < 2**20
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("a part was unpacked"))
    with pytest.raises(BadDocument, match="unpacks to more than 200 MiB"):
        read_document(write(tmp_path, "a.docx", out.getvalue()))


def test_a_word_file_of_very_many_parts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_files, "MOST_PARTS", 3)
    with pytest.raises(BadDocument, match="unpacks to more"):
        read_document(write(tmp_path, "a.docx", word("Hello")))


def test_entities_in_a_word_file_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 1000 + '"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(word("MARK"))) as source, zipfile.ZipFile(out, "w") as target:
        for part in source.infolist():
            data = source.read(part)
            if part.filename == "word/document.xml":
                data = data.replace(b"<w:document", bomb.encode() + b"<w:document", 1).replace(b"MARK", b"x&b;&f;y")
            target.writestr(part, data)
    try:
        text = read_document(write(tmp_path, "a.docx", out.getvalue())).text
    except BadDocument:
        return
    assert "haha" not in text
    assert "root" not in text


def test_a_pdf_that_unpacks_to_a_gigabyte_is_refused(tmp_path: Path) -> None:
    reader = pypdf.PdfReader(BytesIO(pdf("MARK")))
    writer = pypdf.PdfWriter(clone_from=reader)
    stream = StreamObject()
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(2**20)) for _ in range(1024)) + packer.flush()
    stream._data = data
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    writer.pages[0][NameObject("/Contents")] = writer._add_object(stream)
    out = BytesIO()
    writer.write(out)
    assert len(out.getvalue()) < 2 * 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadDocument):
        read_document(write(tmp_path, "a.pdf", out.getvalue()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024, "KiB"


def test_long_and_slow_pdfs_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "a.pdf", pdf("Hello", "Hello"))
    with monkeypatch.context() as patched:
        patched.setattr(documents, "MOST_CHARACTERS", 8)
        with pytest.raises(BadDocument, match="too long"):
            read_document(file)
    monkeypatch.setattr(documents, "MOST_PDF_SECONDS", -1.0)
    with pytest.raises(BadDocument, match="takes too long to read: 1 page"):
        read_document(file)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (FileNotDecryptedError("x"), "is encrypted"),
        (DependencyError("cryptography is needed"), "is encrypted"),
        (PdfStreamError("x"), "is broken"),
        (LimitReachedError("x"), "is broken"),
        (RecursionError(), "is broken"),
        (KeyError("x"), "is broken"),
        (OverflowError(), "is broken"),
    ],
)
def test_every_error_of_the_pdf_library_has_a_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    file = write(tmp_path, "a.pdf", pdf("Hello"))
    monkeypatch.setattr(pypdf.PageObject, "extract_text", fails)
    with pytest.raises(BadDocument, match=says) as caught:
        read_document(file)
    assert caught.value.__cause__ is error


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([pdf("Hello"), word("Hello", [["a"]])]), st.integers(0, 40_000), st.binary(max_size=30))
def test_a_damaged_file_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int, instead: bytes
) -> None:
    start %= len(data)
    damaged = data[:start] + instead + data[start + len(instead) :]
    try:
        read_document(write(tmp_path_factory.mktemp("damaged"), "a", damaged))
    except BadDocument as error:
        assert error.message
