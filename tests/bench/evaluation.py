"""Standard suites through our engine beside lm-evaluation-harness's own `hf` model, on the same samples.

And how long the mini suite takes on the models that are here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant import dequantise, paths, sources
from assistant.catalogue import Catalogue
from assistant.engines.protocol import Capability
from assistant.errors import CapabilityMissing
from assistant.models import Models
from eval import harness
from eval.answers import Answers
from eval.harness_model import ParleyModel
from eval.report import main_figures, named
from eval.results import read
from eval.runner import fitting
from eval.suite import suite

SMALL = "smollm2-135m-instruct"
BATCH = 8
"""Of the harness's own model."""
AGREEMENT = ("hellaswag", "arc-easy", "arc-challenge", "piqa")
CODE = "from ui.cli import main; main()"


@dataclass
class Side:
    """What one of the two found, and how long its answers took in all, loading left out."""

    seconds: float = 0.0
    likelihoods: list[float] = field(default_factory=list[float])
    figures: dict[str, float] = field(default_factory=dict[str, float])


def run(samples: int = 500) -> dict[str, float]:
    """Samples a second of both on HellaSwag, and what each found."""
    own, other = sides("hellaswag", samples)
    return {
        "Parley, samples/s": samples / own.seconds,
        f"lm-eval's hf, batches of {BATCH}, samples/s": samples / other.seconds,
        "ratio": other.seconds / own.seconds,
        "Parley, acc_norm": own.figures["acc_norm,none"],
        "hf, acc_norm": other.figures["acc_norm,none"],
        "Parley, acc": own.figures["acc,none"],
        "hf, acc": other.figures["acc,none"],
    }


def agreement(samples: int = 1000) -> dict[str, float]:
    """What both found on the first samples of four sets."""
    found: dict[str, float] = {}
    for name in AGREEMENT:
        own, other = sides(name, samples)
        furthest = max(abs(a - b) for a, b in zip(own.likelihoods, other.likelihoods, strict=True))
        found |= {
            f"{name}, Parley, acc_norm": own.figures["acc_norm,none"],
            f"{name}, hf, acc_norm": other.figures["acc_norm,none"],
            f"{name}, log-likelihoods: largest difference, nats": furthest,
            f"{name}, samples/s, ratio": other.seconds / own.seconds,
        }
        print(found, file=sys.stderr, flush=True)
    return found


def mini() -> dict[str, float]:
    """Seconds of `parley eval run --suite mini` on each embedded model that is here, and the figure of each task with
    half of its interval. A GGUF's weights are written out for it, which comes once and is in the seconds."""
    found: dict[str, float] = {}
    for key in _embedded():
        with tempfile.TemporaryDirectory(prefix="parley-bench-") as home:
            environment = {**os.environ, "PARLEY_HOME": home, "PARLEY_MODELS": str(paths.models_folder())}
            words = [sys.executable, "-c", CODE, "eval", "run", "--model", key, "--suite", "mini"]
            begun = time.perf_counter()
            subprocess.run(words, env=environment, check=True, stdout=sys.stderr)
            found[f"{key}, seconds"] = time.perf_counter() - begun
            (path,) = Path(home).glob("runs/*/results.json")
            for figure in main_figures(read(path)):
                name = f"{key}, {named(figure.task)} ({figure.metric}, {figure.samples})"
                found[name] = figure.value
                if figure.error:
                    found[f"{name}, ±"] = figure.interval[1] - figure.value
        print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def _embedded() -> list[str]:
    """Keys of the embedded models that are here and that the mini suite has a task for."""
    found: list[str] = []
    for entry in Catalogue.load():
        if entry.embedded and sources.locate(entry) is not None:
            with suppress(CapabilityMissing):
                fitting(entry, suite("mini"))
                found.append(entry.key)
    return found


def sides(name: str, samples: int) -> tuple[Side, Side]:
    """Parley and the harness's own model on the first samples of a suite."""
    from lm_eval.models.huggingface import HFLM

    models = Models()
    gguf = sources.locate(models.catalogue[SMALL])
    assert gguf is not None
    task = suite(name).tasks[0]
    (data,) = Path(os.environ["PARLEY_BENCH_EVAL"]).rglob(task.file)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as made:
        folder = Path(made)
        config = harness._config(harness.Given(task, data), folder, samples)
        engine = models.engine(SMALL, capability=Capability.SCORE)
        ours = ParleyModel(lambda _: engine, Answers(folder / "answers.jsonl"), lambda *_: None)
        own = measured(ours, config, task.name)
        weights = str(dequantise.dequantised(gguf))
        return own, measured(
            HFLM(pretrained=weights, device="cpu", dtype="float32", batch_size=BATCH), config, task.name
        )


def measured(model: Any, config: Path, task: str) -> Side:
    """One side on a task."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    side = Side()
    answer = model.loglikelihood

    def timed(requests: Any, **more: Any) -> Any:
        begun = time.perf_counter()
        said = answer(requests, **more)
        side.seconds += time.perf_counter() - begun
        side.likelihoods += [likelihood for likelihood, _ in said]
        return said

    model.loglikelihood = timed
    manager = TaskManager(include_defaults=False)
    found: Any = simple_evaluate(model=model, tasks=[str(config)], task_manager=manager, bootstrap_iters=0)
    side.figures = found["results"][task]
    return side
