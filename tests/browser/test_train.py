"""The train page as a person uses it: data, what is learnt, a dry run, a run that outlives the page, the chat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from assistant import dequantise, sources
from assistant.catalogue import Catalogue
from tests.browser.conftest import MODEL, Server, answered, ask, choose_file, settle
from tests.finetune.test_rlhf_loop import PAIRS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def full_weights(server: Server) -> None:
    """Made once, so that no test waits for them."""
    gguf = sources.locate(Catalogue.load()[MODEL])
    assert gguf is not None
    dequantise.dequantised(gguf, server.home / "dequantised")


@pytest.fixture
def page(context: BrowserContext, server: Server, full_weights: None) -> Page:
    page = context.new_page()
    visit(page, server)
    return page


def visit(page: Page, server: Server) -> None:
    page.goto(f"{server.url}train")
    expect(page.locator("#train-example")).to_be_visible(timeout=30_000)
    page.wait_for_selector("#runs-list .result, #runs-list .run", state="attached", timeout=30_000)


def rows(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    asked = [
        {"prompt": f"What is {n} plus {n}?", "completion": f"It is {2 * n}, captain <b>{n}</b>!"} for n in range(12)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*asked, asked[0], {"prompt": "?", "completion": ""}]))
    return path


def further(page: Page, words: str) -> None:
    if not page.locator("#train-further textarea").is_visible():
        page.click("#train-more button")
        settle(page)
    page.fill("#train-further textarea", words)


def test_from_a_file_to_the_chat(page: Page, server: Server, tmp_path: Path) -> None:
    choose_file(page, "#train-data button", rows(tmp_path))
    looked = page.locator("#train-looked")
    expect(looked).to_contain_text("14 rows, 12 to train on", timeout=30_000)
    expect(looked).to_contain_text("duplicates: the same as an earlier row (rows 13)")
    expect(looked).to_contain_text("completion is empty (rows 14)")
    shown = page.locator(".masks pre .trained").first
    expect(shown).to_have_text("It is 0, captain <b>0</b>!<|im_end|>", timeout=60_000)
    further(page, "max_steps=3 logging_steps=1 per_device_train_batch_size=2")
    page.click("#train-start")
    expect(page.locator(".run")).to_have_count(1, timeout=30_000)
    visit(page, server)  # what the page shows outlives the page
    expect(page.locator(".run [data-act=chat]")).to_be_visible(timeout=180_000)
    expect(page.locator(".run")).to_contain_text("finished · step 3 of 3")
    expect(page.locator("#runs-plot canvas, #runs-plot svg").first).to_be_visible()
    page.click(".run [data-act=export]")
    expect(page.locator("#export")).to_contain_text("as files")
    page.click("#export-go")
    expect(page.locator("#export-progress")).to_contain_text("-q8_0.gguf", timeout=180_000)
    expect(page.locator("#export-progress")).to_contain_text("words the same")
    page.screenshot(path=str(tmp_path / "export.png"))
    (written,) = (server.home / "runs").glob("*/exports/*-q8_0.gguf")
    assert written.stat().st_size > 1e8
    page.click("#export-close")
    expect(page.locator("#export")).to_be_hidden()
    visit(page, server)
    page.click(".run [data-act=chat]")
    page.wait_for_url("**/?c=*")
    page.wait_for_selector("#transcript [data-ready]", state="attached", timeout=30_000)
    ask(page, "What is 2 plus 2?")
    answered(page)
    assert page.locator("article.assistant .body").inner_text().strip()


def test_a_dry_run_says_what_it_takes(page: Page, tmp_path: Path) -> None:
    choose_file(page, "#train-data button", rows(tmp_path))
    expect(page.locator("#train-dry button, button#train-dry")).to_be_enabled(timeout=30_000)
    page.click("#train-dry")
    expect(page.locator("#train-measured")).to_contain_text("steps of", timeout=180_000)
    expect(page.locator("#train-measured")).to_contain_text("GB at its peak")


def test_mistakes_are_told_and_lose_nothing(page: Page, tmp_path: Path) -> None:
    choose_file(page, "#train-data button", rows(tmp_path))
    expect(page.locator(".masks")).to_be_visible(timeout=60_000)
    further(page, "learning_rat=1 lora_dropout=7")
    page.click("#train-start")
    expect(page.locator(".toast-body")).to_contain_text("did you mean learning_rate", timeout=20_000)
    expect(page.locator("#train-further textarea")).to_have_value("learning_rat=1 lora_dropout=7")
    bad = tmp_path / "photo.csv"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    page.click("#train-data button[aria-label='Clear'], #train-data button[aria-label='Remove']")
    choose_file(page, "#train-data button", bad)
    expect(page.locator(".toast-body").last).to_contain_text("photo.csv", timeout=20_000)


def test_labels_and_pairs_choose_the_method(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pair = {"prompt": "Say hello.", "chosen": "Hello, dear.", "rejected": "No."}
    path.write_text("".join(json.dumps(pair | {"prompt": f"Say hello {n}."}) + "\n" for n in range(8)))
    choose_file(page, "#train-data button", path)
    expect(page.get_by_label("Prefer the better of two answers.")).to_be_checked(timeout=30_000)
    page.get_by_label("Say how good an answer is, learnt from pairs.").check()
    expect(page.locator("#train-model input")).to_have_value("all-MiniLM-L6-v2", timeout=20_000)


def test_from_pairs_to_better_answers(page: Page, tiny_decoder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    choose_file(page, "#train-data button", path)
    expect(page.get_by_label("Prefer the better of two answers.")).to_be_checked(timeout=30_000)
    page.click("#train-more button")
    whole = page.get_by_label("All of it from pairs: answers, reward models, learning, comparison.")
    fields = [page.locator(f"#train-{name}") for name in ("epochs", "length", "batch", "rank", "rate")]
    for chosen, shown in (
        (whole, False),
        (page.get_by_label("Prefer the better of two answers."), True),
        (whole, False),
    ):
        chosen.check()
        for field in fields:  # each part of the loop has its own
            expect(field).to_be_visible(visible=shown, timeout=20_000)
    page.click("#train-more button")
    steps = [f"{part}.max_steps=2 {part}.max_length=64" for part in ("sft", "reward", "rlhf")]
    models = f"model={tiny_decoder} reward.model={tiny_decoder}"
    further(page, f"{models} {' '.join(steps)} rlhf.max_completion_length=4 compared_prompts=4")
    page.click("#train-start")
    card = page.locator(".run").filter(has_text="pairs.jsonl").first
    expect(card).to_contain_text("finished", timeout=180_000)
    expect(card.locator(".outcome")).to_contain_text("by the judge that nothing was learnt from")
    expect(card.locator(".outcome")).to_contain_text("(95 %:")
    card.get_by_text("Before and after", exact=True).click()
    expect(card.locator("table.compared tbody tr")).to_have_count(4)
    page.screenshot(path=str(tmp_path / "loop.png"), full_page=True)


def test_a_cleaned_copy_and_rows_that_leak(page: Page, server: Server, tmp_path: Path) -> None:
    tests = tmp_path / "tests.jsonl"
    tests.write_text(json.dumps({"prompt": "What is 3 plus 3?", "completion": "6"}) + "\n")
    page.click("#train-more button")
    settle(page)
    choose_file(page, "#train-tests button", tests)
    choose_file(page, "#train-data button", rows(tmp_path))
    looked = page.locator("#train-looked")
    expect(looked).to_contain_text("leaks: stands in the test file too (rows 4)", timeout=30_000)
    looked.get_by_role("button", name="Go on with a cleaned copy").click()
    expect(looked).to_contain_text("11 rows, 11 to train on", timeout=30_000)
    expect(looked.get_by_role("button")).to_have_count(0)
    (copy,) = (server.home / "datasets").glob("rows-cleaned-*.jsonl")
    assert len(copy.read_text("utf-8").splitlines()) == 11


def test_a_classifier_from_a_table_to_the_sort_tab(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "mails.csv"
    kinds = {"refund": "I want my money back for order", "delivery": "Where is my parcel with order"}
    lines = [f"{text} {n}.,{label}" for n in range(12) for label, text in kinds.items()]
    path.write_text("text,label\n" + "\n".join(lines) + "\n")
    choose_file(page, "#train-data button", path)
    expect(page.get_by_label("Sort texts under labels of your own.")).to_be_checked(timeout=30_000)
    expect(page.get_by_label("The head alone")).to_be_visible(timeout=20_000)
    expect(page.get_by_label("QLoRA, 4 bits")).to_have_count(0)
    further(page, "max_rows=16 max_steps=10 logging_steps=2")
    page.click("#train-start")
    card = page.locator(".run").first
    expect(card.locator("[data-act=classify]")).to_be_visible(timeout=180_000)
    card.get_by_text("Which label is taken for which").click()
    expect(card.locator(".confusion tbody tr")).to_have_count(2)
    page.screenshot(path=str(tmp_path / "confusion.png"))
    card.locator("[data-act=classify]").click()
    page.wait_for_url("**/text?task=classify&model=*")
    expect(page.locator("#classify-text textarea")).to_be_visible(timeout=30_000)
    expect(page.locator("#classify-labels")).to_be_hidden()
    settle(page)
    page.fill("#classify-text textarea", "I want my money back for order 99.")
    page.click("#classify-go")
    expect(page.locator("#classify-shown dt").first).to_have_text("refund", timeout=60_000)


def test_a_chat_model_writes_rows(page: Page, server: Server) -> None:
    page.click("#train-write button")
    settle(page)
    page.fill("#write-about textarea", "short messages to a bakery")
    page.fill("#write-labels textarea, #write-labels input", "praise, complaint")
    page.fill("#write-count input", "3")
    page.click("#write-go")
    expect(page.locator("#write-shown")).to_contain_text("rows of", timeout=240_000)
    expect(page.locator("#write-stop")).to_be_hidden()
    if list((server.home / "datasets").glob("written-*.jsonl")):  # so small a model may write nothing of use
        expect(page.locator("#train-looked")).to_contain_text("texts with a label", timeout=30_000)


def test_a_set_that_the_hub_does_not_give_is_told(page: Page) -> None:
    page.click("#train-hub button")
    settle(page)
    page.fill("#train-hub-name textarea, #train-hub-name input", "org/nothing")
    page.click("#train-fetch")
    expect(page.locator(".toast-body")).to_contain_text("org/nothing", timeout=30_000)
    expect(page.locator("#train-looked .pull")).to_have_count(0)


def test_votes_are_rows(page: Page, server: Server, context: BrowserContext) -> None:
    page.click("#train-votes")
    expect(page.locator(".toast-body")).to_contain_text("There are no votes yet", timeout=20_000)
    chat = context.new_page()
    chat.goto(server.url)
    chat.wait_for_selector("#transcript [data-ready]", state="attached", timeout=30_000)
    ask(chat, "Say hello.")
    answered(chat)
    good = chat.locator("article.assistant [aria-label='Good reply']")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    page.click("#train-votes")
    expect(page.locator("#train-looked")).to_contain_text("answers with a verdict", timeout=30_000)
    expect(page.get_by_label("Answer more like good ones, less like bad ones.")).to_be_checked(timeout=20_000)
