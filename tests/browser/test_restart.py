"""What survives when the server ends, politely or not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, answered, ask, open_page, words

pytestmark = pytest.mark.browser


@pytest.fixture
def own_server(tmp_path: Path, chromium: Browser) -> Iterator[Server]:
    server = Server(tmp_path / "own")
    server.start()
    yield server
    server.stop()


def test_the_history_is_there_after_a_restart(own_server: Server, context) -> None:  # type: ignore[no-untyped-def]
    page: Page = context.new_page()
    open_page(page, own_server.url)
    ask(page, "What is the capital of France?")
    answered(page)
    own_server.stop()
    own_server.start()
    open_page(page, own_server.url)
    page.locator("#list button.open").first.click()
    expect(page.locator("article.assistant .body")).to_contain_text("Paris")
    ask(page, "And of Italy?")
    answered(page, 2)


def test_a_page_left_open_goes_on_after_a_restart(own_server: Server, context) -> None:  # type: ignore[no-untyped-def]
    page: Page = context.new_page()
    open_page(page, own_server.url)
    ask(page, "Name a colour.")
    answered(page)
    page.fill("#composer textarea", "Name another one.")
    own_server.stop()
    own_server.start()
    page.wait_for_timeout(5000)  # Gradio may reload the page now: what was typed is there all the same
    expect(page.locator("#composer textarea")).to_have_value("Name another one.")
    page.press("#composer textarea", "Enter")
    answered(page, 2)
    expect(page.locator("article.user")).to_have_count(2)


@pytest.mark.timeout(900)  # a start of the server each
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9_in_mid_answer_loses_no_complete_message(  # type: ignore[no-untyped-def]
    own_server: Server, context, kills: int
) -> None:
    """What the page showed as complete is in the database, which opens."""
    complete: dict[str, str] = {}
    page: Page = context.new_page()
    for round_number in range(kills):
        open_page(page, own_server.url)
        ask(page, f"Name a colour, number {round_number}.")
        answered(page)
        message = page.locator("article.assistant").last
        complete[message.get_attribute("data-id") or ""] = message.locator("template").evaluate(
            "node => node.content.textContent"
        )
        ask(page, "Now write a very long story about it, with many chapters.")
        words(page)
        own_server.kill()
        page.goto("about:blank")  # the page would come back by itself, in the middle of our going there
        own_server.start()
    database = sqlite3.connect(own_server.home / "parley.db")
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    stored = dict(database.execute("select id, content from messages where status = 'complete'"))
    assert len(complete) == kills
    assert {key: stored.get(key) for key in complete} == complete
    open_page(page, own_server.url)
    page.locator("#list button.open").first.click()
    expect(page.locator("article.assistant .mark")).to_contain_text("Interrupted")
    assert not os.path.exists(own_server.home / "parley.db-journal")
