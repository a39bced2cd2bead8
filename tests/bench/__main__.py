"""Run every benchmark, each in a process of its own, and write docs/benchmarks.md: `make bench`.

`make bench ARGS="page llamacpp"` runs those that begin so and writes their parts anew; each part says when, of which
commit and on what machine it was measured. Where one fails its part stays as it was, the others go on, and the exit
code is 1.
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
HEADING = """# Benchmarks

Written by `make bench`. Sides that are compared run in turns in one run, so a ratio says more than a figure. Each part
says when and where it was measured.
"""
SMALL, GOOD = "smollm2-135m-instruct", "qwen2.5-coder-1.5b-instruct"
BENCHES = {  # name: (title, expression)
    "startup": ("`parley --help`", "startup.run()"),
    "llamacpp-small": (f"Through `Assistant` beside raw xllamacpp: {SMALL}", f"llamacpp_engine.run({SMALL!r})"),
    "llamacpp-good": (f"Through `Assistant` beside raw xllamacpp: {GOOD}", f"llamacpp_engine.run({GOOD!r}, rounds=5)"),
    "adapters": (f"Adapters that nobody asks for, beside their base: {SMALL}", "adapters.run()"),
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
    "retail": ("Product titles under ten labels: a head, LoRA and every weight", "retail.run()"),
    "evaluation": (f"HellaSwag, 500 samples, beside lm-eval's own `hf` model: {SMALL}", "evaluation.run()"),
    "agreement": (f"The first 1,000 samples of four sets, beside lm-eval's `hf`: {SMALL}", "evaluation.agreement()"),
    "mini": ("The mini suite on each embedded model that is here, each in a home of its own", "evaluation.mini()"),
    "lab": ("The lab's own weights", "lab.run()"),
    "losses": ("The lab's GAN by each of its losses after 1,500 steps: Fashion-MNIST", "lab.losses()"),
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
    "PARLEY_BENCH_RETAIL": ("retail",),
    "PARLEY_BENCH_EVAL": ("evaluation", "agreement"),
    "PARLEY_BENCH_FLORES": ("bergamot", "t5"),
}
"""Folders or files that these read; they are left out where it is not set."""


Figures = dict[str, float | str]
"""What a benchmark found: numbers by what they are, and under a title of its own whatever else it says in Markdown."""


def measure(expression: str) -> Figures:
    """The figures of one benchmark, from a fresh process. Raises CalledProcessError, or ValueError, without figures."""
    module = expression.split(".", maxsplit=1)[0]
    code = f"import json; from tests.bench import {module}; print('\\n' + json.dumps({expression}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def part(title: str, figures: Figures) -> str:
    """One benchmark as Markdown."""
    numbers = {name: value for name, value in figures.items() if not isinstance(value, str)}
    said = {name: f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for name, value in numbers.items()}
    rows = "\n".join(f"| {name} | {value} |" for name, value in said.items())
    more = "".join(f"\n{name}:\n\n{text}\n" for name, text in figures.items() if isinstance(text, str))
    return f"## {title}\n\n{circumstances()}\n\n| | |\n|---|---:|\n{rows}\n{more}"


def circumstances() -> str:
    """When, of which commit, on what machine and with which versions something is measured now."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    machine = hardware.detect()
    where = [machine.cpu, f"{machine.cores} cores", f"{machine.ram_bytes / 2**30:.0f} GiB"]
    where += [gpu.name for gpu in machine.gpus]
    packages = ", ".join(f"{name} {version(name)}" for name in ("xllamacpp", "torch", "transformers", "gradio"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}; {', '.join(where)}; "
        f"Python {sys.version.split()[0]}, {packages}."
    )


def measured_before() -> dict[str, str]:
    """The parts of the page as it is, by their titles."""
    parts = PAGE.read_text("utf-8").split("\n## ")[1:] if PAGE.exists() else []
    return {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in parts}


def main() -> None:
    """Measure what is asked for. Where one has no figures the others go on, and the exit code tells of it."""
    unable = [name for variable, names in NEED_DATA.items() if not os.environ.get(variable) for name in names]
    wanted = sys.argv[1:]
    if not wanted:
        wanted = [name for name in BENCHES if name not in unable]
        print(f"Left out, without their data: {', '.join(unable) or 'none'}.", file=sys.stderr, flush=True)
    parts, failed = measured_before(), list[str]()
    for name in [name for name in BENCHES if any(name.startswith(word) for word in wanted)]:
        title, expression = BENCHES[name]
        try:
            parts[title] = part(title, measure(expression))
        except (subprocess.CalledProcessError, ValueError):
            print(f"{name} has no figures; what it said stands above.", file=sys.stderr, flush=True)
            failed.append(name)
            continue
        print(parts[title], flush=True)
        ordered = [parts[title] for title, _ in BENCHES.values() if title in parts]
        PAGE.write_text("\n".join([HEADING, *ordered]), "utf-8")
    if failed:
        sys.exit(f"Without figures: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
