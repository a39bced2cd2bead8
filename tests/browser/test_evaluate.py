"""The page that measures, as a person uses it: a suite, away and back, two beside each other, the report."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Server, choose_file, settle

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra"),
]


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    visit(page, server)
    return page


def visit(page: Page, server: Server) -> None:
    page.goto(f"{server.url}evaluate")
    expect(page.locator("#eval-start")).to_be_visible(timeout=30_000)
    page.wait_for_selector("#eval-list .result, #eval-list .run", state="attached", timeout=30_000)


def choose(page: Page, box: str, name: str) -> None:
    page.click(f"{box} input")
    page.get_by_role("option", name=name, exact=True).first.click()
    settle(page)


def limited(page: Page, rows: int) -> None:
    if not page.locator("#eval-limit input").is_visible():
        page.click("#eval-more button")
        settle(page)
    page.fill("#eval-limit input", str(rows))


def test_measure_leave_come_back_and_compare(page: Page, server: Server, tmp_path: Path) -> None:
    choose(page, "#eval-model", "Parley Sentiment")
    limited(page, 20)
    page.click("#eval-start")
    card = page.locator("#eval-list .run").first
    expect(card).to_contain_text("Mini · Parley Sentiment", timeout=30_000)
    page.goto(f"{server.url}text")  # it goes on without the page
    visit(page, server)
    expect(card).to_contain_text("finished", timeout=120_000)
    expect(card).to_contain_text("sentiment")
    expect(card).to_contain_text("acc, 20 rows")
    choose(page, "#eval-model", "all-MiniLM-L6-v2")
    limited(page, 20)
    page.click("#eval-start")
    expect(page.locator("#eval-list .run")).to_have_count(2, timeout=30_000)
    expect(page.locator("#eval-list .run").first).to_contain_text("finished", timeout=120_000)
    for place in range(2):
        page.click("#eval-beside input")
        page.get_by_role("option").nth(place).click()
        settle(page)
    page.keyboard.press("Escape")
    shown = page.locator("#eval-shown")
    expect(shown).to_contain_text("What changed", timeout=30_000)
    expect(shown.locator("svg.bars rect")).to_have_count(3)  # both sort; MiniLM finds key sentences, too
    flips = shown.locator("details").first
    flips.locator("summary").click()
    expect(flips.locator("tbody tr").first).to_be_visible()
    with page.expect_download() as waiting:
        page.click("#eval-report")
    report = waiting.value.path().read_text("utf-8")
    assert "Differences" in report and "<svg" in report
    settle(page)
    page.locator("#eval-list .run").first.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete").first.click()
    expect(page.locator("#eval-list .run")).to_have_count(1, timeout=30_000)


def test_rows_in_the_wrong_form_are_said_on_the_card(page: Page, tmp_path: Path) -> None:
    choose(page, "#eval-suite", "PIQA")
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "<b>no</b> goal"}\n')
    expect(page.locator("#eval-about")).to_contain_text("Which of two ways")
    choose_file(page, "#eval-data button", path)
    page.click("#eval-start")
    card = page.locator("#eval-list .run").first
    expect(card).to_contain_text("Row 1 of rows.jsonl has no column 'instruction'", timeout=120_000)
    assert card.locator("b").count() == 0


def test_a_vote_without_names(page: Page, server: Server) -> None:
    page.click("#arena > button")
    settle(page)
    page.click("#arena-ask")
    expect(page.locator(".toast-wrap")).to_contain_text("Nothing is asked yet", timeout=15_000)
    # one and the same model under two names: its own, and its file's
    path = next((server.home / "models" / "smollm2-135m-instruct").rglob("*.gguf")).resolve()
    page.fill("#arena-models input", str(path))
    page.keyboard.press("Enter")
    settle(page)
    page.fill("#arena-asked textarea", "What is the capital of France?")
    page.click("#arena-ask")
    expect(page.locator("#arena-votes")).to_be_visible(timeout=120_000)
    assert "smollm2" not in page.locator("#arena-a").inner_text() + page.locator("#arena-b").inner_text()
    expect(page.locator("#arena-b .answer p")).not_to_be_empty()
    page.get_by_role("button", name="A is better").click()
    table = page.locator("#arena-table")
    expect(table).to_contain_text("A was", timeout=15_000)
    expect(table.locator("tbody tr")).to_have_count(2)
