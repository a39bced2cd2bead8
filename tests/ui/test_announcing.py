"""A server tells where it is once it is there, and with the port that it got."""

from __future__ import annotations

import socket
import threading
from functools import partial

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ui.announcing import Announcing
from ui.listening import KEEP_ALIVE_SECONDS, address
from ui.web import app as page


def test_the_address_is_told_when_somebody_answers_there() -> None:
    told: list[str] = []
    heard = threading.Event()

    def listening(address: str) -> None:
        port = int(address.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        told.append(address)
        heard.set()

    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))])
    server = Announcing(uvicorn.Config(app, port=0, log_config=None), listening)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert heard.wait(20)
        assert told[0].startswith("http://127.0.0.1:") and not told[0].endswith(":0")
        assert httpx.get(told[0]).text == "here"
    finally:
        server.should_exit = True
        thread.join(20)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("[::1]", "http://[::1]:80")],
)
def test_addresses(host: str, url: str) -> None:
    assert address(host, 80) == url


def test_the_page_opens_where_it_listens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`parley ui --port 0`: the browser is sent to the port that was free."""
    opened: list[str] = []
    kept: list[int] = []
    done = threading.Event()
    monkeypatch.setattr(page.webbrowser, "open", lambda url: opened.append(url) or done.set())
    monkeypatch.setattr(page.uvicorn, "Config", partial(uvicorn.Config, log_config=None))
    monkeypatch.setattr(page, "create_app", lambda *_, **__: Starlette())
    monkeypatch.setattr(page, "assistant_for", lambda accounts: _Idle())

    class Brief(Announcing):
        """Ends as soon as it has told."""

        async def main_loop(self) -> None:
            done.wait(20)
            kept.append(self.config.timeout_keep_alive)

    monkeypatch.setattr(page, "Announcing", Brief)
    page.launch(port=0)
    assert opened and not opened[0].endswith(":0") and f"Parley is at {opened[0]}" in capsys.readouterr().out
    assert kept == [KEEP_ALIVE_SECONDS]


class _Idle:
    """An assistant that nobody asks."""

    def start_pulls(self) -> None: ...

    def preload(self) -> None: ...

    def close(self) -> None: ...
