"""Run every benchmark, each in a process of its own, and write docs/benchmarks.md: `make bench`.

`make bench ARGS="page llamacpp"` runs those that begin so and writes their parts anew; each part says when and on which
commit it was measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from assistant import hardware

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
SMALL, GOOD = "smollm2-135m-instruct", "qwen2.5-coder-1.5b-instruct"
BENCHES = {  # name: (title, expression)
    "startup": ("`parley --help`", "startup.run()"),
    "llamacpp-small": (f"Through `Assistant` beside raw xllamacpp: {SMALL}", f"llamacpp_engine.run({SMALL!r})"),
    "llamacpp-good": (f"Through `Assistant` beside raw xllamacpp: {GOOD}", f"llamacpp_engine.run({GOOD!r}, rounds=5)"),
    "page-small": (f"The page in headless Chromium: {SMALL}", f"page.run({SMALL!r})"),
    "page-good": (f"The page in headless Chromium: {GOOD}", f"page.run({GOOD!r})"),
    "history": ("The page on 500 conversations of 100 messages", "page.run_history()"),
    "store": ("The store on 500 conversations of 100 messages, ms", "store.run()"),
    "transformers": (
        f"The transformers engine beside a plain `model.generate` loop: {SMALL}",
        "transformers_engine.run()",
    ),
    "sentiment": ("Sentiment beside `transformers.pipeline`, 5,000 sentences", "texts.run_sentiment()"),
    "seq2seq": ("A small random T5 beside tokenizer and `model.generate`", "texts.run_seq2seq()"),
    "translation": ("English to Portuguese beside tokenizer and `model.generate`", "texts.run_translation()"),
    "bergamot": ("English and Portuguese, FLORES-101 dev, beside the wheel's own engine", "translators.run_bergamot()"),
    "t5": ("Parley T5 on FLORES-101 dev beside tokenizer and `model.generate`", "translators.run_t5()"),
    "feelings": ("How well sentiment is read", "quality.run_sentiment()"),
    "emotions": ("How well emotions are read, without training (tweeteval, validation)", "quality.run_emotions()"),
    "training": (f"Fine-tuning (LoRA) beside TRL's SFTTrainer: {SMALL}", "training.run()"),
    "reinforcement": ("A step of RLOO, 16 answers to 4 prompts, beside TRL's trainer as it is", "reinforcement.run()"),
    "rewards": ("A reward model on MiniLM: pairs of hh-rlhf's harmlessness, five folds", "rewards.run()"),
    "evaluation": (f"HellaSwag, 500 samples, beside lm-eval's own `hf` model: {SMALL}", "evaluation.run()"),
    "agreement": (f"The first 1,000 samples of four sets, beside lm-eval's `hf`: {SMALL}", "evaluation.agreement()"),
    "mini": ("The mini suite on each embedded model that is here, each in a home of its own", "evaluation.mini()"),
    "lab": ("The lab's own weights", "lab.run()"),
    "writers": ("An LSTM and a transformer of equal size after equal seconds on the same text", "lab.writers()"),
    "serving": ("`parley serve` beside xllamacpp's own server, 32 streaming clients", "serving.run_streams()"),
    "overhead": ("What `parley serve` costs a request", "serving.run_overhead()"),
    "embeddings": ("Embeddings of `parley serve` beside sentence-transformers", "serving.run_embeddings()"),
    "overload": ("`parley serve` asked for ten times what it takes", "load.run_overload()"),
    "replicas": ("Embeddings by one replica and by two (Ray Serve)", "load.run_replicas()"),
    "mixed": ("Memory of `parley serve` over half an hour of mixed requests", "load.run_mixed()"),
    "memory": ("Memory over a table of 200,000 rows", "quality.run_memory()"),
    "summaries": ("One sentence of a paper's abstract (SciTLDR, test)", "quality.run_summaries()"),
}
NEED_DATA = {
    "PARLEY_BENCH_DATA": ("sentiment", "seq2seq", "translation", "feelings", "emotions", "lab", "memory"),
    "PARLEY_BENCH_SCITLDR": ("summaries",),
    "PARLEY_BENCH_PAIRS": ("reinforcement", "rewards"),
    "PARLEY_BENCH_EVAL": ("evaluation", "agreement"),
    "PARLEY_BENCH_FLORES": ("bergamot", "t5"),
}
"""Folders that these read; they are left out where it is not set."""


def measure(expression: str) -> dict[str, float]:
    """The figures of one benchmark, from a fresh process."""
    module = expression.split(".", maxsplit=1)[0]
    code = f"import json; from tests.bench import {module}; print('\\n' + json.dumps({expression}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(title: str, figures: dict[str, float]) -> str:
    """One benchmark as Markdown."""
    said = {name: f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for name, value in figures.items()}
    rows = "\n".join(f"| {name} | {value} |" for name, value in said.items())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return f"## {title}\n\n| {datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()} | |\n|---|---:|\n{rows}\n"


def heading() -> str:
    """What was measured where."""
    machine = hardware.detect()
    packages = ", ".join(f"{name} {version(name)}" for name in ("xllamacpp", "torch", "transformers", "gradio"))
    return (
        "# Benchmarks\n\nWritten by `make bench`. Sides that are compared run in turns in one run, so a ratio says "
        f"more than a figure.\n\nMachine: {machine.cpu}, "
        f"{machine.cores} cores, {machine.ram_bytes / 2**30:.0f} GiB; Python {sys.version.split()[0]}, {packages}.\n"
    )


def measured_before() -> dict[str, str]:
    """The parts of the page as it is, by their titles."""
    parts = PAGE.read_text("utf-8").split("\n## ")[1:] if PAGE.exists() else []
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


def main() -> None:
    unable = [name for variable, names in NEED_DATA.items() if not os.environ.get(variable) for name in names]
    wanted = sys.argv[1:] or [name for name in BENCHES if name not in unable]
    parts = measured_before()
    for name in [name for name in BENCHES if any(name.startswith(word) for word in wanted)]:
        title, expression = BENCHES[name]
        parts[title] = table(title, measure(expression))
        print(parts[title], flush=True)
        ordered = [parts[title] for title, _ in BENCHES.values() if title in parts]
        PAGE.write_text("\n".join([heading(), *ordered]), "utf-8")


if __name__ == "__main__":
    main()
