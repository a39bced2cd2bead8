"""`parley serve` when there are too many, when there are more processes of it, and over a long time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus

import numpy as np
import psutil

from tests.bench.clients import (
    CHAT,
    FAILURES,
    JSON,
    SMALL,
    Asking,
    Refused,
    Shift,
    connection,
    embed,
    parley,
    post,
    sentences,
    together,
)
from tests.bench.program import BenchFailed
from ui.api.metrics import resident

OVERLOAD = 10
"""Clients for each one that the server writes for or lets wait."""
AT_ONCE, WAITING = 4, 4
SECONDS = 60
MIXED_SECONDS = float(os.environ.get("PARLEY_BENCH_MIXED_SECONDS", "1800"))
WARM_UP = 1 / 3
"""Of the mixed load's time, in which memory may grow."""
EACH_SECONDS = 0.5
"""Between two looks at the memory: one of them follows closely on each time that the server gives memory back."""
REPLICA_TEXTS = 2000
REPLICA_TURNS = 2
READERS = 8


def run_overload() -> dict[str, float]:
    """Clients that ask again at once, whatever they are told; then one alone."""
    body = {"model": SMALL, "messages": [{"role": "user", "content": "Say something."}], "max_tokens": 16}
    clients = OVERLOAD * (AT_ONCE + WAITING)
    memory: list[tuple[float, float, float]] = []
    with parley("--at-once", str(AT_ONCE), "--waiting", str(WAITING)) as (port, process):
        Asking(port).stream(body)  # its model is loaded, and begun with
        shift = Shift(SECONDS)

        def client(_: int) -> None:
            line = connection(port)
            while shift.on:
                try:
                    post(line, CHAT, body)
                    shift.count("answered")
                except FAILURES as error:
                    if isinstance(error, Refused) and error.come_back:
                        shift.count("told to come back")
                    else:
                        shift.failed(error)
                        line = connection(port)

        together(lambda n: client(n) if n else memory.extend(looks(process.pid, shift, 1)), clients + 1)
        shift.check()
        start = time.monotonic()
        Asking(port).stream(body)
        recovered = time.monotonic() - start
    answered, turned_away = shift.counts["answered"], shift.counts["told to come back"]
    if not (answered and turned_away):
        raise BenchFailed(f"{answered} were answered and {turned_away} turned away: that was no overload.")
    half = len(memory) // 2
    return {
        "clients": clients,
        "answered": answered,
        "told to come back (429, with Retry-After)": turned_away,
        "anything else (0)": shift.counts["errors"],
        "memory after half of the time, MB": memory[half][1],
        "memory at its end, MB": memory[-1][1],
        "seconds until the next one has its answer (under 2)": recovered,
    }


def run_replicas() -> dict[str, float]:
    """Texts a second of clients that each send one text after another, one replica and two in turns."""
    texts = sentences(REPLICA_TEXTS)
    seconds = {1: 0.0, 2: 0.0}
    for turn in range(REPLICA_TURNS):
        for replicas in ((1, 2), (2, 1))[turn % 2]:
            seconds[replicas] += _read_by(replicas, texts)
    found = {f"replicas: {n}, texts a second": REPLICA_TURNS * len(texts) / each for n, each in seconds.items()}
    return {**found, "two beside one, ratio": seconds[1] / seconds[2]}


def _read_by(replicas: int, texts: list[str]) -> float:
    """Seconds until all texts have been read, once every replica has its model."""
    with parley("--replicas", str(replicas)) as (port, process):

        def client(number: int) -> None:
            line = connection(port)
            for text in texts[number::READERS]:
                embed(line, [text])

        together(client, READERS)
        there = sum("ServeReplica" in _title(each) for each in process.children(recursive=True))
        if there != replicas:
            raise BenchFailed(f"There are {there} replicas, not {replicas}.")
        start = time.perf_counter()
        together(client, READERS)
        return time.perf_counter() - start


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def run_mixed() -> dict[str, float]:
    """Chats, streamed and whole, embeddings, feelings and clients that leave, for half an hour; memory of the server
    and of its engines, and how fast it grows once it is warm."""
    memory: list[tuple[float, float, float]] = []
    with parley() as (port, process):
        shift = Shift(MIXED_SECONDS)

        def client(number: int) -> None:
            line, turn = connection(port), 0
            while shift.on:
                turn += 1
                told = [{"role": "user", "content": f"Tell me of the number {number * 1000 + turn}."}]
                body = {"model": SMALL, "messages": told, "max_tokens": 16 + turn % 5 * 32}
                try:
                    match (number + turn) % 5:
                        case 0:
                            Asking(port).stream(body)
                        case 1:
                            post(line, CHAT, body)
                        case 2:
                            embed(line, sentences(1 + turn % 40))
                        case 3:
                            post(line, "/v1/sentiment", {"input": sentences(1 + turn % 10)})
                        case _:
                            leave(port, body)
                    shift.count("requests")
                except FAILURES as error:
                    shift.failed(error)
                    line = connection(port)

        together(lambda n: client(n) if n else memory.extend(looks(process.pid, shift, EACH_SECONDS)), READERS + 1)
        shift.check()
    warm = lowest(memory, WARM_UP * MIXED_SECONDS, MIXED_SECONDS / 30)
    (slope, error), (own, _) = (growth(warm[:, 0], warm[:, column]) for column in (1, 2))
    return {
        "minutes": MIXED_SECONDS / 60,
        "requests": shift.counts["requests"],
        "requests that failed (0)": shift.counts["errors"],
        "memory after the first third, MB": float(warm[0, 1]),
        "memory at the end, MB": float(warm[-1, 1]),
        "growth after the first third, MB an hour": slope,
        "its standard error, MB an hour": error,
        "of that the server's own process, MB an hour": own,
        "a day of that, MB": 24 * slope,
    }


def lowest(looks: Sequence[tuple[float, float, float]], begin: float, each: float) -> np.ndarray:
    """The lowest memory of every `each` seconds from `begin` seconds on, as a server holds it that gives back each
    minute what it has freed: (spans, 3), times in the middle."""
    table = np.array(looks)
    times = table[:, 0] - table[0, 0] - begin
    spans = [table[times // each == n] for n in range(int(times[-1] // each))]
    return np.array([(span[:, 0].mean(), *span[:, 1:].min(0)) for span in spans if len(span)])


def growth(seconds: np.ndarray, memory: np.ndarray) -> tuple[float, float]:
    """(units an hour, its standard error) of a straight line through memory."""
    (slope, _), covariance = np.polyfit((seconds - seconds[0]) / 3600, memory, 1, cov=True)
    return float(slope), float(covariance[0, 0] ** 0.5)


def looks(pid: int, shift: Shift, every: float) -> Iterator[tuple[float, float, float]]:
    """(when, MB of a process and of those it has begun, MB of it alone), as long as the shift. Times are those of
    time.monotonic."""
    process = psutil.Process(pid)
    while shift.on:
        yield time.monotonic(), resident(pid) / 2**20, process.memory_info().rss / 2**20
        time.sleep(every)


def leave(port: int, body: dict[str, object]) -> None:
    """Ask for a long reply and go away at its first words. Raises one of FAILURES where there are none."""
    line = connection(port)
    line.request("POST", CHAT, json.dumps({**body, "stream": True, "max_tokens": 400}), JSON)
    answer = line.getresponse()
    if answer.status != HTTPStatus.OK:
        raise Refused(answer)
    if not answer.read(64):
        raise OSError("the stream was empty")
    line.close()
