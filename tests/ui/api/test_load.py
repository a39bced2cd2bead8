"""Clients that leave, lines that are full, requests that take too long, and a server that ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import numpy as np
import openai
import psutil
import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Delta, Message
from tests.ui.api.conftest import Running, Start, until

MODEL = "smollm2-135m-instruct"
CHAT = "/v1/chat/completions"
ENCODER = "all-minilm-l6-v2"


class Counted(FakeEngine):
    """Knows how many replies it is writing."""

    running = 0

    def generate(self, *given: Any, **more: Any) -> Iterator[Delta]:
        self.running += 1
        try:
            yield from super().generate(*given, **more)
        finally:
            self.running -= 1


def ask(text: str = "Hello", **more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


def idle(server: Running) -> bool:
    writing = server.state.writing
    return (writing.running, writing.waiting) == (0, 0)


def test_a_client_that_leaves_frees_its_place(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    engine = Counted("word " * 100_000, seconds_per_token=0.005)
    server = start(engine, at_once=1)
    for stream in (True, False):
        with server.http() as client:
            if stream:
                with client.stream("POST", CHAT, json=ask(stream=True, max_tokens=100_000)) as answer:
                    next(answer.iter_lines())
            else:
                thread = threading.Thread(target=lambda c=client: _dropped(c))
                thread.start()
                until(lambda: server.state.writing.running == 1)
                client.close()
                thread.join()
        until(lambda: idle(server))
        assert engine.running == 0  # the turn is free when the engine is
    assert " failed" not in caplog.text


def _dropped(client: httpx.Client) -> None:
    with suppress(httpx.HTTPError, RuntimeError):
        client.post(CHAT, json=ask(max_tokens=100_000), timeout=0.5)


def test_a_client_that_leaves_the_line_frees_its_place_there(start: Start) -> None:
    server = start(FakeEngine("word " * 100_000, seconds_per_token=0.005), at_once=1)
    with server.http() as first, first.stream("POST", CHAT, json=ask(stream=True, max_tokens=100_000)) as answer:
        next(answer.iter_lines())
        with server.http() as second:
            _dropped(second)
        until(lambda: server.state.writing.waiting == 0)
    until(lambda: idle(server))


def test_too_many_are_told_to_come_back(start: Start) -> None:
    server = start(FakeEngine("word " * 40, seconds_per_token=0.01), at_once=2, waiting=2)

    def one(n: int) -> httpx.Response:
        with server.http() as client:
            return client.post(CHAT, json=ask(f"number {n}"))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429} and statuses.count(200) >= 4
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1 and refused.json()["error"]["code"] == "server_busy"
    until(lambda: idle(server))
    assert one(1).status_code == 200


def test_ten_times_too_many_cost_no_memory_and_leave_nothing_behind(start: Start) -> None:
    server = start(FakeEngine("word " * 20, seconds_per_token=0.005), at_once=2, waiting=2)

    def keep_asking(n: int) -> list[int]:
        with server.http() as client:
            return [client.post(CHAT, json=ask(f"number {n}")).status_code for _ in range(5)]

    def overload() -> int:
        """Memory after it, bytes."""
        with ThreadPoolExecutor(40) as pool:
            statuses = [status for each in pool.map(keep_asking, range(40)) for status in each]
        assert set(statuses) == {200, 429}
        until(lambda: idle(server))
        with server.http() as client:
            assert client.post(CHAT, json=ask("And now?")).status_code == 200
        return psutil.Process().memory_info().rss

    warm = overload()
    assert max(overload() for _ in range(3)) < warm + 50e6


def test_embeddings_of_many_at_once_are_each_ones_own(start: Start) -> None:
    server = start()

    def one(n: int) -> bool:
        client = server.openai()
        texts = [f"text {n} {'x' * (n % 5)}", f"{n}"]
        alone = [each.embedding for each in client.embeddings.create(model=ENCODER, input=texts).data]
        again = [client.embeddings.create(model=ENCODER, input=text).data[0].embedding for text in texts]
        return np.allclose(alone, again, atol=1e-6)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(40)))


def test_no_client_reads_another_ones_words(start: Start) -> None:
    def echo(messages: Sequence[Message]) -> str:
        return f" {messages[-1].content}" * 30

    server = start(FakeEngine(echo, seconds_per_token=0.001))

    def one(n: int) -> bool:
        told = server.openai().chat.completions.create(**ask(f"marker-{n}"), stream=True)  # type: ignore[call-overload]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices)
        return text == f" marker-{n}" * 30

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(48)))


def test_a_request_has_its_time(start: Start) -> None:
    server = start(FakeEngine("word " * 1000, seconds_per_token=0.01), deadline_seconds=0.5)
    with server.http() as client:
        answer = client.post(CHAT, json=ask())
        assert answer.status_code == 504 and answer.json()["error"]["code"] == "deadline_exceeded"
        lines = client.post(CHAT, json=ask(stream=True)).text.split("\n\n")
        assert "deadline_exceeded" in lines[-3] and lines[-2] == "data: [DONE]"
    until(lambda: idle(server))


def test_an_engine_that_breaks_is_told_of_and_the_next_request_served(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [True]

    def reply(messages: Sequence[Message]) -> str:
        if broken[0]:
            raise MemoryError("of the test's own making")
        return "fine"

    server = start(FakeEngine(reply))
    with server.http() as client:
        answer = client.post(CHAT, json=ask())
        assert answer.status_code == 500 and "making" not in answer.text
        id = answer.headers["x-request-id"]  # by which the log is searched
        assert id in answer.json()["error"]["message"] and f"request {id} failed" in caplog.text
        assert "making" in caplog.text
        streamed = client.post(CHAT, json=ask(stream=True))
        assert f"request {streamed.headers['x-request-id']} failed" in caplog.text
        broken[0] = False
        assert client.post(CHAT, json=ask()).json()["choices"][0]["message"]["content"] == "fine"


TIMES = pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
"""How often a fault is brought about: the quick tests do it once."""


@TIMES
def test_a_server_that_ends_lets_replies_finish(start: Start, times: int) -> None:
    for _ in range(times):
        server = start(FakeEngine("word " * 60, seconds_per_token=0.01))
        told = server.openai().chat.completions.create(**ask(), stream=True)  # type: ignore[call-overload]
        next(iter(told))
        server.server.should_exit = True
        assert sum((chunk.choices[0].delta.content or "").count("word") for chunk in told) >= 59
        until(lambda server=server: not server.server.servers or not server.server.servers[0].is_serving())
        with pytest.raises(httpx.ConnectError):
            server.http().get("/health")


@TIMES
def test_a_server_that_ends_tells_those_who_take_too_long(start: Start, times: int) -> None:
    for _ in range(times):
        server = start(FakeEngine("word " * 10_000, seconds_per_token=0.01), grace_seconds=0.3)
        told = server.openai().chat.completions.create(**ask(), stream=True)  # type: ignore[call-overload]
        next(iter(told))
        server.server.should_exit = True
        with pytest.raises(openai.APIError, match="closing"):
            for _ in told:
                pass


@TIMES
def test_a_server_that_ends_tells_those_who_wait(start: Start, times: int) -> None:
    for _ in range(times):
        server = start(FakeEngine("word " * 60, seconds_per_token=0.01), at_once=1)

        def one(n: int, server: Running = server) -> httpx.Response:
            with server.http() as client:
                return client.post(CHAT, json=ask(f"number {n}", stream=n % 2 == 0))

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(one, n) for n in range(4)]
            until(lambda server=server: server.state.writing.waiting == 3)
            server.server.should_exit = True
            answers = [each.result() for each in asked]
        assert sorted(answer.status_code for answer in answers) == [200, 503, 503, 503]
        for answer in answers:
            if answer.status_code == 503:
                assert answer.json()["error"]["code"] == "server_closing" and int(answer.headers["retry-after"]) >= 1
            else:
                assert answer.text.count("word") == 60, "what is worked on comes to its end"
