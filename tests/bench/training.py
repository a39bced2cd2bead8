"""Supervised fine-tuning beside TRL's own trainer with equal settings, in 32 and, where the processor has it, 16 bits.

Rows are the first thousand of PARLEY_BENCH_ROWS (any file that `parley train sft` reads), else made up.
"""

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

from assistant import hardware, placement
from assistant.runs import ENVIRONMENT

SMALL = "smollm2-135m-instruct"
STEPS, BATCH, LENGTH, ROUNDS, MOST = 10, 8, 128, 2, 1000
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
WORDS = "sea ship wind sail mast rope deck storm captain harbour anchor wave tide island whale gull"


def run() -> dict[str, float]:
    """Tokens a second and peak memory of both, in turns, each in a process of its own."""
    machine = hardware.detect()
    native = placement.plan_dtype(machine, machine.device) == "bfloat16"
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        rows = written(Path(folder) / "rows.jsonl")
        kind = "of a file" if os.environ.get("PARLEY_BENCH_ROWS") else "made up"
        found: dict[str, float] = {f"rows, {kind}": len(rows.read_text().splitlines())}
        for form in ("float32", "bfloat16") if native else ("float32",):
            found |= {f"{form}: {name}": value for name, value in _beside(rows, form).items()}
    return found


def _beside(rows: Path, form: str) -> dict[str, float]:
    """Figures of both with weights and arithmetic of this form."""
    sides: dict[str, list[dict[str, float]]] = {"parley": [], "trl": []}
    for _ in range(ROUNDS):
        for name, found in sides.items():
            code = f"from tests.bench import training; training.{name}({str(rows)!r}, {form!r})"
            own = ENVIRONMENT if name == "parley" else {}  # as a run's own process has it
            done = subprocess.run(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={**os.environ, **own},
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
    """Rows of both sides, as messages. Made-up ones are all cut off at LENGTH tokens: every batch is as large."""
    if source := os.environ.get("PARLEY_BENCH_ROWS"):
        from finetune import data
        from finetune.sft import SFTSettings

        rows = [dict(row) for row in data.read(SFTSettings(data=source, test_share=0.0, max_rows=MOST), "sft").train]
    else:
        draw = random.Random(0)
        words = WORDS.split()
        rows = [
            {
                "prompt": [{"role": "user", "content": f"Tell me story {n}."}],
                "completion": [{"role": "assistant", "content": " ".join(draw.choices(words, k=2 * LENGTH))}],
            }
            for n in range(120)
        ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def parley(rows: str, form: str) -> None:
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
        "max_length": LENGTH, "learning_rate": 2e-4, "bf16": form == "bfloat16", "logging_steps": 1,
        "save_steps": STEPS * 2,
        "lora_target_modules": TARGETS, "trainer": {"train_sampling_strategy": "random"},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="parley-bench-run-") as folder:
        run = create(Runs(Path(folder)), "sft", settings_from(SFTSettings, given))
        train(settings_from(SFTSettings, run.settings), Worker(run.folder))
    _say(begun())


def trl(rows: str, form: str) -> None:
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
    chats = [json.loads(line) for line in Path(rows).read_text().splitlines()]
    with tempfile.TemporaryDirectory(prefix="parley-bench-trl-") as folder:
        args = SFTConfig(
            output_dir=folder, max_steps=STEPS, per_device_train_batch_size=BATCH, max_length=LENGTH,
            learning_rate=2e-4, logging_steps=1, save_strategy="no", report_to="none", bf16=form == "bfloat16",
            use_cpu=True, gradient_checkpointing=False, seed=0, dataloader_pin_memory=False, disable_tqdm=True,
        )  # fmt: skip
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(path, dtype=form),
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
    """Tokens a second, padded to LENGTH, from the first step's end to the last's; the peak of this process in bytes."""
    pace = BATCH * LENGTH * (len(ends) - 1) / (ends[-1] - ends[0])
    unit = 1 if sys.platform == "darwin" else 1024
    print("\n" + json.dumps({"pace": pace, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}))
