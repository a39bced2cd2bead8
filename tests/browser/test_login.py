"""Two people, one page: each logs in, finds their own conversations, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Server
from ui.accounts import Accounts

pytestmark = pytest.mark.browser
GOOD = "correct horse"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("shared") / "home"
    home.mkdir()
    people = Accounts(home / "accounts.json")
    people.add("ada", GOOD, "admin")
    people.add("bob", GOOD)
    served = Server(home, words=("--auth", "login"))
    served.start()
    yield served
    served.stop()


def log_in(page: Page, server: Server, name: str, password: str = GOOD) -> None:
    page.goto(server.url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_each_finds_their_own(context: BrowserContext, shared: Server) -> None:
    page = context.new_page()
    log_in(page, shared, "ada", "not it, no")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    log_in(page, shared, "ada")
    page.wait_for_selector("#transcript [data-ready]", state="attached", timeout=30_000)
    page.fill("#composer textarea", "My plan is a surprise party")
    page.press("#composer textarea", "Enter")
    expect(page.locator("#list")).to_contain_text("surprise party", timeout=60_000)
    expect(page.get_by_role("link", name="Train")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()

    log_in(page, shared, "bob")
    page.wait_for_selector("#transcript [data-ready]", state="attached", timeout=30_000)
    expect(page.get_by_role("link", name="Text", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Train")).not_to_be_visible()
    expect(page.locator("#list")).not_to_contain_text("surprise party")
    page.fill("#composer textarea", "Only mine")
    page.press("#composer textarea", "Enter")
    expect(page.locator("#list")).to_contain_text("Only mine", timeout=60_000)
    page.goto(f"{shared.url}train")
    expect(page.locator("body")).to_contain_text("for administrators")
    assert (shared.home / "people" / "ada" / "parley.db").is_file()
    assert not (shared.home / "parley.db").exists()
