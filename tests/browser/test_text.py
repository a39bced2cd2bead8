"""The text page as a person uses it, with the embedded encoder and our own adapter."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Server, choose_file, open_tab, open_text_page
from ui.web.text_page import TABS

pytestmark = pytest.mark.browser


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    return open_text_page(context, server.url)


def read(page: Page, text: str) -> None:
    page.fill("#sentiment-text textarea", text)
    page.click("#sentiment-go")


def test_the_example_is_read_with_one_click(page: Page) -> None:
    page.click("#sentiment-go")
    expect(page.locator(".verdict strong")).to_be_visible(timeout=60_000)
    expect(page.locator(".sentences li")).to_have_count(5)
    expect(page.locator(".course a")).to_have_count(5)
    expect(page.locator(".sentences mark.for").first).to_be_visible()


@pytest.mark.parametrize("task", TABS)
def test_an_address_opens_a_tab(task: str, context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.goto(f"{server.url}text?task={task}")
    expect(page.locator(f"#{task}-go")).to_be_visible(timeout=30_000)


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
    expect(page.locator(".toast-wrap")).to_contain_text(re.compile("no words|empty"), timeout=60_000)
    expect(page.locator("#sentiment-stop")).to_be_hidden()


def test_a_document_is_opened_and_read(page: Page, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("We are delighted with the garden. Thank you!", "utf-8")
    choose_file(page, "#sentiment-open", tmp_path / "letter.txt")
    expect(page.locator("#sentiment-text textarea")).to_have_value("We are delighted with the garden. Thank you!")
    expect(page.locator(".verdict strong")).to_have_text("Positive", timeout=60_000)


def test_a_file_of_reviews_gains_columns(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "reviews.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("id", "stars", "review"), (1, 5, "Excellent!"), (2, 1, "Terrible, awful."), (3, 3, "")]
        )
    page.get_by_role("tab", name="A file of texts").click()
    page.set_input_files("#sentiment-file input[type=file]", str(source))
    expect(page.locator("#sentiment-column input")).to_have_value("review")
    page.click("#sentiment-start")
    expect(page.locator("#sentiment-progress")).to_contain_text("3 of 3 rows", timeout=60_000)
    expect(page.locator("#sentiment-progress")).to_contain_text("1 set apart")
    expect(page.locator("#sentiment-seen h3")).to_have_text("2 rows")
    expect(page.locator("#sentiment-seen .course a")).to_have_count(2)
    expect(page.locator("#sentiment-seen .course [role=img]")).to_have_attribute(
        "aria-label", re.compile("through 2 rows")
    )
    with page.expect_download() as download:
        page.locator("#sentiment-result a[download='reviews-sentiment.csv']").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert [(row["id"], row["sentiment"]) for row in rows] == [("1", "positive"), ("2", "negative")]


def test_a_file_that_is_no_table_is_told(page: Page, tmp_path: Path) -> None:
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)) * 40)
    page.get_by_role("tab", name="A file of texts").click()
    page.set_input_files("#sentiment-file input[type=file]", str(tmp_path / "picture.txt"))
    expect(page.locator(".toast-wrap")).to_contain_text("not text", timeout=30_000)


def test_a_phone_shows_it_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#sentiment-go")
    expect(page.locator(".verdict strong")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


STORY = (
    "Whales are mammals that live in the sea. Whales breathe air at the surface. The author drank tea on Monday. "
    "Whales eat krill, squid and small fish. Hunting nearly ended the great whales."
)


def test_key_sentences_of_a_document_with_a_click(page: Page, tmp_path: Path) -> None:
    (tmp_path / "whales.md").write_text(STORY, "utf-8")
    open_tab(page, "Summarise")
    page.fill("#summarize-count input[type=number]", "2")
    choose_file(page, "#summarize-open", tmp_path / "whales.md")
    expect(page.locator(".summary ol > li")).to_have_count(2, timeout=60_000)
    for each in page.locator(".summary ol > li > p").all():
        assert each.inner_text() in STORY
    page.locator(".summary summary").first.click()
    expect(page.locator(".summary blockquote").first).to_be_visible()


def test_a_summary_written_anew_says_where_the_text_says_so(page: Page) -> None:
    open_tab(page, "Summarise")
    page.get_by_label("Written anew").check()
    page.locator(".tabitem:visible").get_by_role("button", name="Model").first.click()
    page.fill("#summarize-model input", "smollm2-135m-instruct")
    page.keyboard.press("Enter")
    page.click("#summarize-go")
    expect(page.locator(".summary ol > li").first).to_be_visible(timeout=120_000)
    expect(page.locator(".summary small").last).to_contain_text("Written anew by smollm2-135m-instruct")
    expect(page.locator("#summarize-stop")).to_be_hidden()


def test_a_column_is_summarised(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "articles.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), (1, STORY), (2, "One sentence only.")])
    open_tab(page, "Summarise")
    open_tab(page, "A file of texts")
    page.set_input_files("#summarize-file input[type=file]", str(source))
    page.click("#summarize-start")
    expect(page.locator("#summarize-progress")).to_contain_text("2 of 2 rows", timeout=60_000)
    with page.expect_download() as download:
        page.locator("#summarize-result a[download='articles-summarize.csv']").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert rows[0]["summary"] and rows[1]["summary"] == "One sentence only."


def test_a_question_is_answered_from_the_document(page: Page) -> None:
    open_tab(page, "Ask a document")
    page.fill("#ask-text textarea", f"{STORY} <img src=x onerror=alert(1)>")
    page.fill("#ask-question textarea, #ask-question input", "What do whales eat?")
    page.click("#ask-go")
    expect(page.locator(".answer > p").first).not_to_be_empty(timeout=120_000)
    expect(page.locator("#ask-stop")).to_be_hidden(timeout=10_000)
    assert page.locator(".answer img").count() == 0


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("French", "enfants jouaient (avec bonheur|joyeusement|gaiement) dans le jardin"),
        ("Spanish", "niños.*(felizmente|alegremente).*jardín"),
        ("German", "Kinder spielten (glücklich|fröhlich) im Garten"),
    ],
)
def test_one_click_translates_by_the_model_that_comes_with_parley(page: Page, language: str, words: str) -> None:
    open_tab(page, "Translate")
    page.locator("#translate-to input").click()
    page.get_by_role("option", name=language, exact=True).click()
    expect(page.locator("#translate-how")).to_contain_text(re.compile("By parley-t5.*: .*good on everyday sentences"))
    page.fill("#translate-text textarea", "The children were playing happily in the garden.")
    page.click("#translate-go")
    expect(page.locator("#translate-whole textarea")).to_have_value(re.compile(words), timeout=60_000)
    expect(page.locator(".way")).to_contain_text(f"English → {language}")


def test_a_translator_that_is_not_here_is_named_with_the_way_to_get_it(page: Page) -> None:
    open_tab(page, "Translate")
    page.locator("#translate-to input").click()
    page.get_by_role("option", name="Italian", exact=True).click()
    expect(page.locator("#translate-how")).to_contain_text("By the chat model")
    expect(page.locator("#translate-how")).to_contain_text("Made for it")
    page.click("#translate-go")
    expect(page.locator(".toast-wrap")).to_contain_text("not on this machine", timeout=30_000)
    expect(page.locator(".toast-wrap")).to_contain_text("parley models pull")


def test_languages_swap_and_a_bad_glossary_is_told(page: Page) -> None:
    open_tab(page, "Translate")
    page.click("#translate-swap")
    expect(page.locator("#translate-from input")).to_have_value("French", timeout=20_000)
    expect(page.locator("#translate-to input")).to_have_value("English")
    page.get_by_text("Glossary and form of address").click()
    page.fill("#translate-glossary textarea", "a line without a comma")
    page.click("#translate-go")
    expect(page.locator(".toast-wrap")).to_contain_text("line 1", timeout=30_000)


@pytest.mark.parametrize("task", TABS)
def test_an_empty_text_is_told_in_every_tab(page: Page, task: str) -> None:
    open_tab(page, TABS[task])
    page.fill(f"#{task}-text textarea", " ")
    page.click(f"#{task}-go")
    expect(page.locator(".toast-wrap")).to_be_visible(timeout=30_000)


def test_three_families_are_compared_with_one_click(page: Page, server: Server) -> None:
    page.goto(f"{server.url}compare")
    page.click("#compare-go")
    cards = page.locator(".contenders article")
    expect(cards).to_have_count(3, timeout=20_000)
    expect(cards.nth(0)).to_contain_text("quality", timeout=60_000)
    expect(cards.nth(1)).to_contain_text("parley models pull")
    expect(page.locator("#compare-stop")).to_be_hidden(timeout=60_000)
    expect(cards.nth(2)).to_contain_text("tokens")


def test_a_text_is_sorted_under_labels(page: Page) -> None:
    open_tab(page, "Sort")
    page.click("#classify-go")
    expect(page.locator("#classify-shown dl > div")).to_have_count(4, timeout=60_000)
    expect(page.locator("#classify-shown dt").first).to_contain_text(re.compile("refund|delivery"))
    page.fill("#classify-labels textarea", "only one")
    page.click("#classify-go")
    expect(page.locator(".toast-wrap")).to_contain_text("nothing to choose", timeout=30_000)


def test_a_column_is_sorted_under_labels(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "mails.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), (1, "Where is my parcel?"), (2, "Please pay my money back.")])
    open_tab(page, "Sort")
    page.fill("#classify-labels textarea", "delivery: a parcel\nrefund: money back")
    open_tab(page, "A file of texts")
    page.set_input_files("#classify-file input[type=file]", str(source))
    page.click("#classify-start")
    expect(page.locator("#classify-progress")).to_contain_text("2 of 2 rows", timeout=60_000)
    with page.expect_download() as download:
        page.locator("#classify-result a[download='mails-classify.csv']").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert [row["label"] for row in rows] == ["delivery", "refund"]


def test_another_model_can_be_named_and_one_that_does_something_else_is_told(page: Page) -> None:
    open_tab(page, "Summarise")
    page.locator(".tabitem:visible").get_by_role("button", name="Model").first.click()
    page.fill("#summarize-model input", "all-minilm-l6-v2")
    page.keyboard.press("Enter")
    page.click("#summarize-go")
    expect(page.locator(".summary small").last).to_contain_text("all-minilm-l6-v2", timeout=60_000)
    open_tab(page, "Sentiment")
    page.locator(".tabitem:visible").get_by_role("button", name="Model").first.click()
    page.fill("#sentiment-model input", "all-minilm-l6-v2")
    page.keyboard.press("Enter")
    page.click("#sentiment-go")
    expect(page.locator(".toast-wrap")).to_contain_text("does not sort texts", timeout=60_000)


@pytest.mark.parametrize("task", TABS)
def test_bad_documents_are_told_in_every_tab(page: Page, tmp_path: Path, task: str) -> None:
    open_tab(page, TABS[task])
    for name, data, said in (
        ("program.txt", bytes(range(256)) * 400, "not text"),
        ("word.txt", b"word" * 2_500_000, "characters"),
        ("nothing.txt", b"", "empty"),
    ):
        (tmp_path / name).write_bytes(data)
        choose_file(page, f"#{task}-open", tmp_path / name)
        toast = page.locator(".toast-wrap .toast-body").filter(has_text=said)
        expect(toast).to_be_visible(timeout=60_000)
        page.locator(".toast-close").first.click()
        expect(toast).to_be_hidden()


def test_a_text_in_another_language_is_told(page: Page) -> None:
    read(page, "Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert.")
    expect(page.locator(".toast-wrap")).to_contain_text("in German", timeout=60_000)


def test_on_a_phone_nothing_of_the_bar_lies_over_anything_else(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(server.url)
    page.wait_for_selector("#transcript [data-ready]", state="attached", timeout=30_000)
    overlaps = page.evaluate(
        """() => {
          const bar = document.querySelector('.bar nav').getBoundingClientRect();  // it scrolls
          const seen = ({left, right, top, bottom}, inside) => inside
            ? {left: Math.max(left, bar.left), right: Math.min(right, bar.right), top, bottom}
            : {left, right, top, bottom};
          const parts = [...document.querySelectorAll('.bar nav a, .bar button, .toggle-button')]
            .filter((part) => part.checkVisibility())
            .map((part) => seen(part.getBoundingClientRect(), part.matches('nav a')))
            .filter((part) => part.right > part.left);
          return parts.flatMap((a, i) => parts.slice(i + 1).map((b) =>
            Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
            Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)).filter(Boolean).length;
        }"""
    )
    assert overlaps == 0
