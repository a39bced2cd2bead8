"""The chat page as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Server, answered, ask, open_page, settle, words

pytestmark = pytest.mark.browser
LONG = "Write a very long story about a lighthouse keeper, with many chapters."


def titles(page: Page) -> list[str]:
    return page.locator("#list button.open").all_inner_texts()


def test_a_question_is_answered_and_the_cost_is_shown(page: Page) -> None:
    ask(page, "What is the capital of France?")
    answered(page)
    expect(page.locator("article.assistant .body")).to_contain_text("Paris")
    expect(page.locator("article.assistant .cost")).to_contain_text("tokens/s")
    expect(page.locator("#list button[aria-current]")).to_contain_text("What is the capital of France?")
    assert "c=" in page.url


def test_who_asks_before_the_page_is_ready_gets_the_same_answer(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.goto(server.url, wait_until="commit")
    page.fill("#composer textarea", "What is the capital of France?")
    page.press("#composer textarea", "Enter")
    answered(page)
    expect(page.locator("article.assistant .body")).to_contain_text("Paris")


def test_an_example_works_with_one_click(page: Page) -> None:
    page.locator("[data-example]").first.click()
    answered(page)
    expect(page.locator(".welcome")).to_be_hidden()


def test_the_answer_streams_and_stops(page: Page) -> None:
    ask(page, LONG)
    first = words(page)
    page.wait_for_function(
        "n => document.querySelector('article.assistant .body').innerText.length > n", arg=len(first)
    )
    page.locator("#composer .stop-button").click()
    expect(page.locator("article.assistant .mark")).to_have_text("Stopped")
    stopped = page.locator("article.assistant .body").inner_text()
    page.wait_for_timeout(600)
    assert page.locator("article.assistant .body").inner_text() == stopped
    expect(page.locator("#composer .submit-button")).to_be_visible()


def test_escape_stops_too(page: Page) -> None:
    ask(page, LONG)
    words(page)
    page.keyboard.press("Escape")
    expect(page.locator("article.assistant .mark")).to_have_text("Stopped")


def test_regenerating_makes_a_branch_to_step_between(page: Page) -> None:
    ask(page, "Name a colour.")
    answered(page)
    first = page.locator("article.assistant .body").inner_text()
    page.locator("article.assistant [data-act=regenerate]").click()
    expect(page.locator("article.assistant .place")).to_have_text("2/2", timeout=30_000)
    page.locator("article.assistant [aria-label='Earlier version']").click()
    expect(page.locator("article.assistant .place")).to_have_text("1/2")
    assert page.locator("article.assistant .body").inner_text() == first


def test_editing_a_question_makes_a_branch(page: Page) -> None:
    ask(page, "Say hello to Ann.")
    answered(page)
    page.locator("article.user [data-act=edit]").click()
    page.fill(".editor textarea", "Say hello to Bob.")
    page.locator(".editor button[type=submit]").click()
    expect(page.locator("article.user .plain")).to_have_text("Say hello to Bob.")
    expect(page.locator("article.user .place")).to_have_text("2/2")
    answered(page)
    page.locator("article.user [aria-label='Earlier version']").click()
    expect(page.locator("article.user .plain")).to_have_text("Say hello to Ann.")
    expect(page.locator("article.assistant")).to_have_count(1)


def test_votes_and_corrections_stay_and_become_training_data(page: Page) -> None:
    ask(page, "How are you today?")
    answered(page)
    page.locator("article.assistant [aria-label='Good reply']").click()
    expect(page.locator("article.assistant [aria-label='Good reply']")).to_have_attribute("aria-pressed", "true")
    page.locator("article.assistant [data-act=correct]").click()
    page.fill(".editor textarea", "Very well, thank you.")
    page.locator(".editor button[type=submit]").click()
    expect(page.locator("article.assistant .body > p").last).to_have_text("Very well, thank you.")
    page.reload()
    expect(page.locator("article.assistant [aria-label='Good reply']")).to_have_attribute("aria-pressed", "true")


def test_rename_search_delete_and_undo(page: Page) -> None:
    ask(page, "Tell me about zebras, please.")
    answered(page)
    mine = page.locator("#list li", has=page.locator("[aria-current]"))
    mine.hover()
    mine.locator("[data-act=rename]").click()
    page.locator("#list input").fill("Striped horses")
    page.keyboard.press("Enter")
    expect(page.locator("#list [aria-current]")).to_have_text("Striped horses")
    page.fill("#search textarea, #search input", "zebras pl")
    expect(page.locator("#list button.open")).to_have_count(1)
    expect(page.locator("#list mark").first).to_have_text("zebras", ignore_case=True)
    mine.hover()
    mine.locator("[data-act=delete]").click()
    expect(page.locator("#list .undo")).to_contain_text("Striped horses")
    expect(page.locator("article")).to_have_count(0)
    page.locator("#list .undo button").click()
    expect(page.locator("article.user .plain")).to_have_text("Tell me about zebras, please.")
    page.fill("#search textarea, #search input", '"(* AND NEAR"')
    expect(page.locator("#list .none")).to_be_visible()


def test_a_reload_in_mid_answer_loses_nothing(page: Page, context: BrowserContext, server: Server) -> None:
    ask(page, LONG)
    before = words(page)
    address = page.url
    page.reload()
    after = words(page)
    assert after[: len(before) // 2].startswith(before[: len(before) // 2])
    other = context.new_page()
    open_page(other, address)
    words(other)
    page.keyboard.press("Escape")
    for each in (page, other):
        expect(each.locator("article.assistant .mark")).to_have_text("Stopped", timeout=10_000)
    assert page.locator("article.assistant .body").inner_text() == other.locator("article.assistant .body").inner_text()


def test_what_was_typed_outlives_the_page(page: Page, server: Server) -> None:
    page.fill("#composer textarea", "Not sent yet\nand in two lines")
    page.reload()
    expect(page.locator("#composer textarea")).to_have_value("Not sent yet\nand in two lines")
    page.goto(f"{server.url}models")
    open_page(page, server.url)
    expect(page.locator("#composer textarea")).to_have_value("Not sent yet\nand in two lines")
    page.press("#composer textarea", "Enter")
    page.locator("article.user .plain").wait_for()
    page.reload()
    page.wait_for_selector("#transcript [data-ready]", state="attached")
    expect(page.locator("#composer textarea")).to_have_value("")


def test_two_people_are_answered_at_once(page: Page, chromium, server: Server) -> None:  # type: ignore[no-untyped-def]
    other_context = chromium.new_context()
    other = other_context.new_page()
    open_page(other, server.url)
    ask(page, "Write a very long story about a cat, with many chapters.")
    ask(other, "Write a very long story about a ship, with many chapters.")
    for _ in range(2):  # both go on growing while the other does
        sizes = [len(words(each)) for each in (page, other)]
        for each, size in zip((page, other), sizes, strict=True):
            each.wait_for_function(
                "n => document.querySelector('article.assistant .body').innerText.length > n", arg=size
            )
    expect(page.locator("article.user .plain")).to_contain_text("cat")
    expect(other.locator("article.user .plain")).to_contain_text("ship")
    for each in (page, other):
        each.keyboard.press("Escape")
        expect(each.locator("article.assistant .mark")).to_have_text("Stopped")
    assert "ship" not in page.locator("article.assistant .body").inner_text()[:200]
    other_context.close()


def test_two_models_stand_side_by_side(page: Page) -> None:
    page.locator("#settings .toggle-button").click()
    page.get_by_text("Two models side by side").click()
    page.locator("#beside input").click()
    page.get_by_role("option", name="SmolLM2 135M Instruct").click()
    page.locator("#settings .toggle-button").click()
    ask(page, "Name one animal.")
    answered(page, 2)
    left, right = page.locator("article.assistant").all()
    assert left.bounding_box()["y"] == right.bounding_box()["y"]  # type: ignore[index]
    right.locator("[data-act=continue]").click()
    expect(page.locator("article.assistant.aside")).to_have_count(1)


def test_confidence_tints_each_token(page: Page) -> None:
    page.locator("#settings .toggle-button").click()
    page.locator("#confidence input").check()
    page.locator("#settings .toggle-button").click()
    ask(page, "What is the capital of France?")
    answered(page)
    token = page.locator("article.assistant .tinted span[title]").first
    assert "% sure" in (token.get_attribute("title") or "")


def test_a_document_is_asked_about(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "note.md"
    file.write_text("# Plan\n\nThe meeting is on Tuesday in room 7.\n")
    page.set_input_files("#composer input[type=file]", str(file))
    page.wait_for_selector("#composer .thumbnail-item, #composer [class*=thumbnail]")
    ask(page, "When is the meeting?")
    answered(page)
    expect(page.locator("article.user details.document")).to_contain_text("note.md")
    expect(page.locator("article.user details.document pre")).to_contain_text("room 7")


def test_a_file_that_cannot_be_read_is_refused_and_the_question_stays(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "picture.txt"
    file.write_bytes(bytes(range(256)) * 40)
    page.set_input_files("#composer input[type=file]", str(file))
    page.wait_for_selector("#composer .thumbnail-item, #composer [class*=thumbnail]")
    page.fill("#composer textarea", "What is in it?")
    page.press("#composer textarea", "Enter")
    expect(page.locator(".toast-body")).to_contain_text("picture.txt")
    expect(page.locator("#composer textarea")).to_have_value("What is in it?")
    expect(page.locator("article")).to_have_count(0)


HOSTILE = """<script>window.hacked=1</script><img src=x onerror="window.hacked=2"> ![p](http://203.0.113.9/pixel.png)
[go](javascript:window.hacked=3) <a href="javascript:window.hacked=4">x</a> ${window.hacked=5} {{constructor}}
`${window.hacked=6}` <svg onload=window.hacked=7> <iframe srcdoc="<script>parent.hacked=8</script>"></iframe>
</template><img src=x onerror=window.hacked=9>
[data](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)"""


def test_hostile_markdown_and_html_are_inert(page: Page) -> None:
    ask(page, HOSTILE)
    answered(page)
    # what a model could say: put it where replies are drawn as Markdown
    page.locator("article.assistant [data-act=correct]").click()
    page.fill(".editor textarea", HOSTILE)
    page.locator(".editor button[type=submit]").click()
    expect(page.locator("article.assistant .body")).to_contain_text("window.hacked=1")
    page.locator("#list [aria-current]").wait_for()
    mine = page.locator("#list li", has=page.locator("[aria-current]"))
    mine.hover()
    mine.locator("[data-act=rename]").click()
    page.locator("#list input").fill("<img src=x onerror=window.hacked=10>")
    page.keyboard.press("Enter")
    expect(page.locator("#list [aria-current]")).to_contain_text("<img")
    page.reload()
    page.locator("article.assistant .body").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked") is None
    shapes = ".messages :is(img, script, iframe, [onerror], [onload], [href^='javascript'], [href^='data'])"
    assert page.locator(shapes).count() == 0
    assert page.locator(".messages svg:not([aria-hidden])").count() == 0


def test_a_conversation_is_saved_and_brought_in_again(page: Page, tmp_path: Path) -> None:
    ask(page, "Remember the number 4711.")
    answered(page)
    page.locator("#settings .toggle-button").click()
    page.get_by_text("Save and bring in").click()
    with page.expect_download() as download:
        page.locator("#save-json").click()
    file = tmp_path / "conversation.json"
    download.value.save_as(file)
    assert "4711" in json.dumps(json.loads(file.read_text()))
    before = len(titles(page))
    page.set_input_files("#settings input[type=file]", str(file))
    page.wait_for_function("n => document.querySelectorAll('#list button.open').length > n", arg=before)
    expect(page.locator("article.user .plain")).to_have_text("Remember the number 4711.")


def test_the_note_about_the_person_is_kept_and_erased(page: Page) -> None:
    page.locator("#settings .toggle-button").click()
    page.get_by_text("A note about you").click()
    settle(page)
    page.fill("#note textarea", "Call me Ishmael.")
    page.locator("#keep-note").click()
    expect(page.locator(".toast-body")).to_contain_text("Kept")
    page.reload()
    page.wait_for_selector("#composer textarea")
    page.locator("#settings .toggle-button").click()
    page.get_by_text("A note about you").click()
    expect(page.locator("#note textarea")).to_have_value("Call me Ishmael.")
    page.locator("#erase-note").click()
    expect(page.locator("#note textarea")).to_have_value("")


def test_the_keyboard_is_enough(page: Page) -> None:
    """From the composer, where the page puts the cursor, to the reply's buttons and back, with no mouse."""
    expect(page.locator("#composer textarea")).to_be_focused()
    page.keyboard.type("What is the capital of France?")
    page.keyboard.press("Enter")
    answered(page)
    page.locator("article.assistant [data-act=copy]").focus()
    page.keyboard.press("Tab")
    expect(page.locator("article.assistant [data-act=regenerate]")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(chromium, server: Server, scheme: str) -> None:  # type: ignore[no-untyped-def]
    phone = chromium.new_context(viewport={"width": 390, "height": 780}, has_touch=True, color_scheme=scheme)
    page = phone.new_page()
    open_page(page, server.url)
    ask(page, "What is the capital of France?")
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator("#composer").bounding_box()
    assert box and box["y"] + box["height"] <= 780
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark is (scheme == "dark")
    phone.close()


def test_a_page_at_rest_draws_no_frames(chromium, server: Server) -> None:  # type: ignore[no-untyped-def]
    page = chromium.new_page()
    page.add_init_script(
        "window.frames_asked = 0; const ask = requestAnimationFrame;"
        "window.requestAnimationFrame = (draw) => { window.frames_asked++; return ask(draw); };"
    )
    page.goto(server.url)
    page.wait_for_selector("#transcript [data-ready]", state="attached")
    page.wait_for_timeout(5000)  # the loading screen's logo comes to rest
    before = page.evaluate("window.frames_asked")
    page.wait_for_timeout(1000)
    assert page.evaluate("window.frames_asked") - before < 5  # Gradio's loading screen would go on at 60
    page.close()
