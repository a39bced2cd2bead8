"""Real documents through the text page: a PDF of forty pages, a table of fifty thousand rows, a film's subtitles."""

from __future__ import annotations

import csv
import html
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pysubs2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pypdf import PdfReader

from assistant import sources
from assistant.catalogue import Catalogue
from tests.browser.conftest import Server, choose_file, open_tab, open_text_page

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
TRANSLATOR = "bergamot-en-pt"
LINES = (  # from and to in milliseconds
    (1000, 3500, "Where have you been?"),
    (4000, 6000, "{\\i1}At the station.{\\i0}\\NThe train was 20 minutes late."),
    (7250, 9000, "I waited for you."),
    (10_000, 12_000, "The coffee is cold now."),
)


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    return open_text_page(context, server.url)


CHARACTERS = 110_000
"""Of documents that grow: what fills the forty pages, and not minutes of reading more."""


@pytest.fixture(scope="module")
def long_pdf(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project's own documents and licence as Chromium prints them."""
    files = [ROOT / "LICENSE", ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    paragraphs = "\n\n".join(file.read_text("utf-8") for file in files)[:CHARACTERS].split("\n\n")
    printed = chromium.new_page()
    printed.set_content("".join(f"<p style='font: 22pt serif'>{html.escape(each)}</p>" for each in paragraphs))
    path = tmp_path_factory.mktemp("pdf") / "documents.pdf"
    printed.pdf(path=path, format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "2cm"))
    printed.close()
    assert len(PdfReader(path).pages) >= 40
    return path


def test_the_mood_of_a_pdf_of_forty_pages(page: Page, long_pdf: Path) -> None:
    choose_file(page, "#sentiment-open", long_pdf)
    expect(page.locator(".verdict strong")).to_be_visible(timeout=120_000)
    assert page.locator(".course a").count() > 150
    expect(page.locator("#sentiment-stop")).to_be_hidden()


@pytest.mark.slow
def test_key_sentences_of_a_pdf_of_forty_pages(page: Page, long_pdf: Path) -> None:
    open_tab(page, "Summarise")
    page.get_by_label("Key sentences").check()
    choose_file(page, "#summarize-open", long_pdf)
    expect(page.locator(".summary ol > li")).to_have_count(3, timeout=120_000)
    text = re.sub(r"\s+", "", "".join(each.extract_text() for each in PdfReader(long_pdf).pages))
    for each in page.locator(".summary ol > li > p").all():
        assert re.sub(r"\s+", "", each.inner_text()) in text


def test_a_question_to_a_pdf_of_forty_pages_quotes_the_passage(page: Page, long_pdf: Path) -> None:
    open_tab(page, "Ask a document")
    page.fill("#ask-question textarea, #ask-question input", "What does a Contributor grant under the patent license?")
    choose_file(page, "#ask-open", long_pdf)
    expect(page.locator("#ask-text textarea")).to_have_value(re.compile("Apache"), timeout=60_000)
    expect(page.locator("#ask-stop")).to_be_hidden()
    page.click("#ask-go")
    expect(page.locator(".answer > p").first).not_to_be_empty(timeout=180_000)
    expect(page.locator("#ask-stop")).to_be_hidden(timeout=120_000)
    expect(page.locator("#ask-shown")).to_contain_text("patent")


@pytest.mark.slow
def test_fifty_thousand_reviews_gain_columns(page: Page, tmp_path: Path) -> None:
    source, count = tmp_path / "reviews.csv", 50_000
    draw = random.Random(0)
    moods = {"positive": ("love", "adore"), "negative": ("hate", "despise")}
    wanted: list[str] = []
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "stars", "review"))
        for number in range(count):
            wanted.append(draw.choice(list(moods)))
            words = f"I {draw.choice(moods[wanted[-1]])} this {draw.choice(('phone', 'camera', 'router', 'film'))}"
            writer.writerow((number, draw.randint(1, 5), f"{words}, bought {draw.randint(2, 90)} days ago."))
    open_tab(page, "A file of texts")
    page.set_input_files("#sentiment-file input[type=file]", str(source))
    expect(page.locator("#sentiment-column input")).to_have_value("review", timeout=30_000)
    page.click("#sentiment-start")
    expect(page.locator("#sentiment-progress")).to_contain_text("s left", timeout=60_000)
    expect(page.locator("#sentiment-progress")).to_contain_text(f"{count:,} of {count:,} rows", timeout=400_000)
    with page.expect_download() as download:
        page.locator("#sentiment-result a[download='reviews-sentiment.csv']").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert [row["id"] for row in rows] == [str(number) for number in range(count)]
    assert sum(row["sentiment"] == mood for row, mood in zip(rows, wanted, strict=True)) > 0.95 * count


@pytest.fixture(scope="module")
def translating(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """A server that has a translator."""
    if sources.locate(Catalogue.load()[TRANSLATOR]) is None:
        pytest.skip(f"{TRANSLATOR} is not here: `parley models pull {TRANSLATOR}`")
    served = Server(tmp_path_factory.mktemp("translating") / "home", TRANSLATOR)
    served.start()
    yield served
    served.stop()


@pytest.mark.slow
def test_subtitles_keep_their_times(context: BrowserContext, translating: Server, tmp_path: Path) -> None:
    page = open_text_page(context, translating.url)
    source = tmp_path / "film.srt"
    film = pysubs2.SSAFile()
    film.events = [pysubs2.SSAEvent(start=start, end=end, text=text) for start, end, text in LINES]
    film.save(str(source))
    open_tab(page, "Translate")
    for field, language in (("from", "English"), ("to", "Portuguese")):
        page.fill(f"#translate-{field} input", language)
        page.keyboard.press("Enter")
    open_tab(page, "A file")
    page.set_input_files("#translate-file input[type=file]", str(source))
    page.click("#translate-start")
    expect(page.locator("#translate-progress")).to_contain_text("4 of 4 rows", timeout=180_000)
    with page.expect_download() as download:
        page.locator("#translate-result a[download='film-translate.srt']").click()
    became = pysubs2.SSAFile.from_string(Path(download.value.path()).read_text("utf-8"), format_="srt")
    assert [(each.start, each.end) for each in became] == [line[:2] for line in LINES]
    text = " ".join(each.plaintext for each in became)
    assert "20" in text
    assert "café" in text


def test_a_letter_is_translated_sentence_beside_sentence(context: BrowserContext, translating: Server) -> None:
    page = open_text_page(context, translating.url)
    open_tab(page, "Translate")
    page.locator("#translate-to input").click()
    page.get_by_role("option", name="Portuguese", exact=True).click()
    page.click("#translate-go")
    expect(page.locator(".pairs li")).to_have_count(3, timeout=180_000)
    expect(page.locator("#translate-whole textarea")).to_have_value(re.compile("14:30"))
    address = page.locator(".pairs li").nth(2)  # kept, or said to be missing
    expect(address).to_contain_text("anna.berg@example.com")
    expect(page.locator(".way")).to_contain_text("English → Portuguese")
    page.fill("#translate-text textarea", "The children were playing happily in the garden.")
    page.click("#translate-go")
    words = re.compile("crianças.*brinca(vam|ndo) (alegremente|felizes) no jardim")
    expect(page.locator("#translate-whole textarea")).to_have_value(words, timeout=60_000)
