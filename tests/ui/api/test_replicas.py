"""The API by several processes: what Ray Serve is told, and a replica that is killed (`make test-slow`)."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from assistant.engines.fake import FakeEngine
from assistant.errors import BadSettings
from tests.ui.api.conftest import Start, until
from tests.ui.api.test_turns import run
from ui.api import replicas, replicas_end
from ui.api.state import Serving

REQUESTS = 400
CLIENTS = 4
CHAT, CHAT_MODEL = "/v1/chat/completions", "smollm2-135m-instruct"


def test_so_many_or_by_what_is_asked() -> None:
    serving = Serving(at_once=4, waiting=10)
    fixed = replicas.scaling(serving, 2, 2)
    assert fixed["num_replicas"] == 2 and "autoscaling_config" not in fixed
    assert fixed["max_ongoing_requests"] > 4 + 10  # the replica's own line says who is turned away
    moving = replicas.scaling(serving, 1, 3)["autoscaling_config"]
    assert (moving["min_replicas"], moving["max_replicas"], moving["target_ongoing_requests"]) == (1, 3, 4.0)
    assert fixed["graceful_shutdown_timeout_s"] > serving.deadline_seconds, "every request ends by its own time before"
    for least, most in ((0, 1), (3, 2), (-1, -1)):
        with pytest.raises(BadSettings, match="replicas"):
            replicas.scaling(serving, least, most)


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


@pytest.fixture
def address() -> Iterator[str]:
    pytest.importorskip("ray", reason="the extra scale is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ending = None
    try:
        ending = replicas.start(Serving(port=port), 2, 2)
        yield f"http://127.0.0.1:{port}"
    finally:
        replicas.stop(ending)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_replicas_that_end_finish_or_tell() -> None:
    pytest.importorskip("ray", reason="the extra scale is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_replica_that_is_killed_loses_its_own_requests_alone(address: str) -> None:
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            for number in range(REQUESTS // CLIENTS):
                try:
                    answer = client.post("/v1/embeddings", json={"input": f"text {number}"})
                except httpx.HTTPError:
                    statuses.append(0)
                    continue
                statuses.append(answer.status_code)
                if answer.status_code == 200:
                    assert len(answer.json()["data"][0]["embedding"]) == 384

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    while len(statuses) < REQUESTS // 4:
        time.sleep(0.05)
    mine = [each for each in psutil.process_iter() if "ServeReplica:parley" in " ".join(cmdline(each))]
    assert len(mine) == 2
    mine[0].kill()
    for each in clients:
        each.join()
    lost = [status for status in statuses if status != 200]
    assert len(statuses) == REQUESTS and len(lost) <= CLIENTS, lost
    ends = time.monotonic() + 120
    while len([each for each in psutil.process_iter() if "ServeReplica:parley" in " ".join(cmdline(each))]) < 2:
        assert time.monotonic() < ends, "nobody took its place"
        time.sleep(0.5)


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
