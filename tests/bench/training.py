"""Supervised fine-tuning beside TRL's own trainer, with equal settings on rows of equal length."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from assistant.runs import SHARING

SMALL = "smollm2-135m-instruct"
STEPS, BATCH, LENGTH, ROUNDS = 10, 8, 128, 2
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
WORDS = "sea ship wind sail mast rope deck storm captain harbour anchor wave tide island whale gull"


def run() -> dict[str, float]:
    """Tokens a second and peak memory of both, in turns, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        rows = written(Path(folder) / "rows.jsonl")
        sides: dict[str, list[dict[str, float]]] = {"parley": [], "trl": []}
        for _ in range(ROUNDS):
            for name, found in sides.items():
                code = f"from tests.bench import training; training.{name}({str(rows)!r})"
                waits = SHARING if name == "parley" else {}  # as a run's own process has it
                done = subprocess.run(
                    [sys.executable, "-c", code],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                    env={**os.environ, **waits},
                )
                found.append(json.loads(done.stdout.splitlines()[-1]))
    pace = {name: fmean(each["pace"] for each in found) for name, found in sides.items()}
    peak = {name: fmean(each["peak"] for each in found) for name, found in sides.items()}
    return {
        "Parley, tokens/s": pace["parley"],
        "TRL's SFTTrainer, tokens/s": pace["trl"],
        "pace, ratio": pace["parley"] / pace["trl"],
        "Parley, peak GB": peak["parley"] / 1e9,
        "TRL, peak GB": peak["trl"] / 1e9,
        "peak, ratio": peak["parley"] / peak["trl"],
    }


def written(path: Path) -> Path:
    """Rows that are all cut off at LENGTH tokens: every batch of either side is as large."""
    draw = random.Random(0)
    words = WORDS.split()
    rows = [
        {"prompt": f"Tell me story {n}.", "completion": " ".join(draw.choices(words, k=2 * LENGTH))} for n in range(120)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def parley(rows: str) -> None:
    """As `parley train sft` does it."""
    from finetune import following

    begun, told = _clock()

    class Timed(following.Following):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
            told()
            return super().on_step_end(args, state, control, **more)

    following.Following = Timed
    from assistant.run_worker import Worker
    from assistant.runs import Runs
    from finetune.methods import create
    from finetune.settings import settings_from
    from finetune.sft import SFTSettings, train

    given = {
        "data": rows, "test_share": 0.0, "max_steps": STEPS, "per_device_train_batch_size": BATCH,
        "max_length": LENGTH, "learning_rate": 2e-4, "bf16": False, "logging_steps": 1, "save_steps": STEPS * 2,
        "lora_target_modules": TARGETS, "trainer": {"train_sampling_strategy": "random"},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="parley-bench-run-") as folder:
        run = create(Runs(Path(folder)), "sft", settings_from(SFTSettings, given))
        train(settings_from(SFTSettings, run.settings), Worker(run.folder))
    _say(begun())


def trl(rows: str) -> None:
    """As TRL's documentation does it."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from assistant.models import Models
    from finetune import bases

    begun, told = _clock()

    class Timed(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            told()

    path = bases.folder(bases.find(Models(), SMALL, *bases.TITLES))
    some = [json.loads(line) for line in Path(rows).read_text().splitlines()]
    chats = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "completion": [{"role": "assistant", "content": row["completion"]}],
        }
        for row in some
    ]
    with tempfile.TemporaryDirectory(prefix="parley-bench-trl-") as folder:
        args = SFTConfig(
            output_dir=folder, max_steps=STEPS, per_device_train_batch_size=BATCH, max_length=LENGTH,
            learning_rate=2e-4, logging_steps=1, save_strategy="no", report_to="none", bf16=False, use_cpu=True,
            gradient_checkpointing=False, seed=0, dataloader_pin_memory=False, disable_tqdm=True,
        )  # fmt: skip
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(path, dtype="float32"),
            args=args,
            train_dataset=Dataset.from_list(chats),
            processing_class=AutoTokenizer.from_pretrained(path),
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS, task_type="CAUSAL_LM"),
            callbacks=[Timed()],
        )
        trainer.train()
    _say(begun())


def _clock() -> tuple[Callable[[], list[float]], Callable[[], None]]:
    ends: list[float] = []
    return lambda: ends, lambda: ends.append(time.perf_counter())


def _say(ends: list[float]) -> None:
    """Tokens a second from the first step's end to the last's, and the peak of this process in bytes."""
    pace = BATCH * LENGTH * (len(ends) - 1) / (ends[-1] - ends[0])
    unit = 1 if sys.platform == "darwin" else 1024
    print("\n" + json.dumps({"pace": pace, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}))
