"""What goes wrong while the server works: whoever is cut off is told, and the next one is served."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.engines.fake import FakeEngine
from tests.ui.api.conftest import Start, until
from ui.api.keys import Keys
from ui.api.logs import audit_to

MODEL = "smollm2-135m-instruct"
OTHER = "qwen2.5-coder-1.5b-instruct"
CHAT = "/v1/chat/completions"
TIMES = 20
PLACES, STREAMS = 2, 6
"""Replies written at a time, and asked for, when a server is ended."""
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Count from one to a hundred."}], "temperature": 0}


class Program:
    """`parley serve` in a process of its own."""

    def __init__(self, *words: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = str(Path(sys.executable).with_name("parley"))
        command = [program, "serve", "--port", str(self.port), *words]
        self.process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
        until(self._up)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def engines(self) -> list[psutil.Process]:
        """llama.cpp's processes."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [each for each in children if "llamacpp_server" in " ".join(each.cmdline())]

    def _up(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.client().get("/health").status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    yield made
    made.process.kill()
    made.process.wait()


def whole(client: httpx.Client) -> str:
    answer = client.post(CHAT, json={**BODY, "max_tokens": 12})
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]["content"]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_an_engine_that_is_killed_is_started_again(program: Program) -> None:
    with program.client() as client:
        expected = whole(client)
        for _ in range(TIMES):
            with client.stream("POST", CHAT, json={**BODY, "max_tokens": 400, "stream": True}) as answer:
                lines = answer.iter_lines()
                next(lines)
                (engine,) = program.engines()
                engine.kill()
                text = "\n".join(lines)
            assert '"error"' in text and "llama.cpp" in text
            assert whole(client) == expected


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_another_models_reply_goes_on_while_an_engine_is_killed(program: Program) -> None:
    if sources.locate(Catalogue.load()[OTHER]) is None:
        pytest.skip(f"`parley models pull {OTHER}` fetches the second model")
    other = {"model": OTHER, "messages": BODY["messages"], "max_tokens": 60, "temperature": 0, "stream": True}
    with program.client() as client, program.client() as second:
        assert second.post(CHAT, json={**other, "max_tokens": 1, "stream": False}).status_code == 200
        (untouched,) = program.engines()
        whole(client)
        for _ in range(TIMES):
            (first,) = (each for each in program.engines() if each.pid != untouched.pid)
            with second.stream("POST", CHAT, json=other) as answer:
                lines = answer.iter_lines()
                next(lines)
                first.kill()
                told = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            assert told[-1]["choices"][0]["finish_reason"] in ("stop", "length")
            assert not any("error" in each for each in told)
            assert whole(client)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_clients_that_leave_in_mid_stream_cost_the_others_nothing(program: Program) -> None:
    with program.client() as stays:
        expected = whole(stays)
        for _ in range(TIMES):
            with program.client() as leaves, leaves.stream("POST", CHAT, json={**BODY, "stream": True}) as answer:
                next(answer.iter_lines())
            assert whole(stays) == expected
        until(lambda: 'parley_running{line="writing"} 0.0' in stays.get("/metrics").text)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(1800)
def test_sigterm_under_load_leaves_nobody_without_a_word() -> None:
    for _ in range(TIMES):
        program = Program("--at-once", str(PLACES))

        def stream(client: httpx.Client) -> tuple[int, str]:
            with client, client.stream("POST", CHAT, json={**BODY, "max_tokens": 60, "stream": True}) as answer:
                return answer.status_code, answer.read().decode()

        with ThreadPoolExecutor(STREAMS) as pool, program.client() as client:
            streams = [pool.submit(stream, program.client()) for _ in range(STREAMS)]
            until(lambda client=client: f'parley_waiting{{line="writing"}} {STREAMS - PLACES}.0' in metrics(client))
            program.process.send_signal(signal.SIGTERM)
            statuses = []
            for each in streams:
                status, text = each.result()
                statuses.append(status)
                if status == 200:
                    assert text.rstrip().endswith("data: [DONE]") and '"finish_reason": "' in text, text[-300:]
                else:
                    assert json.loads(text)["error"]["code"] == "server_closing", text
        assert statuses.count(200) >= PLACES and set(statuses) == {200, 503}, "some were worked on, and some waited"
        assert program.process.wait(60) == -signal.SIGTERM


def metrics(client: httpx.Client) -> str:
    return client.get("/metrics").text


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_loses_lines_of_the_log_and_no_request(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit_to(tmp_path / "api.jsonl")
    logger = logging.getLogger("parley.audit")
    (handler,) = logger.handlers
    handler.close()
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = Full()
    try:
        client = start().http()
        for _ in range(TIMES):
            assert client.post(CHAT, json=BODY).status_code == 200
    finally:
        logger.handlers = []
    assert "Logging error" not in capsys.readouterr().err


def test_a_clock_that_jumps_neither_ends_nor_holds_a_request(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = Keys().create("paced", a_minute=2 * TIMES)
    server = start(FakeEngine("word " * 30, seconds_per_token=0.002), deadline_seconds=20, keys=True)
    now = time.time
    with server.http(secret) as client:
        for turn in range(TIMES):
            away = 86_400.0 * (turn + 1) * (-1 if turn % 2 else 1)
            monkeypatch.setattr(time, "time", lambda away=away: now() + away)
            assert client.post(CHAT, json=BODY).status_code == 200
            told = client.post(CHAT, json={**BODY, "stream": True}).text
            assert json.loads(told.split("\n\n")[-3][6:])["choices"][0]["finish_reason"] == "stop"
        refused = client.post(CHAT, json=BODY)  # its pace is used up, and no clock makes that last longer
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) <= 60
