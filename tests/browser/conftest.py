"""A real server with the real small model, and a real Chromium (Debian's) through Playwright."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from assistant import sources
from assistant.catalogue import Catalogue
from tests.conftest import WEIGHTS

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
MODEL = "smollm2-135m-instruct"
ENCODER = "all-minilm-l6-v2"


class Server:
    """`parley ui` in a process of its own, on a home of its own; it can be killed and started again."""

    def __init__(self, home: Path, *also: str, words: tuple[str, ...] = ()) -> None:
        """also: models to have beside the small one and the encoder. words: more of the command line."""
        self.words = words
        self.home = home
        self.models = (MODEL, ENCODER, *also)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        only = self.home / "models"  # whatever else the person has
        if not only.exists():
            only.mkdir(parents=True)
            for name in self.models:
                (only / name).symlink_to(WEIGHTS / name)
        environment = os.environ | {
            "PARLEY_HOME": str(self.home),
            "PARLEY_MODELS": str(self.home / "models"),
            "PARLEY_AUTO_PULL": "0",
        }
        command = [
            str(Path(sys.executable).with_name("parley")),
            "ui",
            "--port",
            str(self.port),
            "--no-browser",
            *self.words,
        ]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            except urllib.error.HTTPError:
                return  # a door
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the server did not come up:\n{(self.home / 'server.log').read_text()}")

    def kill(self) -> None:
        """kill -9: nothing is written, nobody says goodbye."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture(scope="session")
def weights() -> None:
    if sources.locate(Catalogue.load()[MODEL]) is None:
        pytest.skip(f"the weights of {MODEL} are not in {WEIGHTS}: `parley models pull {MODEL}`")


@pytest.fixture(scope="session")
def chromium(weights: None) -> Iterator[Browser]:
    program = os.environ.get("PARLEY_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine: `scripts/setup browser`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """One server for the tests of a module, which leave each other's conversations alone."""
    served = Server(tmp_path_factory.mktemp("served") / "home")
    served.start()
    yield served
    served.stop()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A person's browser: whatever the page throws or fetches from elsewhere fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    outside = lambda request: not request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))  # noqa: E731
    context.on("request", lambda request: wrong.append(f"fetched {request.url}") if outside(request) else None)
    yield context
    context.close()
    assert not wrong


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    open_page(page, server.url)
    return page


def open_page(page: Page, url: str) -> None:
    """Go there and wait until the page is ready to be used."""
    page.goto(url)
    page.wait_for_selector("#transcript [data-ready]", state="attached", timeout=30_000)


def ask(page: Page, text: str) -> None:
    """Type a question and press Enter."""
    before = page.locator("article.user").count()
    page.fill("#composer textarea", text)
    page.press("#composer textarea", "Enter")
    page.locator("article.user").nth(before).wait_for()


def answered(page: Page, count: int = 1) -> None:
    """Wait until that many replies are complete."""
    page.wait_for_function(
        "n => document.querySelectorAll('article.assistant .cost').length >= n", arg=count, timeout=150_000
    )


def words(page: Page, seconds: float = 60) -> str:
    """The last reply's text, as soon as there is some."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('article.assistant .body')].pop()?.innerText.trim().length > 40",
        timeout=seconds * 1000,
    )
    return page.locator("article.assistant .body").last.inner_text()


def open_text_page(context: BrowserContext, url: str) -> Page:
    """The text page, ready to be used; skips the test where the encoder is not here."""
    if sources.locate(Catalogue.load()[ENCODER]) is None:
        pytest.skip(f"{ENCODER} is not here: `scripts/setup encoder`")
    page = context.new_page()
    page.goto(f"{url}text")
    page.wait_for_selector("#sentiment-text textarea", timeout=30_000)
    return page


def open_tab(page: Page, name: str) -> None:
    """Go to the tab of that name."""
    page.get_by_role("tab", name=name, exact=True).click()
    settle(page)


def settle(page: Page) -> None:
    """Give what has just been opened the time that a person's hand takes: Gradio mounts it late, and what a machine has
    typed before that is lost."""
    page.wait_for_timeout(700)


def choose_file(page: Page, button: str, file: Path) -> None:
    """Click what opens the browser's dialogue, and choose the file there."""
    with page.expect_file_chooser() as chooser:
        page.click(button)
    chooser.value.set_files(str(file))
