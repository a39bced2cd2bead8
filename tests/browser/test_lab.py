"""The lab's page: an architecture is chosen, trained before one's eyes, and makes pictures."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Server, settle

pytestmark = pytest.mark.browser


def visit(page: Page, server: Server) -> None:
    page.goto(f"{server.url}lab")
    expect(page.locator("#lab-train")).to_be_visible(timeout=30_000)
    page.wait_for_selector("#lab-list .result, #lab-list .run", state="attached", timeout=30_000)


def test_train_leave_come_back_and_draw(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    expect(page.locator("#lab-about")).to_contain_text("drowned in noise")
    page.get_by_role("radio", name="VAE").check()
    expect(page.locator("#lab-about")).to_contain_text("encoder squeezes", timeout=15_000)
    expect(page.locator("#lab-label")).not_to_be_visible()
    page.fill("#lab-data input", "digits")
    page.keyboard.press("Enter")
    page.fill("#lab-train-steps input", "8")
    settle(page)
    page.click("#lab-train")
    card = page.locator("#lab-list .run").first
    expect(card).to_contain_text("VAE on digits", timeout=30_000)
    page.goto(f"{server.url}text")  # it goes on without the page
    visit(page, server)
    expect(card).to_contain_text("finished", timeout=90_000)
    shown = card.locator(".on-the-way img")
    expect(shown.first).to_have_attribute("alt", "What it makes after 8 steps")
    assert shown.first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
    card.get_by_role("button", name="See what it makes").click()
    expect(page.get_by_role("radio", name="VAE")).to_be_checked(timeout=15_000)
    settle(page)
    page.click("#lab-make")
    made = page.locator("#lab-made img")
    expect(made).to_be_visible(timeout=60_000)
    assert made.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
    address = shown.first.evaluate("image => image.src")
    for wrong in (address.replace("0000008", "../status"), address.replace("0000008.png", "..%2Fstatus.json")):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(wrong)


def test_without_weights_it_says_so_at_once(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    expect(page.locator("#lab-weights")).to_contain_text("train one below")
    settle(page)
    page.click("#lab-make")
    expect(page.locator(".toast-body")).to_contain_text("no weights of it yet", timeout=5_000)


def test_what_cannot_be_trained_is_said(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    page.fill("#lab-train-steps input", "0")
    settle(page)
    page.click("#lab-train")
    expect(page.locator(".toast-body")).to_be_visible(timeout=15_000)
