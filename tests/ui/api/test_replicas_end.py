"""Replicas that are told of the end finish what they write, or tell it to who waits."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from assistant.engines.fake import FakeEngine
from tests.assistant.scale.clusters import free_port
from tests.ui.api.conftest import Start, until
from tests.ui.api.test_turns import run
from ui.api import replicas, replicas_end
from ui.api.state import Serving

CHAT, CHAT_MODEL = "/v1/chat/completions", "smollm2-135m-instruct"


def test_a_replica_that_is_told_of_the_end_tells_its_clients(start: Start) -> None:
    server = start(FakeEngine("word " * 10_000, seconds_per_token=0.01), at_once=1)
    body = {"model": CHAT_MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    with server.http() as client, ThreadPoolExecutor(2) as pool:
        running = pool.submit(client.post, CHAT, json={**body, "stream": True})
        until(lambda: server.state.writing.running == 1)
        waiting = pool.submit(server.http().post, CHAT, json=body)
        until(lambda: server.state.writing.waiting == 1)
        replicas_end.close(server.state, 0.5)  # returns when there is nothing left to do
        assert server.state.idle and server.state.closing
        assert '"server_closing"' in running.result().text
        assert waiting.result().status_code == 503
        refused = client.post(CHAT, json=body)
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "server_closing"
        assert client.get("/ready").status_code == 503


def test_the_actor_counts_those_that_are_done() -> None:
    async def story() -> int:
        ending = replicas_end.Ending()
        waits = asyncio.create_task(ending.begun())
        await asyncio.sleep(0.01)
        assert not waits.done()
        await ending.begin()
        await asyncio.wait_for(waits, 5)
        await ending.begun()  # one that comes up meanwhile
        await ending.is_idle()
        return await ending.idle()

    assert run(story()) == 1


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_replicas_that_end_finish_or_tell() -> None:
    pytest.importorskip("ray", reason="the extra scale is not installed")
    port = free_port()
    ending = None
    body = {"model": CHAT_MODEL, "messages": [{"role": "user", "content": "Count from one to a thousand."}]}

    def stream(tokens: int) -> str:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            return client.post(CHAT, json={**body, "stream": True, "max_tokens": tokens, "repeat_penalty": 1.0}).text

    with ThreadPoolExecutor(9) as pool:
        try:
            ending = replicas.start(Serving(port=port, at_once=8), 1, 1)
            stream(1)  # the model is loaded
            short, *long = [pool.submit(stream, tokens) for tokens in (200, *(8000,) * 8)]
            time.sleep(2)
        finally:
            replicas.stop(ending)
        assert '"finish_reason": "length"' in short.result() or '"finish_reason": "stop"' in short.result()
        for each in long:
            text = each.result()
            assert text.rstrip().endswith("data: [DONE]"), text[-300:]
            assert '"finish_reason": "' in text or '"server_closing"' in text, text[-300:]
