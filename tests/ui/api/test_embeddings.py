"""/v1/embeddings under load: who leaves, who is turned away, whose time is over, and how much one request may bring."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest

from assistant.engines.fake import FakeEngine
from tests.ui.api.conftest import Running, Start, until
from ui.api import gathering

PATH = "/v1/embeddings"
ENCODER = "all-minilm-l6-v2"


class Held(FakeEngine):
    """Reads when it is let, a call at a time; notes how many texts each call had."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.permits = threading.Semaphore(0)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.calls.append(len(texts))
        assert self.permits.acquire(timeout=20)
        return super().embed(texts)


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.permits.release(1000)


def ask(server: Running, texts: str | Sequence[str], seconds: float = 30) -> httpx.Response:
    with server.http() as client:
        return client.post(PATH, json={"model": ENCODER, "input": texts}, timeout=seconds)


@contextmanager
def asking(server: Running, texts: str | Sequence[str]) -> Iterator[Future[httpx.Response]]:
    """A request that is on its way."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(ask, server, texts)


@contextmanager
def one_read_and_one_in_line(server: Running) -> Iterator[tuple[Future[httpx.Response], Future[httpx.Response]]]:
    """Two requests: the encoder holds the first."""
    with asking(server, "first") as first:
        until(lambda: gauge(server, "parley_running") == 1)
        with asking(server, "second") as second:
            until(lambda: gauge(server, "parley_waiting") == 1)
            yield first, second


def gauge(server: Running, name: str) -> float:
    with server.http() as client:
        lines = client.get("/metrics").text.splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith(f'{name}{{line="embeddings"}}'))
    return float(value)


def test_who_waits_is_counted(start: Start, held: Held) -> None:
    server = start(held)
    with one_read_and_one_in_line(server) as (first, second):
        held.permits.release(2)
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert gauge(server, "parley_waiting") == gauge(server, "parley_running") == 0


def test_who_hangs_up_waits_no_longer(start: Start, held: Held) -> None:
    server = start(held)
    with asking(server, "first") as first:
        until(lambda: gauge(server, "parley_running") == 1)
        with pytest.raises(httpx.TimeoutException):
            ask(server, "gone", seconds=0.5)
        until(lambda: gauge(server, "parley_waiting") == 0)
        assert not first.done()
        held.permits.release(1)
        assert first.result().status_code == 200
    assert ask_when_free(server, held) == [1, 1], "what nobody waits for is not read"


def test_too_many_are_told_to_come_back(start: Start, held: Held) -> None:
    server = start(held, waiting=1)
    with one_read_and_one_in_line(server) as (first, second):
        refused = ask(server, "third")
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] == "server_busy"
        held.permits.release(2)
        assert (first.result().status_code, second.result().status_code) == (200, 200)


def test_a_request_has_its_time(start: Start, held: Held) -> None:
    server = start(held, deadline_seconds=0.5)
    with asking(server, "first") as first, asking(server, "second") as second:
        for each in (first, second):  # the one that is read, and the one that waits
            answer = each.result()
            assert answer.status_code == 504 and answer.json()["error"]["code"] == "deadline_exceeded"
        held.permits.release(10)
    until(lambda: gauge(server, "parley_waiting") == gauge(server, "parley_running") == 0)
    assert ask(server, "later").status_code == 200


def test_who_has_just_been_answered_is_waited_for(start: Start, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "PATIENCE", 1e9)
    monkeypatch.setattr(gathering, "MOST_PATIENCE_SECONDS", 20)
    server = start(held)
    with one_read_and_one_in_line(server) as (first, second):
        held.permits.release(1)
        assert first.result().status_code == 200
        assert held.calls == [1], "the second waits for the first to come back"
        held.permits.release(1)
        assert ask(server, "first again").status_code == second.result().status_code == 200
    assert held.calls == [1, 2]


def test_a_long_request_is_read_in_parts_and_others_come_between(start: Start, held: Held) -> None:
    server = start(held)
    long = [letter * 60_000 for letter in "abc"]
    with asking(server, long) as first:
        until(lambda: held.calls == [1])
        with asking(server, "d") as second:
            until(lambda: gauge(server, "parley_waiting") == 1)
            held.permits.release(2)
            assert second.result().status_code == 200 and not first.done()
        held.permits.release(1)
        answer = first.result().json()
    assert held.calls == [1, 2, 1]
    rows = np.array([each["embedding"] for each in answer["data"]])
    assert np.allclose(rows, FakeEngine().embed(long)) and answer["usage"]["prompt_tokens"] == 3 * 5


def test_a_long_request_that_nobody_waits_for_is_not_read_to_its_end(start: Start, held: Held) -> None:
    server = start(held)
    with pytest.raises(httpx.TimeoutException):
        ask(server, [letter * 60_000 for letter in "abc"], seconds=0.5)
    until(lambda: not server.state._running)  # that it is gone is known
    held.permits.release(1)
    assert ask_when_free(server, held) == [1, 1]


def ask_when_free(server: Running, held: Held) -> list[int]:
    held.permits.release(10)
    assert ask(server, "next").status_code == 200
    return held.calls


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["x"] * 2049, None),
        (["x" * 100_001], "context_length_exceeded"),
        ("x" * 100_001, "context_length_exceeded"),
        (["x" * 100_000] * 13, "context_length_exceeded"),
        ([], None),
        ("", None),
        ([[1, 2, 3]], None),
    ],
)
def test_more_than_one_request_may_bring_is_refused_unread(start: Start, texts: Any, code: str | None) -> None:
    engine = Held()
    answer = ask(start(engine), texts)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == code, answer.text
    assert engine.calls == []


def test_as_much_as_one_request_may_bring_is_read(start: Start) -> None:
    server = start()
    for texts in (["x"] * 2048, ["x" * 100_000] * 12):
        answer = ask(server, texts)
        assert answer.status_code == 200 and len(answer.json()["data"]) == len(texts)
