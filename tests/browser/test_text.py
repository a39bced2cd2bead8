"""The text page as a person uses it, with the embedded encoder and our own adapter."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from assistant import sources
from assistant.catalogue import Catalogue
from tests.browser.conftest import ENCODER, Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    if sources.locate(Catalogue.load()[ENCODER]) is None:
        pytest.skip(f"{ENCODER} is not here: `scripts/setup encoder`")
    page = context.new_page()
    page.goto(f"{server.url}text")
    page.wait_for_selector("#sentiment-text textarea", timeout=30_000)
    return page


def read(page: Page, text: str) -> None:
    page.fill("#sentiment-text textarea", text)
    page.click("#sentiment-go")


def test_the_example_is_read_with_one_click(page: Page) -> None:
    page.click("#sentiment-go")
    expect(page.locator(".verdict strong")).to_be_visible(timeout=60_000)
    expect(page.locator(".sentences li")).to_have_count(5)
    expect(page.locator(".course a")).to_have_count(5)
    expect(page.locator(".sentences mark.for").first).to_be_visible()


def test_plain_opinions_are_told_apart(page: Page) -> None:
    read(page, "I love this phone, it is wonderful.\n\nThe hotel was dirty and the staff were rude.")
    expect(page.locator(".sentences li")).to_have_count(2, timeout=60_000)
    kinds = [each.get_attribute("class") for each in page.locator(".sentences li").all()]
    assert kinds == ["positive", "negative"]


def test_hostile_html_is_shown_and_inert(page: Page) -> None:
    read(page, "<img src=x onerror=alert(1)> is what I hate & <b>love</b> ${alert(2)} {{ x }}.")
    expect(page.locator(".sentences")).to_contain_text("<img src=x onerror=alert(1)>", timeout=60_000)
    expect(page.locator(".sentences")).to_contain_text("${alert(2)} {{ x }}")
    assert page.locator(".sentences img, .sentences b").count() == 0


@pytest.mark.parametrize("text", ["", "?!"])
def test_a_text_without_words_is_told(page: Page, text: str) -> None:
    read(page, text)
    expect(page.locator(".toast-wrap")).to_contain_text("no words", timeout=60_000)


def test_a_document_is_opened_and_read(page: Page, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("We are delighted with the garden. Thank you!", "utf-8")
    with page.expect_file_chooser() as chooser:
        page.click("#sentiment-open")
    chooser.value.set_files(str(tmp_path / "letter.txt"))
    expect(page.locator("#sentiment-text textarea")).to_have_value("We are delighted with the garden. Thank you!")
    expect(page.locator(".verdict strong")).to_have_text("Positive", timeout=60_000)


def test_a_file_of_reviews_gains_columns(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "reviews.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("id", "stars", "review"), (1, 5, "Excellent!"), (2, 1, "Terrible, awful."), (3, 3, "")]
        )
    page.get_by_role("tab", name="A file of texts").click()
    page.set_input_files("#batch-file input[type=file]", str(source))
    expect(page.locator("#batch-column input")).to_have_value("review")
    page.click("#batch-go")
    expect(page.locator("#batch-progress")).to_contain_text("3 of 3 rows", timeout=60_000)
    expect(page.locator("#batch-progress")).to_contain_text("1 set apart")
    with page.expect_download() as download:
        page.locator("#batch-result a[download='reviews-sentiment.csv']").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert [(row["id"], row["sentiment"]) for row in rows] == [("1", "positive"), ("2", "negative")]


def test_a_file_that_is_no_table_is_told(page: Page, tmp_path: Path) -> None:
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)) * 40)
    page.get_by_role("tab", name="A file of texts").click()
    page.set_input_files("#batch-file input[type=file]", str(tmp_path / "picture.txt"))
    expect(page.locator(".toast-wrap")).to_contain_text("not text", timeout=30_000)


def test_a_phone_shows_it_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#sentiment-go")
    expect(page.locator(".verdict strong")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
