"""Clients of a server that is measured: what they ask, what became of it, and no failure that nobody hears of."""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil

from tests.bench.program import BenchFailed, program

SMALL = "smollm2-135m-instruct"
ENCODER = "all-minilm-l6-v2"
CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
PATIENCE_SECONDS = 300
"""For an answer."""
MOST_ERRORS = 20
"""Of all clients together, before they give up."""


class Refused(OSError):
    """A request was answered with another status than 200."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        super().__init__(f"status {answer.status}: {answer.read().decode(errors='replace')[:300]}")
        self.come_back = answer.status == HTTPStatus.TOO_MANY_REQUESTS and answer.getheader("Retry-After") is not None
        """Whether it is told when to try again."""


FAILURES = (OSError, http.client.HTTPException, ValueError, KeyError)
"""What a client meets that is not answered as it should be."""


@dataclass(frozen=True)
class Reply:
    """A streamed reply, put together."""

    text: str
    tokens: int
    finish: str


class Asking:
    """One client's connection: streams replies, and counts what comes."""

    def __init__(self, port: int, key: str = "none") -> None:
        self._line = connection(port)
        self._headers = {"Authorization": f"Bearer {key}", **JSON}

    def stream(self, body: dict[str, Any]) -> Reply:
        """Raises one of FAILURES for anything but a whole stream, with the reason for its end and its tokens."""
        whole = {**body, "stream": True, "stream_options": {"include_usage": True}}
        self._line.request("POST", CHAT, json.dumps(whole), self._headers)
        answer = self._line.getresponse()
        if answer.status != HTTPStatus.OK:
            raise Refused(answer)
        text, tokens, finish, ended = "", 0, "", False
        for line in answer:
            if line.startswith(b"error: "):  # llama.cpp's own way
                raise OSError(line.decode(errors="replace"))
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                if "error" in event:
                    raise OSError(str(event["error"]))
                for choice in event["choices"]:
                    text += choice["delta"].get("content") or ""
                    finish = choice["finish_reason"] or finish
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
            ended = ended or line.startswith(b"data: [DONE]")
        answer.read()  # to its end: the line is free again
        if not (ended and finish and tokens):
            raise OSError(f"the stream broke off after {len(text)} characters")
        return Reply(text, tokens, finish)


class Shift:
    """The time that clients work, and what they count. It is over early where too much fails."""

    def __init__(self, seconds: float) -> None:
        self.counts: Counter[str] = Counter()
        self._ends = time.monotonic() + seconds
        self._first = ""
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether there is time for one more request."""
        return time.monotonic() < self._ends and self.counts["errors"] < MOST_ERRORS

    def count(self, what: str, times: int = 1) -> None:
        with self._lock:
            self.counts[what] += times

    def failed(self, error: BaseException) -> None:
        """Count a failure; the first of them is told."""
        self.count("errors")
        with self._lock:
            self._first = self._first or repr(error)

    def check(self, server: str = "") -> None:
        """Raise BenchFailed where something failed: the figures would be of a server that did less than they say.
        server: its name, where there are several."""
        if self.counts["errors"]:
            of = f" of {server}" if server else ""
            raise BenchFailed(f"{self.counts['errors']} requests{of} failed, the first with {self._first}")


def together(work: Callable[[int], object], count: int) -> None:
    """Do it in so many threads, each with its number, and wait for all.

    Raises BenchFailed where one of them ended early: the others did less than was meant.
    """
    with ThreadPoolExecutor(count) as pool:
        clients = [pool.submit(work, number) for number in range(count)]
    errors = [error for each in clients if (error := each.exception()) is not None]
    if errors:
        raise BenchFailed(f"{len(errors)} of {count} clients failed, the first with {errors[0]!r}") from errors[0]


def connection(port: int) -> http.client.HTTPConnection:
    """One client's line to a server on this machine."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)


def post(line: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> bytes:
    """What a request is answered with. Raises Refused for any other status than 200."""
    line.request("POST", path, json.dumps(body), JSON)
    answer = line.getresponse()
    if answer.status != HTTPStatus.OK:
        raise Refused(answer)
    return answer.read()


def embed(line: http.client.HTTPConnection, texts: list[str]) -> None:
    """One request for embeddings. Raises one of FAILURES where not each text has one."""
    answer = post(line, "/v1/embeddings", {"model": ENCODER, "input": texts, "encoding_format": "base64"})
    if answer.count(b'"index":') != len(texts):
        raise OSError("there are not as many embeddings as texts")


def sentences(count: int) -> list[str]:
    """Texts of several lengths."""
    middle = "the sea and the wind "
    return [f"Sentence number {n} speaks of {middle * (n % 5)}and of a day in spring." for n in range(count)]


@contextmanager
def parley(*words: str) -> Generator[tuple[int, psutil.Process]]:
    """`parley serve` in a process of its own: (its port, its process). Raises BenchFailed where it ends."""
    with program(Path(tempfile.mkdtemp(prefix="parley-bench-")), None, "serve", *words) as made:
        made.came_up("health")
        yield made.port, psutil.Process(made.process.pid)
