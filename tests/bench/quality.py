"""How well the text tasks do, on data that nothing here was trained on, through `Assistant` as a person would.

PARLEY_BENCH_DATA names the sentiment data as finetune/sentiment_data.py reads it, with sst2/dev.tsv and
tweeteval_emotion/val_{text,labels}.txt in it; PARLEY_BENCH_SCITLDR the folder of SciTLDR's test.jsonl (abstracts).
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from assistant.batches import BatchProgress
from tests.bench.texts import sentences

TWEET_EMOTIONS = ("anger", "joy", "optimism", "sadness")
MEMORY_ROWS = 200_000
KINDS = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}
SUMMARISERS = {
    None: ("extractive", 618),
    "smollm2-135m-instruct": ("abstractive", 100),
    "qwen2.5-coder-1.5b-instruct": ("abstractive", 50),
}
"""Model → (way, abstracts that are summarised)."""


def _data() -> Path:
    return Path(os.environ.get("PARLEY_BENCH_DATA", ""))


def run_sentiment() -> dict[str, float]:
    """The embedded sentiment model on SST-2's dev set and on four products that it never saw."""
    from assistant.engines.protocol import Capability
    from assistant.service import Assistant
    from finetune.sentiment import figures
    from finetune.sentiment_data import examples

    engine = Assistant().engine("parley-sentiment", capability=Capability.CLASSIFY)
    found = figures(engine, list(examples(_data())), _data() / "sst2" / "dev.tsv")
    return {f"{part}: {name}": value for part, each in found.items() for name, value in each.items()}


def run_emotions() -> dict[str, float]:
    """Emotions by nearness to descriptions, no training, on tweets under four of them; beside always the commonest."""
    from assistant.service import Assistant

    folder = _data() / "tweeteval_emotion"
    tweets = (folder / "val_text.txt").read_text("utf-8").splitlines()
    truth = [TWEET_EMOTIONS[int(line)] for line in (folder / "val_labels.txt").read_text("utf-8").split()]
    profiles = Assistant().emotions(tweets)
    guessed = [max(TWEET_EMOTIONS, key=lambda name: profile[name]) for profile in profiles]
    commonest = Counter(truth).most_common(1)[0][0]
    return {
        "tweets": len(tweets),
        "macro-F1 (at least 0.45)": _macro_f1(truth, guessed),
        "macro-F1 of always the commonest": _macro_f1(truth, [commonest] * len(truth)),
    }


def _macro_f1(truth: list[str], guessed: list[str]) -> float:
    scores = []
    for name in sorted(set(truth)):
        hits = sum(a == b == name for a, b in zip(truth, guessed, strict=True))
        scores.append(2 * hits / (truth.count(name) + guessed.count(name)))
    return statistics.mean(scores)


def run_memory() -> dict[str, float]:
    """Resident memory while a table of 200,000 real sentences is read for its feelings: at a tenth, half, the end."""
    import psutil

    from assistant.service import Assistant

    real = sentences(10**6)
    process = psutil.Process()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "rows.csv", Path(folder) / "out.csv"
        with source.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["text"])
            table.writerows([real[number % len(real)]] for number in range(MEMORY_ROWS))
        job = Assistant().sentiment_batch(source, output, column="text")
        marks = {"a tenth": 0.1, "half": 0.5, "the end": 1.0}

        def look(progress: BatchProgress) -> None:
            for name in [name for name, share in marks.items() if progress.done >= share * MEMORY_ROWS]:
                marks.pop(name)
                found[f"MB at {name}"] = process.memory_info().rss / 1e6

        job.on_progress = look
        found["rows/s"] = job.run().rows_per_second
    return found


def run_summaries() -> dict[str, float]:
    """One sentence of each abstract of SciTLDR's test set (Cachola et al. 2020, arXiv:2004.15011), by each way: ROUGE
    with the best of its references, the share of sentences that the abstract supports, seconds."""
    from rouge_score.rouge_scorer import RougeScorer

    from assistant.service import Assistant
    from assistant.tasks.sentences import split
    from assistant.tasks.summary import Length

    lines = (Path(os.environ.get("PARLEY_BENCH_SCITLDR", "")) / "test.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    assistant = Assistant()
    found: dict[str, float] = {}

    def tell(name: str, said: list[str], seconds: float) -> None:
        best = [
            {kind: max(scorer.score(reference, text)[kind].fmeasure for reference in row["target"]) for kind in KINDS}
            for row, text in zip(rows, said, strict=False)
        ]
        found[f"{name}: texts"] = len(said)
        for kind, title in KINDS.items():
            found[f"{name}: {title}"] = 100 * statistics.mean(each[kind] for each in best)
        found[f"{name}: seconds a text"] = seconds / len(said)

    tell("first sentence", [split(" ".join(row["source"]))[0].text for row in rows], 0.0)
    for model, (way, count) in SUMMARISERS.items():
        start = time.perf_counter()
        made = [assistant.summarize(" ".join(row["source"]), Length(1), way=way, model=model) for row in rows[:count]]
        name = model or "key sentence (LexRank, MiniLM)"
        tell(name, [each.text for each in made], time.perf_counter() - start)
        found[f"{name}: support rate"] = statistics.mean(each.support_rate or 0 for each in made)
    return found
