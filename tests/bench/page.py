"""The page in headless Chromium: tokens/s beside the engine's own, start-up, and a store with a long history."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from assistant.store import Store
from tests.bench.llamacpp_engine import TOKENS, through_assistant
from tests.bench.program import program
from tests.bench.store import fill

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")
QUESTION = "Write a long story about a {}."
SUBJECTS = ("cat", "ship", "king", "tree", "robot")
TIME_REPLY = """async () => {
  // Seconds between the first characters on the screen and the last, looked at whenever the conversation is drawn.
  const list = document.querySelector('.messages');
  const replies = list.getElementsByClassName('assistant'), costs = list.getElementsByClassName('cost');
  const before = costs.length;
  let first = 0, last = 0, size = 0;
  return await new Promise((resolve) => {
    const look = () => {
      const length = replies.length > before && replies[before].querySelector('.body')?.textContent.length || 0;
      if (length > size) {
        last = performance.now(); first = first || last; size = length;
      }
      if (costs.length === before) return;
      drawing.disconnect();
      resolve({ seconds: (last - first) / 1000, cost: costs[before].textContent });
    };
    const drawing = new MutationObserver(look);
    drawing.observe(list, { childList: true, subtree: true });
    look();
  });
}"""
OPEN = """async (i) => {
  const button = document.querySelectorAll('#list button.open')[i];
  const id = button.parentElement.dataset.id, start = performance.now();
  button.click();
  const list = document.querySelector('.messages');
  const there = () => list.dataset.conversation === id && list.querySelector('article');
  while (!there()) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
SEARCH = """async (words) => {
  const field = document.querySelector('#search textarea, #search input');
  const list = document.querySelector('#list ul'), start = performance.now();
  const changed = new Promise((resolve) => new MutationObserver(resolve).observe(list, { childList: true }));
  field.value = words;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await changed;
  return performance.now() - start;
}"""


@contextmanager
def serve(home: Path, only: str | None) -> Generator[tuple[str, float]]:
    """A page of its own for the time of the block: its address, and the seconds until it answered."""
    start = time.perf_counter()
    with program(home, only, "ui", "--no-browser") as made:
        yield made.address, made.came_up(since=start)


def run(model: str = "smollm2-135m-instruct") -> dict[str, float]:
    """Tokens/s in the page and its ratio to the engine's, seconds from `parley ui` to an answer."""
    home = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    (home / "catalogue.toml").write_text(
        f'[models."{model}"]\nsampling = {{ temperature = 0.0, max_tokens = {TOKENS} }}\n'
    )
    found: dict[str, float] = {}
    speeds: list[float] = []
    engine: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        begun = time.perf_counter()
        with serve(home, model) as (address, seconds):
            found["seconds from `parley ui` to a page"] = seconds
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.wait_for_selector("#transcript [data-ready]", state="attached")
            ask(page, "What is the capital of France?")
            found["seconds from `parley ui` to a page that answers (under 10)"] = time.perf_counter() - begun
            direct = through_assistant(model)  # only now: a second model in memory slows the first one's coming
            direct(SUBJECTS[0])
            for subject in SUBJECTS:
                page.click("#new-chat")
                page.wait_for_selector(".welcome:not([hidden])")
                seconds, tokens = ask(page, QUESTION.format(subject))
                speeds.append((tokens - 1) / seconds)
                engine.append(direct(subject)[1])
        browser.close()
    found["page: tokens/s"] = statistics.median(speeds)
    found["engine: tokens/s"] = statistics.median(engine)
    found["ratio: page to engine (at least 0.9)"] = found["page: tokens/s"] / found["engine: tokens/s"]
    return found


def ask(page: Page, question: str) -> tuple[float, int]:
    """Ask in the page; seconds from the first words to the last, and the tokens between."""
    page.fill("#composer textarea", question)
    page.press("#composer textarea", "Enter")
    timed: dict[str, Any] = page.evaluate(TIME_REPLY)
    return timed["seconds"], int(timed["cost"].split(" tokens")[0])


def run_history() -> dict[str, float]:
    """500 conversations of 100 messages: milliseconds in the page until each is drawn."""
    home = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    store = Store(home / "parley.db")
    fill(store)
    store.close()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        with serve(home, "none") as (address, _):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.wait_for_selector("#list button.open")
            page.wait_for_timeout(1500)
            opened = [page.evaluate(OPEN, index) for index in range(1, 16)]
            searched = [page.evaluate(SEARCH, words) for words in ("w0", "w", "w7 w12", "w19000", "")]
        browser.close()
    return {
        "open a conversation, ms, median (under 200)": statistics.median(opened),
        "open a conversation, ms, slowest": max(opened),
        "search and draw the sidebar, ms, median (under 200)": statistics.median(searched),
        "search and draw the sidebar, ms, slowest": max(searched),
    }
