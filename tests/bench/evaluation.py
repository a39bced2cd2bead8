"""HellaSwag through our engine beside lm-evaluation-harness's own `hf` model, on the same samples."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from assistant import dequantise, sources
from assistant.engines.protocol import Capability
from assistant.models import Models
from eval import harness
from eval.answers import Answers
from eval.harness_model import ParleyModel
from eval.suite import suite

SMALL = "smollm2-135m-instruct"
BATCH = 8
"""Of the harness's own model."""


def run(samples: int = 500) -> dict[str, float]:
    """Samples a second of both, loading left out, and what each found."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    models = Models()
    gguf = sources.locate(models.catalogue[SMALL])
    assert gguf is not None
    data = Path(os.environ["PARLEY_BENCH_HELLASWAG"])
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        engine = models.engine(SMALL, capability=Capability.SCORE)
        ours = ParleyModel(lambda _: engine, Answers(folder / "answers.jsonl"), lambda *_: None)
        weights = str(dequantise.dequantised(gguf))
        theirs = HFLM(pretrained=weights, device="cpu", dtype="float32", batch_size=BATCH)
        config = harness._config(harness.Given(suite("hellaswag").tasks[0], data), folder, samples)

        def found(model: Any) -> tuple[float, dict[str, float]]:
            seconds: list[float] = []
            answer = model.loglikelihood

            def timed(requests: Any, **more: Any) -> Any:
                begun = time.perf_counter()
                said = answer(requests, **more)
                seconds.append(time.perf_counter() - begun)
                return said

            model.loglikelihood = timed
            results: Any = simple_evaluate(
                model=model,
                tasks=[str(config)],
                task_manager=TaskManager(include_defaults=False),
                bootstrap_iters=0,
            )
            return samples / sum(seconds), results["results"]["hellaswag"]

        pace, own = found(ours)
        other_pace, other = found(theirs)
    return {
        "Parley, samples/s": pace,
        f"lm-eval's hf, batches of {BATCH}, samples/s": other_pace,
        "ratio": pace / other_pace,
        "Parley, acc_norm": own["acc_norm,none"],
        "hf, acc_norm": other["acc_norm,none"],
        "Parley, acc": own["acc,none"],
        "hf, acc": other["acc,none"],
    }
