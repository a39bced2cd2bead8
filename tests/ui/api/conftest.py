"""A real server around a model without weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from assistant.engines.fake import FakeEngine
from assistant.service import Assistant
from ui.api.app import create_api
from ui.api.keys import Keys
from ui.api.server import Server, server_for
from ui.api.state import Serving, State


class Running:
    """A server that listens, its address and its insides."""

    def __init__(self, server: Server, state: State) -> None:
        self.server, self.state = server, state
        port = server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def openai(self, key: str = "none") -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)

    def http(self, key: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


@contextmanager
def running(assistant: Assistant, serving: Serving, *, grace_seconds: float = 5) -> Generator[Running]:
    app = create_api(assistant, replace(serving, port=0), keys=Keys())
    server = server_for(app, replace(serving, port=0), grace_seconds=grace_seconds)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Running(server, app.state.parley)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


Start = Callable[..., Running]


def until(true: Callable[[], bool]) -> None:
    """Wait for what has to come true within seconds."""
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start servers around FakeEngines: `start(engine, **serving)`. Every model of the catalogue seems to be here."""
    from contextlib import ExitStack

    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    with ExitStack() as held:

        def begin(engine: FakeEngine | None = None, *, grace_seconds: float = 5, **serving: object) -> Running:
            made = engine or FakeEngine()
            assistant = Assistant(open_engine=lambda *_, **__: made)
            held.callback(assistant.close)
            return held.enter_context(running(assistant, Serving(**serving), grace_seconds=grace_seconds))  # type: ignore[arg-type]

        yield begin
