"""`parley serve` when there are too many, when there are more processes of it, and over a long time."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator

import numpy as np

from tests.bench.serving import CHAT, JSON, SMALL, Asking, embed, parley, post, sentences, together
from ui.api.metrics import resident

OVERLOAD = 10
"""Clients for each one that the server writes for or lets wait."""
SECONDS = 60
MIXED_SECONDS = float(os.environ.get("PARLEY_BENCH_MIXED_SECONDS", "1800"))
WARM_UP = 1 / 3
"""Of the mixed load's time, in which memory may grow."""
EACH_SECONDS = 5
"""Between two looks at the memory."""
REPLICA_TEXTS = 2000
READERS = 8


def run_overload() -> dict[str, float]:
    """Clients that ask again at once, whatever they are told; then one alone."""
    at_once, waiting = 4, 4
    body = {"model": SMALL, "messages": [{"role": "user", "content": "Say something."}], "max_tokens": 16}
    found = {"answered": 0, "told to come back": 0, "anything else": 0}
    memory: list[tuple[float, float]] = []
    with parley("--at-once", str(at_once), "--waiting", str(waiting)) as (port, process):
        ends = time.monotonic() + SECONDS

        def client(_: int) -> None:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            while time.monotonic() < ends:
                try:
                    post(line, CHAT, body)
                    found["answered"] += 1
                except OSError as error:
                    busy = str(error).startswith("status 429")
                    found["told to come back" if busy else "anything else"] += 1

        clients = OVERLOAD * (at_once + waiting)
        together(lambda n: client(n) if n else memory.extend(looks(process.pid, ends, 1)), clients + 1)
        start = time.monotonic()
        Asking(port, "none").stream(body)
        recovered = time.monotonic() - start
    half = len(memory) // 2
    return {
        "clients": clients,
        **found,
        "memory after half of the time, MB": memory[half][1],
        "memory at its end, MB": memory[-1][1],
        "seconds until the next one has its answer (under 2)": recovered,
    }


def run_replicas() -> dict[str, float]:
    """Texts a second of clients that each send one text after another."""
    texts = sentences(REPLICA_TEXTS)
    found: dict[str, float] = {}
    for replicas in (1, 2):
        with parley("--replicas", str(replicas)) as (port, _):

            def client(number: int, port: int = port) -> None:
                line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                for text in texts[number::READERS]:
                    embed(line, [text])

            together(lambda n, client=client: client(n), READERS)  # every replica has its model by then
            start = time.perf_counter()
            together(client, READERS)
            found[f"replicas: {replicas}, texts a second"] = len(texts) / (time.perf_counter() - start)
    found["two beside one, ratio"] = found["replicas: 2, texts a second"] / found["replicas: 1, texts a second"]
    return found


def run_mixed() -> dict[str, float]:
    """Chats, streamed and whole, embeddings, feelings and clients that leave, for half an hour; memory of the server
    and of its engines, and how fast it grows once it is warm."""
    memory: list[tuple[float, float]] = []
    requests = 0
    with parley() as (port, process):
        ends = time.monotonic() + MIXED_SECONDS

        def client(number: int) -> None:
            nonlocal requests
            line, turn = http.client.HTTPConnection("127.0.0.1", port, timeout=300), 0
            while time.monotonic() < ends:
                turn += 1
                told = [{"role": "user", "content": f"Tell me of the number {number * 1000 + turn}."}]
                body = {"model": SMALL, "messages": told, "max_tokens": 16 + turn % 5 * 32}
                match (number + turn) % 5:
                    case 0:
                        Asking(port, "none").stream(body)
                    case 1:
                        post(line, CHAT, body)
                    case 2:
                        embed(line, sentences(1 + turn % 40))
                    case 3:
                        post(line, "/v1/sentiment", {"input": sentences(1 + turn % 10)})
                    case _:
                        leave(port, body)
                requests += 1

        together(lambda n: client(n) if n else memory.extend(looks(process.pid, ends, EACH_SECONDS)), READERS + 1)
    warm = [(at, size) for at, size in memory if at - memory[0][0] > WARM_UP * MIXED_SECONDS]
    times, sizes = np.array(warm).T
    slope, _ = np.polyfit(times / 3600, sizes, 1)
    return {
        "minutes": MIXED_SECONDS / 60,
        "requests": requests,
        "memory after the first third, MB": warm[0][1],
        "memory at the end, MB": warm[-1][1],
        "growth after the first third, MB an hour": float(slope),
        "a day of that, MB": 24 * float(slope),
    }


def looks(pid: int, ends: float, every: float) -> Iterator[tuple[float, float]]:
    """(when, MB of a process and of those it has begun), until then. Times are those of time.monotonic, seconds."""
    while (now := time.monotonic()) < ends:
        yield now, resident(pid) / 2**20
        time.sleep(every)


def leave(port: int, body: dict[str, object]) -> None:
    """Ask for a long reply and go away at its first words."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    line.request("POST", CHAT, json.dumps({**body, "stream": True, "max_tokens": 400}), JSON)
    line.getresponse().read(64)
    line.close()
