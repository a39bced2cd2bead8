"""The text tasks beside what an expert would write: sentiment beside `transformers.pipeline`, a T5 beside `generate`.

Sentences are real ones of mixed length, in their own order, from a folder that PARLEY_BENCH_DATA names (film reviews:
rotten_tomatoes/{pos,neg}.txt, products: product_reviews_1.zip, as finetune/sentiment_data.py reads them).
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

SENTENCES = 5000
ROUNDS = 3
T5_TEXTS = 512
T5_TOKENS = 32


def sentences(count: int = SENTENCES) -> list[str]:
    """Film and product sentences, short and long ones, shuffled."""
    from finetune.sentiment_data import examples

    folder = Path(os.environ.get("PARLEY_BENCH_DATA", ""))
    found = [each.text for each in examples(folder) if each.source != "lexicon"]
    random.Random(0).shuffle(found)
    return found[:count]


def beside(ours: Callable[[], Any], theirs: Callable[[], Any], count: int, rounds: int = ROUNDS) -> dict[str, float]:
    """Texts a second of both sides, medians of turns, and ours over theirs."""
    speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
    sides = {"ours": ours, "theirs": theirs}
    for number in range(rounds):
        for name in (list(sides), list(reversed(sides)))[number % 2]:
            start = time.perf_counter()
            sides[name]()
            speeds[name].append(count / (time.perf_counter() - start))
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["theirs"], strict=True)]
    return {**{name: statistics.median(each) for name, each in speeds.items()}, "ratio": statistics.median(ratios)}


def run_sentiment() -> dict[str, float]:
    """The embedded sentiment model through `Assistant`, beside a pipeline of the same merged weights."""
    from transformers import pipeline

    from assistant.engines.protocol import Capability
    from assistant.languages import beyond_doubt
    from assistant.service import Assistant

    assistant = Assistant()
    engine: Any = assistant.engine("parley-sentiment", capability=Capability.CLASSIFY)
    with patch("assistant.engines.packed_linear.has_fast_packed", return_value=False):  # layers as they come
        loaded: Any = Assistant().engine("parley-sentiment", capability=Capability.CLASSIFY)
    theirs_loaded, tokenizer = loaded._loaded.float(), loaded._tokenizer
    plain: Any = pipeline("text-classification", model=theirs_loaded, tokenizer=tokenizer, device="cpu")
    texts = [text for text in sentences() if beyond_doubt(text) in (None, "en")]  # a handful is Spanish
    ours: list[str] = []
    theirs: list[str] = []

    def run_ours() -> None:
        ours[:] = [row["sentiment"] for row in assistant.sentiment_columns(texts)]

    def run_theirs() -> None:
        theirs[:] = [each["label"] for each in plain(texts, batch_size=32, truncation=True)]

    engine.classify(texts[:64])
    plain(texts[:64], batch_size=32, truncation=True)
    found = beside(run_ours, run_theirs, len(texts))
    return {
        "pipeline, batch_size=32: texts/s": found["theirs"],
        "parley: texts/s": found["ours"],
        "ratio (at least 1.8 in float32, 2.5 in fewer bits)": found["ratio"],
        "equal labels": _equal(ours, theirs),
    }


def _equal(ours: list[str], theirs: list[str]) -> float:
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(theirs)


def run_seq2seq() -> dict[str, float]:
    """A small T5 of random weights through our engine, beside tokenizer and `generate` in batches of 32.

    Random weights have near ties, which padding tips: what `generate` changes by itself is measured too.
    """
    from assistant.engines.seq2seq import Seq2SeqEngine
    from tests.assistant.engines.test_seq2seq import make

    texts = sentences(T5_TEXTS)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), d_model=256, d_kv=32, d_ff=1024, num_layers=4, num_heads=8)
        engine: Any = Seq2SeqEngine(Path(folder))
    return beside_generate(engine, [text[:200] for text in texts], T5_TOKENS)


def run_translation() -> dict[str, float]:
    """The embedded translator from English into Portuguese, beside tokenizer and `generate` in batches of 32."""
    from assistant.engines.protocol import Capability
    from assistant.service import Assistant

    engine: Any = Assistant().engine("bergamot-en-pt", capability=Capability.TEXT2TEXT)
    return beside_generate(engine, sentences(T5_TEXTS), 128)


def beside_generate(engine: Any, texts: list[str], most_tokens: int, beams: int = 1) -> dict[str, float]:
    import torch

    from assistant.engines.protocol import Rewriting

    model, tokenizer = engine._loaded, engine._tokenizer
    ours: list[str] = []
    theirs: list[str] = []

    def run_ours() -> None:
        ours[:] = engine.text2text(texts, Rewriting(max_tokens=most_tokens, beams=beams))

    def plain(batch: int) -> list[str]:
        found: list[str] = []
        for at in range(0, len(texts), batch):
            inputs = tokenizer(texts[at : at + batch], return_tensors="pt", padding=True)
            with torch.inference_mode():
                out = model.generate(
                    input_ids=inputs["input_ids"],
                    attention_mask=inputs["attention_mask"],
                    max_new_tokens=most_tokens,
                    do_sample=False,
                    num_beams=beams,
                )
            found.extend(tokenizer.batch_decode(out, skip_special_tokens=True))
        return found

    def run_theirs() -> None:
        theirs[:] = plain(32)

    found = beside(run_ours, run_theirs, len(texts))
    return {
        "generate, batch 32: texts/s": found["theirs"],
        "parley: texts/s": found["ours"],
        "ratio (at least 2)": found["ratio"],
        "equal outputs, parley and generate": _equal(ours, theirs),
        "equal outputs, generate one by one and in batches of 32": _equal(plain(1), theirs),
    }
