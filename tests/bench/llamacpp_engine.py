"""The embedded model through `Assistant`, beside the raw xllamacpp server that an expert would write by hand.

Both have the same settings and take turns, so that whatever else the machine does strikes both alike.
"""

from __future__ import annotations

import importlib
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from assistant.engines.protocol import Message, Sampling
from assistant.service import CONTEXT_TOKENS, Assistant

SUBJECTS = ("dog", "cat", "ship", "king", "tree", "robot", "river", "star")
TOKENS = 256
"""Of one reply alone."""
TOKENS_TOGETHER = 96
"""Of each of eight replies at once."""
ROUNDS = 9
"""Turns of each side: short and many, since a machine's own speed drifts by a tenth within minutes."""
REST_SECONDS = 0.5
"""Between turns: llama.cpp's threads spin for a while after their last token, and take a core from the next."""

Timing = tuple[float, float]
"""(seconds to the first token, tokens per second after it)"""


def messages(subject: str) -> list[Message]:
    return [
        Message("system", "You are a helpful assistant."),
        Message("user", f"Write a long story about a {subject}."),
    ]


def raw(path: str, slots: int) -> Callable[..., Timing]:
    """xllamacpp as its own documentation uses it: an in-process server, streaming to a callback."""
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = CONTEXT_TOKENS * slots
    params.n_parallel = slots
    params.verbosity = -1
    server = xllamacpp.Server(params)

    def ask(subject: str, tokens: int = TOKENS) -> Timing:
        times: list[float] = []

        def receive(chunk: dict[str, Any]) -> None:
            if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter())

        start = time.perf_counter()
        server.handle_chat_completions(
            {
                "messages": [{"role": m.role, "content": m.content} for m in messages(subject)],
                "stream": True,
                "max_tokens": tokens,
                "temperature": 0.0,
            },
            receive,
        )
        return times[0] - start, (len(times) - 1) / (times[-1] - times[0])

    return ask


def through_assistant(model: str) -> Callable[..., Timing]:
    assistant = Assistant()
    assistant.engine(model)

    def ask(subject: str, tokens: int = TOKENS) -> Timing:
        times: list[float] = []
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        start = time.perf_counter()
        for delta in assistant.stream(messages(subject), model=model, sampling=sampling):
            if delta.text:
                times.append(time.perf_counter())
        return times[0] - start, (len(times) - 1) / (times[-1] - times[0])

    return ask


def together(ask: Callable[..., Timing]) -> float:
    """Tokens per second of eight streams at once, all counted."""
    threads = [threading.Thread(target=ask, args=(subject, TOKENS_TOGETHER)) for subject in SUBJECTS]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(SUBJECTS) * TOKENS_TOGETHER / (time.perf_counter() - start)


def run(model: str = "smollm2-135m-instruct", rounds: int = ROUNDS) -> dict[str, float]:
    """Medians, and the medians of the ratios of turns that stood beside each other."""
    from assistant import sources
    from assistant.catalogue import Catalogue

    path = sources.locate(Catalogue.load()[model])
    assert path, f"{model} is not here"
    slots = len(SUBJECTS)
    sides = {"raw": raw(str(path), slots), "parley": through_assistant(model)}
    one: dict[str, list[Timing]] = {name: [] for name in sides}
    eight: dict[str, list[float]] = {name: [] for name in sides}
    for ask in sides.values():
        ask(SUBJECTS[0])
    for number in range(rounds):
        for name in (list(sides), list(reversed(sides)))[number % 2]:
            time.sleep(REST_SECONDS)
            one[name].append(sides[name](SUBJECTS[1 + number % 7]))
    for number in range(rounds):
        for name in (list(sides), list(reversed(sides)))[number % 2]:
            time.sleep(REST_SECONDS)
            eight[name].append(together(sides[name]))
    found: dict[str, float] = {}
    for name in sides:
        found[f"{name}: tokens/s, one stream"] = statistics.median(speed for _, speed in one[name])
        found[f"{name}: ms to the first token"] = 1000 * statistics.median(first for first, _ in one[name])
        found[f"{name}: tokens/s, eight streams"] = statistics.median(eight[name])
    beside = zip(one["raw"], one["parley"], strict=True)
    found["ratio: one stream (at least 0.95)"] = statistics.median(ours[1] / theirs[1] for theirs, ours in beside)
    together_beside = zip(eight["raw"], eight["parley"], strict=True)
    found["ratio: eight streams (at least 0.95)"] = statistics.median(ours / theirs for theirs, ours in together_beside)
    allowed = 1.1 * found["raw: ms to the first token"] + 10
    found["first token: share of 1.1 × raw + 10 ms (at most 1)"] = found["parley: ms to the first token"] / allowed
    return found
