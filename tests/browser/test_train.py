"""The train page as a person uses it: data, what is learnt, a dry run, a run that outlives the page, the chat."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from assistant import dequantise, sources
from assistant.catalogue import Catalogue
from assistant.run import State
from assistant.runs import Runs
from assistant.store import Store
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
    expect(looked).to_contain_text("duplicates: the same as an earlier row (row 13)")
    expect(looked).to_contain_text("completion is empty (row 14)")
    shown = page.locator(".masks pre .trained").first
    expect(shown).to_have_text("It is 0, captain <b>0</b>!<|im_end|>", timeout=60_000)
    page.screenshot(path=str(tmp_path / "upload-lint-mask.png"), full_page=True)
    further(page, "max_steps=3 logging_steps=1 per_device_train_batch_size=2")
    page.click("#train-start")
    expect(page.locator(".run")).to_have_count(1, timeout=30_000)
    visit(page, server)  # what the page shows outlives the page
    expect(page.locator(".run [data-act=chat]")).to_be_visible(timeout=180_000)
    expect(page.locator(".run")).to_contain_text("finished · step 3 of 3")
    expect(page.locator("#runs-plot canvas, #runs-plot svg").first).to_be_visible()
    page.screenshot(path=str(tmp_path / "plots.png"), full_page=True)
    page.get_by_label("Figure").click()
    page.get_by_role("option", name="learning rate").click()
    expect(page.locator("#runs-plot svg")).to_contain_text("learning rate", timeout=20_000)  # the legend
    expect(page.locator("#runs-plot svg .mark-line path[stroke='#0d9488']")).to_have_count(1)
    page.click(".run [data-act=export]")
    expect(page.locator("#export")).to_contain_text("as files")
    page.click("#export-go")
    expect(page.locator("#export-progress")).to_contain_text("-q8_0.gguf", timeout=180_000)
    expect(page.locator("#export-progress")).to_contain_text("words the same")
    page.click("#export-hub button")
    settle(page)
    expect(page.locator("#export-who")).to_contain_text("not logged in")
    page.fill("#export-repo input, #export-repo textarea", "me/captain")
    page.click("#export-push")
    expect(page.locator(".toast-body")).to_contain_text("The Hub needs to know who you are", timeout=20_000)
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


@pytest.mark.slow
def test_a_dry_run_says_what_it_takes(page: Page, tmp_path: Path) -> None:
    choose_file(page, "#train-data button", rows(tmp_path))
    expect(page.locator("#train-dry button, button#train-dry")).to_be_enabled(timeout=30_000)
    page.click("#train-dry")
    expect(page.locator("#train-measured")).to_contain_text("steps of", timeout=180_000)
    expect(page.locator("#train-measured")).to_contain_text("GB at its peak")
    page.screenshot(path=str(tmp_path / "dry-run.png"), full_page=True)


@pytest.mark.slow
def test_a_run_goes_on_while_the_server_is_gone(page: Page, server: Server, tiny_decoder: Path, tmp_path: Path) -> None:
    choose_file(page, "#train-data button", rows(tmp_path))
    expect(page.locator("#train-start, button#train-start")).to_be_enabled(timeout=30_000)
    further(page, f"model={tiny_decoder} max_steps=20000 logging_steps=20 save_steps=100 test_share=0")
    page.click("#train-start")
    card = page.locator(".run").first
    expect(card).to_contain_text(re.compile(r"step [\d,]+ of 20,000"), timeout=120_000)
    run = max(Runs(server.home / "runs"), key=lambda each: each.created)
    page.goto("about:blank")
    server.kill()
    gone = run.status()
    assert gone.state is State.RUNNING, gone
    end = time.monotonic() + 60
    while run.status().step < gone.step + 40 and time.monotonic() < end:
        time.sleep(0.2)
    assert run.status().step >= gone.step + 40 and run.status().owner == gone.owner
    server.start()
    visit(page, server)
    expect(card).to_contain_text("of 20,000", timeout=30_000)
    expect(page.locator("#runs-plot canvas, #runs-plot svg").first).to_be_visible(timeout=30_000)
    card.locator("[data-act=pause]").click()
    expect(card).to_contain_text("paused", timeout=60_000)
    paused = run.status().step
    card.locator("[data-act=resume]").click()
    expect(card.locator("[data-act=stop]")).to_be_visible(timeout=60_000)
    while run.status().step <= paused and run.status().state.alive:
        time.sleep(0.2)
    card.locator("[data-act=stop]").click()
    expect(card.locator("[data-act=chat]")).to_be_visible(timeout=60_000)
    assert run.status().state is State.STOPPED and run.status().step > paused


@pytest.mark.slow
def test_mistakes_are_told_and_lose_nothing(page: Page, tmp_path: Path) -> None:
    choose_file(page, "#train-data button", rows(tmp_path))
    expect(page.locator(".masks")).to_be_visible(timeout=60_000)
    further(page, "learning_rat=1 lora_dropout=7")
    page.click("#train-start")
    expect(page.locator(".toast-body")).to_contain_text("did you mean learning_rate", timeout=20_000)
    expect(page.locator("#train-further textarea")).to_have_value("learning_rat=1 lora_dropout=7")
    page.fill("#train-length input", "")
    page.click("#train-start")
    expect(page.locator(".toast-body").last).to_contain_text("No number is given for: Tokens a row", timeout=20_000)
    page.fill("#train-length input", "512")
    further(page, 'prefix="translate')
    page.click("#train-start")
    expect(page.locator(".toast-body").last).to_contain_text("No closing quotation", timeout=20_000)
    bad = tmp_path / "photo.csv"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    page.click("#train-data button[aria-label='Clear'], #train-data button[aria-label='Remove']")
    choose_file(page, "#train-data button", bad)
    expect(page.locator(".toast-body").last).to_contain_text("photo.csv", timeout=20_000)
    expect(page.locator("#train-looked .pull")).to_have_count(0)


def test_labels_and_pairs_choose_the_method(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pair = {"prompt": "Say hello.", "chosen": "Hello, dear.", "rejected": "No."}
    path.write_text("".join(json.dumps(pair | {"prompt": f"Say hello {n}."}) + "\n" for n in range(8)))
    choose_file(page, "#train-data button", path)
    expect(page.get_by_label("Prefer the better of two answers.")).to_be_checked(timeout=30_000)
    page.get_by_label("Say how good an answer is, learnt from pairs.").check()
    expect(page.locator("#train-model input")).to_have_value("all-MiniLM-L6-v2", timeout=20_000)
    page.click("#train-more button")
    settle(page)
    page.fill("#train-length input", "8")
    page.press("#train-length input", "Tab")
    looked = page.locator("#train-looked")
    expect(looked).to_contain_text("too long: more than 8 tokens: the rest would be cut off (rows 1, 2", timeout=60_000)


@pytest.fixture
def voted(server: Server, full_weights: None) -> Iterator[None]:
    """Questions that were answered twice, one answer liked and one not, and answers that were liked alone."""
    store = Store(server.home / "parley.db")
    made: list[str] = []
    for row in [*PAIRS, *({"prompt": f"what is {n}", "chosen": "it is so"} for n in range(2 * len(PAIRS)))]:
        made.append(store.create())
        asked = store.add_message(made[-1], parent_id=None, role="user", content=row["prompt"])
        for side, vote in (("chosen", 1), ("rejected", -1)):
            if side in row:
                said = store.add_message(made[-1], parent_id=asked.id, role="assistant", content=row[side])
                store.vote(said.id, vote)
    yield
    for name in made:
        store.delete(name)
    store.close()


def test_from_votes_to_better_answers(page: Page, voted: None, tiny_decoder: Path, tmp_path: Path) -> None:
    page.click("#train-votes")
    expect(page.get_by_label("Answer more like good ones, less like bad ones.")).to_be_checked(timeout=30_000)
    page.click("#train-pairs")  # there are fewer, and they are what is asked for
    expect(page.locator("#train-looked")).to_contain_text(f"{len(PAIRS)} rows", timeout=30_000)
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
    card = page.locator(".run").filter(has_text="voted-pairs").first
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
    expect(looked).to_contain_text("leaks: stands in the test file too (row 4)", timeout=30_000)
    looked.get_by_role("button", name="Go on with a cleaned copy").click()
    expect(looked).to_contain_text("11 rows, 11 to train on", timeout=30_000)
    expect(looked.get_by_role("button")).to_have_count(0)
    (copy,) = (server.home / "datasets").glob("rows-cleaned-*.jsonl")
    assert len(copy.read_text("utf-8").splitlines()) == 11


@pytest.mark.slow
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


def test_questions_get_a_second_opinion(page: Page, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text(json.dumps({"prompt": "What is a keel?", "completion": "The spine of a ship."}) + "\n")
    page.click("#train-write button")
    settle(page)
    page.fill("#write-about textarea", "You are the captain of a ship.")
    page.fill("#write-count input", "2")
    page.click("#write-more button")
    settle(page)
    choose_file(page, "#write-samples button", samples)
    page.click("#write-check input")
    page.get_by_role("option", name=Catalogue.load()[MODEL].title, exact=True).first.click()
    page.screenshot(path=str(tmp_path / "write.png"), full_page=True)
    page.click("#write-go")
    shown = page.locator("#write-shown")
    expect(shown).to_contain_text("rows of", timeout=240_000)
    if shown.locator("li").count():  # so small a model may write nothing of use
        expect(shown).to_contain_text("The second model agrees with")


def test_what_the_writer_cannot_do_is_told(page: Page) -> None:
    page.click("#train-write button")
    settle(page)
    page.fill("#write-about textarea", "You are the captain of a ship.")
    page.click("#write-more button")
    settle(page)
    page.get_by_label("Leave out what the second model holds for wrong").check()
    page.click("#write-go")
    expect(page.locator(".toast-body")).to_contain_text("Nobody is asked for a second opinion", timeout=60_000)
    page.fill("#write-count input", "")
    page.click("#write-go")
    expect(page.locator(".toast-body").last).to_contain_text("how many there should be", timeout=60_000)


def test_a_set_that_the_hub_does_not_give_is_told(page: Page) -> None:
    page.click("#train-hub button")
    settle(page)
    page.fill("#train-hub-name textarea, #train-hub-name input", "org/nothing")
    page.click("#train-fetch")
    expect(page.locator(".toast-body")).to_contain_text("org/nothing", timeout=30_000)
    expect(page.locator("#train-looked .pull")).to_have_count(0)


def test_votes_are_rows(page: Page, server: Server, context: BrowserContext) -> None:
    page.click("#train-votes")
    expect(page.locator(".toast-body")).to_contain_text("There are no verdicts among your votes yet", timeout=20_000)
    page.click("#train-pairs")
    expect(page.locator(".toast-body").last).to_contain_text("There are no pairs among your votes", timeout=20_000)
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
