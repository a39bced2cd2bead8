"""The transformers engine beside plain `model.generate` calls: the same weights, dtype and attention, in turns."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant import hardware, placement, sources
from assistant.catalogue import Catalogue
from assistant.dequantise import dequantised
from assistant.engines.protocol import Message, Sampling

MODEL = "smollm2-135m-instruct"
TOKENS = 96
REPEATS = 5
AT_ONCE = 8
TOKENS_AT_ONCE = 24
QUESTION = "Write a long story about a dog that travels around the world."
GREEDY = Sampling(temperature=0, max_tokens=TOKENS, seed=0)
"""With a seed no prompt is taken from the cache: both sides read it each time."""
DRAWN = Sampling(temperature=0.7, top_k=40, top_p=0.95, min_p=0.05, max_tokens=TOKENS, seed=1)


def run(model: str = MODEL) -> dict[str, float]:
    """Tokens a second of both sides, medians of repeats that take turns; each ratio is ours over theirs."""
    gguf = sources.locate(Catalogue.load()[model])
    if gguf is None:
        raise SystemExit(f"{model} is not here: parley models pull {model}")
    with tempfile.TemporaryDirectory() as folder:
        return _measure(dequantised(gguf, Path(folder)))


def _measure(folder: Path) -> dict[str, float]:
    import torch

    from assistant.engines.transformers import TransformersEngine

    machine = hardware.detect()
    device = "gpu" if machine.gpus else "cpu"
    plan = placement.plan_device_map(machine, device, 10**9)
    engine = TransformersEngine(folder, placement=plan, dtype=placement.plan_dtype(machine, device))
    model: Any = engine._thread.forward.model
    prompt = torch.tensor([engine._prompt([Message("user", QUESTION)])], device=model.device)

    def plain(tokens: int = TOKENS, **settings: Any) -> int:
        made = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=tokens, **settings)
        return made.shape[1] - prompt.shape[1]

    def ours(sampling: Sampling) -> int:
        *_, last = engine.generate([Message("user", QUESTION)], sampling)
        return last.usage.completion_tokens if last.usage else 0

    def first() -> int:
        deltas = engine.generate([Message("user", QUESTION)], GREEDY)
        next(deltas)
        return 1

    warpers = {"do_sample": True, "temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.05}
    figures = _beside("", lambda: plain(do_sample=False), lambda: ours(GREEDY))
    figures |= _beside("sampled_", lambda: plain(**warpers), lambda: ours(DRAWN))
    together = _beside(
        f"{AT_ONCE}_at_once_",
        lambda: _at_once(lambda: plain(TOKENS_AT_ONCE, do_sample=False)),
        lambda: _at_once(lambda: ours(replace(GREEDY, max_tokens=TOKENS_AT_ONCE))),
        repeats=2,
    )
    first_token = _beside("", lambda: plain(1, do_sample=False), first)
    engine.close()
    return figures | together | {"seconds_to_first_token_ratio": 1 / first_token["ratio"]}


def _beside(name: str, theirs: Callable[[], int], ours: Callable[[], int], repeats: int = REPEATS) -> dict[str, float]:
    """Both warmed up once, then in turns, each beginning every other time."""
    _speed(theirs), _speed(ours)
    speeds: dict[Callable[[], int], list[float]] = {theirs: [], ours: []}
    for repeat in range(repeats):
        for side in (theirs, ours) if repeat % 2 else (ours, theirs):
            speeds[side].append(_speed(side))
    ratios = [mine / other for mine, other in zip(speeds[ours], speeds[theirs], strict=True)]
    return {
        f"{name}tokens_per_second": statistics.median(speeds[ours]),
        f"{name}generate_tokens_per_second": statistics.median(speeds[theirs]),
        f"{name}ratio": statistics.median(ratios),
    }


def _speed(side: Callable[[], int]) -> float:
    start = time.perf_counter()
    return side() / (time.perf_counter() - start)


def _at_once(side: Callable[[], int]) -> int:
    """The same from several threads; all their tokens together."""
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(side())) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)
