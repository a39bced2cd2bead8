"""What adapters that no request asks for cost the base whose engine carries them: memory, and tokens a second."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.engines.llamacpp import LlamaCppEngine
from assistant.engines.protocol import Sampling
from tests.assistant.embedded import smol_adapter
from tests.bench.clients import SMALL
from tests.bench.llamacpp_engine import REST_SECONDS, SUBJECTS, messages
from ui.api.metrics import resident

CARRIED = (0, 1, 8)
TURNS = 9
TOKENS = 128
"""Of each reply."""


def run() -> dict[str, float]:
    """The same engine with none, one and eight, in turns: the base answers alone, then eight at once."""
    path = sources.locate(Catalogue.load()[SMALL])
    assert path, f"{SMALL} is not here"
    found: dict[str, float] = {}
    with ExitStack() as open_, tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        every = [smol_adapter(Path(folder) / f"{seed}.gguf", seed) for seed in range(max(CARRIED))]
        engines: dict[int, LlamaCppEngine] = {}
        for count in CARRIED:
            before = resident()
            engine = LlamaCppEngine(path, adapters=every[:count], slots=len(SUBJECTS), prompts_bytes=0)
            open_.callback(engine.close)
            _tokens(engine, SUBJECTS[0])
            engines[count] = engine
            found[f"{_said(count)}: memory after a reply, MB"] = (resident() - before) / 2**20
        paces: dict[tuple[int, int], list[float]] = {(n, at_once): [] for at_once in (1, 8) for n in CARRIED}
        for turn in range(TURNS):
            for (count, at_once), those in paces.items() if turn % 2 else reversed(paces.items()):
                time.sleep(REST_SECONDS)
                those.append(_pace(engines[count], at_once))
        for (count, at_once), those in paces.items():
            found[f"{_said(count)}: tokens/s, {at_once} at once"] = statistics.median(those)
        for count in CARRIED[1:]:
            for at_once in (1, 8):
                beside = zip(paces[0, at_once], paces[count, at_once], strict=True)
                ratio = statistics.median(carrying / without for without, carrying in beside)
                found[f"{_said(count)} beside none, {at_once} at once, ratio"] = ratio
    return found


def _said(count: int) -> str:
    return f"{count or 'no'} adapter{'s' * (count != 1)}"


def _pace(engine: LlamaCppEngine, at_once: int) -> float:
    """Tokens a second of all replies together."""
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        tokens = sum(pool.map(lambda subject: _tokens(engine, subject), SUBJECTS[:at_once]))
    return tokens / (time.perf_counter() - start)


def _tokens(engine: LlamaCppEngine, subject: str) -> int:
    sampling = Sampling(temperature=0.0, max_tokens=TOKENS)
    return sum(bool(delta.text) for delta in engine.generate(messages(subject), sampling))
