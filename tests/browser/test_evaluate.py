"""The page that measures, as a person uses it: a suite, away and back, two beside each other, the reports, several
models on several suites in turn, the board."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

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


def choose_only(page: Page, box: str, *names: str) -> None:
    """Of a list of which several can be chosen."""
    page.click(f"{box} .remove-all")
    settle(page)
    for name in names:
        choose(page, box, name)
    page.keyboard.press("Escape")


def name_models(page: Page, *paths: Path) -> None:
    """Models that are folders, typed."""
    page.click("#eval-model .remove-all")
    for path in paths:
        page.fill("#eval-model input", str(path))
        page.keyboard.press("Enter")
        settle(page)
    page.keyboard.press("Escape")


def limited(page: Page, rows: int) -> None:
    if not page.locator("#eval-limit input").is_visible():
        page.click("#eval-more button")
        settle(page)
    page.fill("#eval-limit input", str(rows))


def card_of(page: Page, title: str) -> Locator:
    """The newest card of that title."""
    return page.locator("#eval-list .run").filter(has=page.locator(".name", has_text=title)).first


def test_measure_leave_come_back_and_compare(page: Page, server: Server, tmp_path: Path) -> None:
    choose_only(page, "#eval-model", "Parley Sentiment")
    limited(page, 20)
    page.click("#eval-start")
    card = page.locator("#eval-list .run").first
    expect(card).to_contain_text("Mini · Parley Sentiment", timeout=30_000)
    page.goto(f"{server.url}text")  # it goes on without the page
    visit(page, server)
    expect(card).to_contain_text("finished", timeout=120_000)
    expect(card).to_contain_text("sentiment")
    expect(card).to_contain_text("acc, 20 rows")
    choose_only(page, "#eval-model", "all-MiniLM-L6-v2")
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
    with page.expect_download() as waiting:
        page.click("#eval-report-text")
    assert waiting.value.suggested_filename == "report.md"
    assert "## Differences" in waiting.value.path().read_text("utf-8")
    settle(page)
    page.locator("#eval-list .run").first.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete").first.click()
    expect(page.locator("#eval-list .run")).to_have_count(1, timeout=30_000)


def test_models_on_suites_in_turn_and_the_board(page: Page, server: Server, tiny_decoder: Path, tmp_path: Path) -> None:
    """Likelihoods of two tiny decoders: four runs, of which one works and the others wait; the board draws them."""
    other = shutil.copytree(tiny_decoder, tmp_path / "other-decoder")
    choose_only(page, "#eval-suite", "Mini", "Your own text")
    name_models(page, tiny_decoder, other)
    texts = tmp_path / "mine.jsonl"
    texts.write_text("".join(json.dumps({"text": f"The boats of pier {n} come in at dawn."}) + "\n" for n in range(4)))
    expect(page.locator("#eval-about")).to_contain_text("How well a model foretells a text of yours")
    choose_file(page, "#eval-data button", texts)
    limited(page, 2)
    settle(page)
    page.click("#eval-start")
    waiting = card_of(page, "Your own text · other-decoder")
    expect(waiting).to_contain_text("waiting for Mini", timeout=30_000)
    waiting.get_by_role("button", name="Stop").click()
    expect(waiting).to_contain_text("asked to end before its turn", timeout=30_000)
    for title in ("Mini · tiny-decoder", "Mini · other-decoder", "Your own text · tiny-decoder"):
        expect(card_of(page, title)).to_contain_text("finished", timeout=180_000)
    expect(card_of(page, "Mini · tiny-decoder")).to_contain_text("grammar")
    waiting.get_by_role("button", name="Resume").click()
    expect(waiting).to_contain_text("finished", timeout=180_000)
    board = page.locator("#eval-board")
    board.get_by_text("All models in order", exact=True).click()
    for name in ("tiny-decoder", "other-decoder"):
        expect(board.locator("tbody tr").filter(has_text=name)).to_contain_text("±")
    board.get_by_text("As bars and a radar", exact=True).click()
    expect(board.locator("svg.radar .outline")).to_have_count(2)
    expect(board.locator("svg.bars")).to_be_visible()


def test_files_that_belong_together(page: Page, server: Server, tiny_decoder: Path, tmp_path: Path) -> None:
    """BLiMP as its authors spread it: a file for each kind of grammar."""
    files: list[Path] = []
    for subset in ("adjunct_island", "wh_island"):
        files.append(tmp_path / f"{subset}.jsonl")
        pairs = [{"sentence_good": f"what is {n}", "sentence_bad": f"{n} what is", "UID": subset} for n in range(3)]
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in pairs))
    choose_only(page, "#eval-suite", "BLiMP")
    name_models(page, tiny_decoder)
    with page.expect_file_chooser() as chooser:
        page.click("#eval-data button")
    chooser.value.set_files([str(file) for file in files])
    expect(page.locator("#eval-data")).to_contain_text("wh_island", timeout=15_000)
    page.click("#eval-start")
    card = card_of(page, "BLiMP")
    expect(card).to_contain_text("finished", timeout=120_000)
    (folder,) = (server.home / "runs").glob("*blimp*/data/rows")
    assert sorted(each.name for each in folder.iterdir()) == ["adjunct_island.jsonl", "wh_island.jsonl"]


def test_rows_in_the_wrong_form_are_said_on_the_card(page: Page, tmp_path: Path) -> None:
    choose_only(page, "#eval-suite", "PIQA")
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
