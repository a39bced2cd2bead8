"""The API beside what it stands on: xllamacpp's own server under the same load, sentence-transformers' `encode`."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.service import CONTEXT_TOKENS
from tests.bench import page

SMALL = "smollm2-135m-instruct"
CLIENTS = 32
SLOTS = 8
SECONDS = float(os.environ.get("PARLEY_BENCH_SECONDS", "300"))
"""Of load on each server."""
ENCODER = "all-minilm-l6-v2"
READERS = 8
JSON = {"Content-Type": "application/json"}
CHAT = "/v1/chat/completions"
TEXTS = 1500
ROUNDS = 5


class Asking:
    """One client's connection: streams replies, and counts what comes."""

    def __init__(self, port: int, key: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def stream(self, body: dict[str, Any]) -> tuple[str, int]:
        """(text, tokens). Raises OSError for anything but a whole stream."""
        whole = {**body, "stream": True, "stream_options": {"include_usage": True}}
        self._line.request("POST", CHAT, json.dumps(whole), self._headers)
        answer = self._line.getresponse()
        if answer.status != http.HTTPStatus.OK:
            answer.read()
            raise OSError(f"status {answer.status}")
        text, tokens, ended = "", 0, False
        for line in answer:
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                if "error" in event:
                    raise OSError(str(event["error"]))
                text += "".join(choice["delta"].get("content") or "" for choice in event["choices"])
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
            ended = ended or line.startswith(b"data: [DONE]")
        if not ended:
            raise OSError("the stream broke off")
        return text, tokens


def run_streams() -> dict[str, float]:
    """Many clients stream for minutes; each reply has to begin with a word that nobody else asks for."""
    found: dict[str, float] = {}
    rates: dict[str, float] = {}
    with _xllamacpp() as (port, key):
        rates["xllamacpp"] = _load(port, key)["tokens a second"]
    with parley("--waiting", str(CLIENTS)) as (port, process):
        before = process.memory_info().rss
        ours = _load(port, "none")
        rates["parley"] = ours["tokens a second"]
        found |= {f"parley serve: {name}": value for name, value in ours.items()}
        found["parley serve: memory grown over the load, MB"] = (process.memory_info().rss - before) / 2**20
    found["xllamacpp's own server: tokens a second"] = rates["xllamacpp"]
    found["tokens a second, ratio (at least 0.95)"] = rates["parley"] / rates["xllamacpp"]
    return found


def _load(port: int, key: str) -> dict[str, float]:
    ends = time.monotonic() + SECONDS
    counts = {"requests": 0, "tokens": 0, "errors": 0, "crossed": 0}
    lock = threading.Lock()

    def client(number: int) -> None:
        asking, turn = Asking(port, key), 0
        while time.monotonic() < ends:
            turn += 1
            marker = f"client {number} turn {turn} {secrets.token_hex(4)}"
            body: dict[str, Any] = {"model": SMALL, "max_tokens": 96, "temperature": 0.7}
            body["messages"] = [{"role": "user", "content": f"Tell me a story about the number {number * 100 + turn}."}]
            schema = {"name": "story", "schema": story_with(marker)}
            body |= {"response_format": {"type": "json_schema", "json_schema": schema}}
            try:
                text, tokens = asking.stream(body)
            except (OSError, http.client.HTTPException, ValueError):
                with lock:
                    counts["errors"] += 1
                asking = Asking(port, key)
                continue
            with lock:
                counts["requests"] += 1
                counts["tokens"] += tokens
                counts["crossed"] += not bears(text, marker)

    start = time.monotonic()
    together(client, CLIENTS)
    counts_a_second = counts["tokens"] / (time.monotonic() - start)
    return {**{name: float(value) for name, value in counts.items()}, "tokens a second": counts_a_second}


def story_with(marker: str) -> dict[str, Any]:
    """A JSON Schema: an object with the marker first, then a story as free as a JSON string is."""
    properties = {"marker": {"type": "string", "enum": [marker]}, "story": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def bears(text: str, marker: str) -> bool:
    """Whether a reply, which may be cut off in its story, is the one that was asked for with this marker."""
    return re.match(rf'\s*\{{\s*"marker"\s*:\s*{re.escape(json.dumps(marker))}\s*,', text) is not None


def run_overhead() -> dict[str, float]:
    """A whole request around an engine that costs nothing, ms."""
    from assistant.engines.fake import FakeEngine
    from assistant.service import Assistant
    from tests.ui.api.conftest import running
    from ui.api.state import Serving

    assistant = Assistant(open_engine=lambda *_, **__: FakeEngine("ok"))
    body = {"model": SMALL, "messages": [{"role": "user", "content": "Hello"}]}
    found: dict[str, float] = {}
    with running(assistant, Serving()) as server:
        port = int(server.url.rpartition(":")[2])
        line = http.client.HTTPConnection("127.0.0.1", port)
        for name, more in (("whole", {}), ("streamed", {"stream": True})):
            taken: list[float] = []
            for _ in range(500):
                start = time.perf_counter()
                post(line, CHAT, body | more)
                taken.append(1000 * (time.perf_counter() - start))
            found[f"a {name} reply, ms, median (under 3)"] = statistics.median(taken)
    assistant.close()
    return found


def run_embeddings() -> dict[str, float]:
    """Texts a second: clients that each send one text after another, and one that sends batches."""
    from sentence_transformers import SentenceTransformer

    folder = sources.locate(Catalogue.load()[ENCODER])
    peer = SentenceTransformer(str(folder))
    alone = batched = ours_alone = ours_batched = 0.0
    with parley() as (port, _):
        warm = sentences(64)
        peer.encode(warm)
        embed(http.client.HTTPConnection("127.0.0.1", port, timeout=300), warm)
        for start in range(
            0, TEXTS, TEXTS // ROUNDS
        ):  # in turns: the machine's pace changes, and both have a share of it
            texts = sentences(TEXTS)[start : start + TEXTS // ROUNDS]

            def client(number: int, texts: list[str] = texts) -> None:
                line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                for text in texts[number::READERS]:
                    embed(line, [text])

            alone += _seconds(lambda texts=texts: [peer.encode(text) for text in texts])
            ours_alone += _seconds(lambda client=client: together(client, READERS))
            batched += _seconds(lambda texts=texts: peer.encode(texts, batch_size=64))
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            ours_batched += _seconds(lambda texts=texts, line=line: embed(line, texts))
    return {
        f"parley serve, {READERS} clients with one text each: texts a second": TEXTS / ours_alone,
        "sentence-transformers, one text after another: texts a second": TEXTS / alone,
        "one by one, ratio (at least 2)": alone / ours_alone,
        "parley serve, in batches: texts a second": TEXTS / ours_batched,
        "sentence-transformers, in batches of 64: texts a second": TEXTS / batched,
        "in batches, ratio (at least 1)": batched / ours_batched,
    }


def sentences(count: int) -> list[str]:
    """Texts of several lengths."""
    middle = "the sea and the wind "
    return [f"Sentence number {n} speaks of {middle * (n % 5)}and of a day in spring." for n in range(count)]


def embed(line: http.client.HTTPConnection, texts: list[str]) -> None:
    """One request for embeddings. Raises OSError where it is not answered with them."""
    post(line, "/v1/embeddings", {"model": ENCODER, "input": texts, "encoding_format": "base64"})


def post(line: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> bytes:
    """What a request is answered with. Raises OSError for any other status than 200."""
    line.request("POST", path, json.dumps(body), JSON)
    answer = line.getresponse()
    data = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"status {answer.status}: {data.decode()}")
    return data


def together(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def parley(*words: str) -> Generator[tuple[int, psutil.Process]]:
    """`parley serve` in a process of its own."""
    with page.program(Path(tempfile.mkdtemp()), None, "serve", *words) as (address, process):
        page.came_up(f"{address}health", time.perf_counter())
        yield int(address[17:-1]), psutil.Process(process.pid)


@contextmanager
def _xllamacpp() -> Generator[tuple[int, str]]:
    """xllamacpp's own server with the settings that Parley gives it."""
    from assistant.engines.llamacpp import PROMPT_BATCH, PROMPT_CACHE_MIB
    from assistant.engines.llamacpp_client import ServerProcess

    settings = {
        "path": str(sources.locate(Catalogue.load()[SMALL])),
        "adapters": [],
        "context_length": CONTEXT_TOKENS,
        "slots": SLOTS,
        "prompt_batch": PROMPT_BATCH,
        "cache_mib": PROMPT_CACHE_MIB,
        "gpu_layers": 0,
        "threads": None,
    }
    server = ServerProcess(settings)
    try:
        yield server._address[1], server._key
    finally:
        server.close()
