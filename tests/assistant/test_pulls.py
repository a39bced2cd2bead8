"""Background pulls, with something in the place of the real fetch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.catalogue import ModelEntry
from assistant.errors import ModelNotAvailable, PullCancelled, WeightsCorrupt
from assistant.pulls import Pulls, PullStatus
from assistant.sources import Progress, ProgressCallback
from tests.assistant.weights.conftest import models, tiny, wheelhouse
from tests.assistant.weights.wheelhouse import ENTRY

__all__ = ["models", "tiny", "wheelhouse"]

pytestmark = pytest.mark.usefixtures("models")
SMALL, LARGE = replace(ENTRY, key="small", download_bytes=10), replace(ENTRY, key="large", download_bytes=1000)


class Fetch:
    """Stands in for `sources.pull`: begins, waits for `go[key]`, fails with `fail[key]` if there is one."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = {"small": threading.Event(), "large": threading.Event()}
        self.fail: dict[str, Exception] = {}

    def __call__(self, entry: ModelEntry, *, progress: ProgressCallback, cancel: threading.Event) -> None:
        self.begun.append(entry.key)
        progress(Progress(entry.key, "downloading", 5, entry.download_bytes, 1.0, 5.0))
        while not self.go[entry.key].wait(0.01):
            if cancel.is_set():
                raise PullCancelled("stopped")
        if entry.key in self.fail:
            raise self.fail[entry.key]


def until(holds: Callable[[], object]) -> None:
    """Wait for something that happens in another thread."""
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_pull_runs_shows_progress_and_ends() -> None:
    fetch, done = Fetch(), list[PullStatus]()
    pulls = Pulls(fetch)
    pulls.on_done(done.append)
    assert pulls.status("small") is None
    pulls.start(SMALL)
    until(lambda: (status := pulls.status("small")) and status.progress)
    (status,) = pulls.running()
    assert status.progress is not None
    assert status.progress.bytes_done == 5
    fetch.go["small"].set()
    until(lambda: done)
    assert (done[0].key, done[0].running, done[0].error) == ("small", False, None)
    assert pulls.running() == []
    assert pulls.all() == done


def test_starting_twice_fetches_once() -> None:
    fetch = Fetch()
    pulls = Pulls(fetch)
    pulls.start(SMALL)
    pulls.start(SMALL)
    until(lambda: fetch.begun)
    fetch.go["small"].set()
    until(lambda: not pulls.running())
    assert fetch.begun == ["small"]


def test_what_is_here_is_not_fetched(tiny: ModelEntry, wheelhouse: Path) -> None:
    from assistant import sources

    sources.pull(tiny, from_file=wheelhouse)
    pulls = Pulls(Fetch())
    pulls.start(tiny)
    assert pulls.all() == []


def test_the_smaller_model_has_the_line_to_itself() -> None:
    fetch = Fetch()
    pulls = Pulls(fetch)
    pulls.start(SMALL)
    pulls.start(LARGE)
    until(lambda: fetch.begun)
    assert {status.key for status in pulls.running()} == {"small", "large"}
    time.sleep(0.05)
    assert fetch.begun == ["small"]
    fetch.go["small"].set()
    until(lambda: fetch.begun == ["small", "large"])
    fetch.go["large"].set()
    until(lambda: not pulls.running())


def test_a_failed_smaller_pull_does_not_hold_the_larger_up() -> None:
    fetch = Fetch()
    fetch.fail["small"] = WeightsCorrupt("bad", hint="again")
    pulls = Pulls(fetch)
    pulls.start(SMALL)
    pulls.start(LARGE)
    fetch.go["small"].set()
    until(lambda: "large" in fetch.begun)
    status = pulls.status("small")
    assert status is not None
    assert status.error is fetch.fail["small"]
    pulls.close()


def test_a_failed_pull_can_be_started_again() -> None:
    fetch = Fetch()
    fetch.fail["small"] = WeightsCorrupt("bad")
    fetch.go["small"].set()
    pulls = Pulls(fetch)
    pulls.start(SMALL)
    until(lambda: pulls.all() and not pulls.running())
    del fetch.fail["small"]
    pulls.start(SMALL)
    until(lambda: not pulls.running())
    status = pulls.status("small")
    assert status is not None
    assert status.error is None


def test_a_surprise_becomes_an_error_that_can_be_shown() -> None:
    fetch = Fetch()
    fetch.fail["small"] = KeyError("what")
    fetch.go["small"].set()
    pulls = Pulls(fetch)
    pulls.start(SMALL)
    until(lambda: pulls.all() and not pulls.running())
    status = pulls.status("small")
    assert status is not None
    assert isinstance(status.error, ModelNotAvailable)


@pytest.mark.parametrize("key", ["small", "large"])
def test_a_cancelled_pull_is_forgotten_whether_it_has_begun_or_waits(key: str) -> None:
    fetch = Fetch()
    pulls = Pulls(fetch)
    pulls.start(SMALL)
    pulls.start(LARGE)
    until(lambda: fetch.begun)
    pulls.cancel(key)
    until(lambda: pulls.status(key) is None)
    pulls.cancel("unknown")
    pulls.close()
    assert pulls.all() == []


def test_close_ends_every_pull() -> None:
    pulls = Pulls(Fetch())
    pulls.start(LARGE)
    pulls.close()
    assert pulls.running() == []
    assert not [thread for thread in threading.enumerate() if thread.name == "pull-large"]


def test_a_callback_that_fails_spoils_nothing(caplog: pytest.LogCaptureFixture) -> None:
    fetch, done = Fetch(), list[PullStatus]()
    fetch.go["small"].set()
    pulls = Pulls(fetch)
    pulls.on_done(lambda _: 1 / 0)
    pulls.on_done(done.append)
    pulls.start(SMALL)
    until(lambda: done)
    assert "ZeroDivisionError" in caplog.text
