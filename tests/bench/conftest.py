"""A server that answers as a test says: what benchmarks make of one that does not do well."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest

Body = dict[str, Any]
Answer = tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]] | None
"""Status, body and headers; None hangs up."""


def streamed(text: str, *, finish: str | None = "stop", tokens: int = 3, done: bool = True) -> tuple[int, bytes]:
    """A reply in pieces of a few characters, as OpenAI's protocol has it."""
    pieces: list[Body] = [
        {"choices": [{"delta": {"content": text[at : at + 7]}, "finish_reason": None}]} for at in range(0, len(text), 7)
    ]
    pieces.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    pieces.append({"choices": [], "usage": {"completion_tokens": tokens}})
    events = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces)
    return 200, events + (b"data: [DONE]\n\n" if done else b"")


Serve = Callable[[Callable[[str, Body], Answer]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server: `serve(lambda path, body: (200, b"{}"))` is its port."""
    with ExitStack() as held:

        def begin(answer: Callable[[str, Body], Answer]) -> int:
            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self) -> None:
                    body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                    made = answer(self.path, body)
                    if made is None:
                        self.close_connection = True
                        return
                    self.send_response(made[0])
                    for name, value in (made[2] if len(made) == 3 else {}).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(made[1])))
                    self.end_headers()
                    self.wfile.write(made[1])

                def log_message(self, format: str, *args: Any) -> None: ...

            class Server(ThreadingHTTPServer):
                daemon_threads = True
                request_queue_size = 128

                def handle_error(self, request: Any, client_address: Any) -> None: ...  # clients leave: it is a test

            server = Server(("127.0.0.1", 0), Handler)
            held.callback(server.server_close)
            held.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return server.server_address[1]

        yield begin


@pytest.fixture
def instead(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, Body], Answer]], None]:
    """Have such a server stand in the place of `parley serve` in load.py."""

    def place(answer: Callable[[str, Body], Answer]) -> None:
        @contextmanager
        def parley(*_: str) -> Iterator[tuple[int, psutil.Process]]:
            yield serve(answer), psutil.Process()

        monkeypatch.setattr("tests.bench.load.parley", parley)

    return place
