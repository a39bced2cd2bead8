"""The API beside what it stands on: xllamacpp's own server under the same load, sentence-transformers' `encode`."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.service import CONTEXT_TOKENS
from tests.bench.clients import (
    CHAT,
    ENCODER,
    FAILURES,
    SMALL,
    Asking,
    Shift,
    connection,
    embed,
    parley,
    post,
    sentences,
    together,
)

CLIENTS = 32
SLOTS = 8
SECONDS = float(os.environ.get("PARLEY_BENCH_SECONDS", "300"))
"""Of load on each server."""
TURN_SECONDS = 60
REST_SECONDS = 1
"""Between turns: threads spin for a while after their last token."""
TIMES = 5
"""That a client asks for its marker: about a hundred tokens."""
EQUAL = {"temperature": 0, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0, "max_tokens": 256}
"""Asked of both servers, whose own settings differ."""
READERS = 8
TEXTS = 1500
ROUNDS = 5


def run_streams() -> dict[str, float]:
    """Many clients stream for minutes, a minute at either server in turns; every character of a reply is known before,
    and stands in nobody else's."""
    with xllamacpp() as (port, key), parley("--waiting", str(CLIENTS)) as (own, process):
        both = Side("parley serve", own), Side("xllamacpp's own server", port, key)
        sides = {side.name: side for side in both}
        before = process.memory_info().rss
        turns = max(1, round(SECONDS / TURN_SECONDS))
        for number in range(turns):
            for name in (list(sides), list(reversed(sides)))[number % 2]:
                time.sleep(REST_SECONDS)
                sides[name].turn(SECONDS / turns)
        grown = (process.memory_info().rss - before) / 2**20
    found: dict[str, float] = {"turns of each": turns}
    for name, side in sides.items():
        found[f"{name}: requests"] = side.counts["requests"]
        found[f"{name}: tokens"] = side.counts["tokens"]
        found[f"{name}: errors (0)"] = side.counts["errors"]
        found[f"{name}: replies of which something was lost (0)"] = side.counts["lost"]
        found[f"{name}: replies with something that was not theirs (0)"] = side.counts["crossed"]
        found[f"{name}: tokens a second"] = side.counts["tokens"] / side.seconds
    rates = [found[f"{name}: tokens a second"] for name in sides]
    found["tokens a second, ratio (at least 0.95)"] = rates[0] / rates[1]
    found["parley serve: memory grown over the load, MB"] = grown
    return found


class Side:
    """One server, its model loaded, and what all clients together have had of it."""

    def __init__(self, name: str, port: int, key: str = "none") -> None:
        self.counts: Counter[str] = Counter()
        self.name = name
        self.seconds = 0.0
        self._port, self._key = port, key
        self._numbers = itertools.count()
        Asking(port, key).stream(dictated("the first"))

    def turn(self, seconds: float) -> None:
        """Load it, until the last client has its reply. Raises BenchFailed where one had none."""
        shift, begun = Shift(seconds), time.monotonic()
        together(lambda number: self._client(number, shift), CLIENTS)
        self.seconds += time.monotonic() - begun
        shift.check(self.name)
        self.counts += shift.counts

    def _client(self, number: int, shift: Shift) -> None:
        while shift.on:
            marker = f"client {number} turn {next(self._numbers)} {secrets.token_hex(4)}"
            try:
                # A line a request: xllamacpp's server has twelve threads, each of which stays with a line that is kept.
                reply = Asking(self._port, self._key).stream(dictated(marker))
            except FAILURES as error:
                shift.failed(error)
                continue
            shift.count("requests")
            shift.count("tokens", reply.tokens)
            shift.count(fate(reply.text, marker))


def told(marker: str) -> str:
    """What a reply says of which every character is known: its client's marker, and again."""
    return ", ".join([marker] * TIMES)


def dictated(marker: str) -> dict[str, Any]:
    """A request for that, held to it by a JSON Schema: once it is there the first time a model repeats it by itself, so
    that the schema seldom has to look for another token."""
    known = {"type": "string", "enum": [told(marker)]}
    schema = {"type": "object", "properties": {"told": known}, "required": ["told"], "additionalProperties": False}
    asked = f'Write this {TIMES} times, with commas between: "{marker}"'
    return {
        "model": SMALL,
        "messages": [{"role": "user", "content": asked}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "dictation", "schema": schema}},
        **EQUAL,
    }


def fate(text: str, marker: str) -> str:
    """What became of a reply: "whole"; "lost", where what is there is right and in order; "crossed", where something
    is there that this client did not ask for, or is there twice."""
    wanted = told(marker)
    try:
        if json.loads(text) == {"told": wanted}:
            return "whole"
    except ValueError:
        pass
    rest = iter("".join(json.dumps({"told": wanted}).split()))
    return "lost" if all(letter in rest for letter in "".join(text.split())) else "crossed"


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
        embed(connection(port), warm)
        for start in range(
            0, TEXTS, TEXTS // ROUNDS
        ):  # in turns: the machine's pace changes, and both have a share of it
            texts = sentences(TEXTS)[start : start + TEXTS // ROUNDS]

            def client(number: int, texts: list[str] = texts) -> None:
                line = connection(port)
                for text in texts[number::READERS]:
                    embed(line, [text])

            alone += _seconds(lambda texts=texts: [peer.encode(text) for text in texts])
            ours_alone += _seconds(lambda client=client: together(client, READERS))
            batched += _seconds(lambda texts=texts: peer.encode(texts, batch_size=64))
            line = connection(port)
            ours_batched += _seconds(lambda texts=texts, line=line: embed(line, texts))
    return {
        f"parley serve, {READERS} clients with one text each: texts a second": TEXTS / ours_alone,
        "sentence-transformers, one text after another: texts a second": TEXTS / alone,
        "one by one, ratio (at least 2)": alone / ours_alone,
        "parley serve, in batches: texts a second": TEXTS / ours_batched,
        "sentence-transformers, in batches of 64: texts a second": TEXTS / batched,
        "in batches, ratio (at least 1)": batched / ours_batched,
    }


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def xllamacpp() -> Generator[tuple[int, str]]:
    """xllamacpp's own server with the settings that Parley gives it: (its port, its key)."""
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
