"""A step of reinforcement learning with prompts that are read once, beside TRL's RLOOTrainer as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean

from assistant import paths
from assistant.runs import ENVIRONMENT
from finetune.loop_parts import USUAL

STEPS = 4
"""Of either side, of which the first is not counted."""
TURNS = ("each", "once", "once", "each")
PROMPTS = 64
SEED = 0


def run() -> dict[str, float]:
    """Seconds a step of the loop's own settings, in turns, each in a process of its own."""
    lines = Path(os.environ["PARLEY_BENCH_PAIRS"]).read_text("utf-8").splitlines()[: 4 * PROMPTS]
    taken: dict[str, list[float]] = {"once": [], "each": []}
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        data = Path(folder) / "pairs.jsonl"
        data.write_text("\n".join(lines) + "\n", "utf-8")
        for name in TURNS:
            code = f"from tests.bench import reinforcement; reinforcement.side({name == 'once'}, {str(data)!r})"
            environment = {
                **os.environ,
                **ENVIRONMENT,
                "PARLEY_HOME": str(Path(folder) / name),
                "PARLEY_MODELS": str(paths.models_folder()),
            }
            done = subprocess.run(
                [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            taken[name] += json.loads(done.stdout.splitlines()[-1])
    once, each = fmean(taken["once"]), fmean(taken["each"])
    return {
        "TRL's RLOOTrainer, seconds a step": each,
        "Parley, seconds a step": once,
        "so many times as fast": each / once,
    }


def side(once: bool, data: str) -> None:
    """Print the seconds of each step but the first."""
    from assistant.runs import Runs
    from finetune import prompts_once
    from finetune.methods import create
    from finetune.rlhf import RLHFSettings
    from finetune.settings import settings_from
    from tests.finetune.doing import do

    if not once:
        prompts_once.shares = lambda model: False
    own = {
        "data": data,
        "length_penalty": 0.01,
        "max_steps": STEPS,
        "logging_steps": 1,
        "seed": SEED,
        "test_share": 0.0,
    }
    run = do(create(Runs(), "rlhf", settings_from(RLHFSettings, USUAL["rlhf"], own)))
    print(json.dumps([line["step_time"] for line in run.metrics() if "step_time" in line][1:]))
