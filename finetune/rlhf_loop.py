"""The whole of reinforcement learning from human feedback, from pairs to a comparison (Ouyang et al. 2022,
arXiv:2203.02155): supervised fine-tuning on the chosen answers, two reward models on different halves of the pairs,
reinforcement learning with the first, and a comparison on questions that nothing was trained on, by both.

The second reward model is the check: what pleases only the first is a trick that was learnt, no better answer, and
ends the learning early (hacking.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from assistant.catalogue import Family
from assistant.errors import BadDataset, RunInterrupted
from assistant.models import Models
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import bases, data
from finetune.card import write_card
from finetune.comparison import compared
from finetune.formats import Kind
from finetune.loop_parts import PARTS, USUAL, Part
from finetune.settings import Settings, settings_from


@dataclass(frozen=True, kw_only=True)
class RLHFLoopSettings(Settings):
    """The loop's own. Each part has its settings, over those of USUAL."""

    unused: ClassVar[tuple[str, ...]] = (
        "num_train_epochs",
        "max_steps",
        "max_length",
        "per_device_train_batch_size",
        "learning_rate",
        "lora_r",
    )
    test_share: float = 0.1
    sft: dict[str, Any] = field(default_factory=dict[str, Any])
    """Settings of the supervised fine-tuning."""
    reward: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of both reward models."""
    rlhf: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of the reinforcement learning."""
    compared_prompts: int = 128
    """Questions of the comparison."""

    def instead(self, unused: str) -> str:
        return f": each part has its own, sft.{unused}, reward.{unused}, rlhf.{unused}"

    def of(self, part: str) -> dict[str, Any]:
        """Settings of a part."""
        return {**USUAL[part], **getattr(self, part)}


def train(settings: RLHFLoopSettings, worker: Worker) -> None:
    """Do the loop; a part that is done is not done again. Raises what its parts raise."""
    if settings.dry_run:
        settings = replace(settings, sft={**settings.sft, "dry_run": True})
    worker.tell(doing="reading the data")
    rows = data.read(settings, "rlhf-loop")
    if rows.report.format.kind is not Kind.PREFERENCE or len(rows.test) < 2:
        raise BadDataset("The loop needs pairs, of which some are set apart.", hint="Give more rows, or a test file.")
    files = _files(rows, worker.run.folder / "data")
    parts = Runs(worker.run.folder / "parts")
    done: dict[str, Run] = {}
    for name in PARTS:
        done[name] = _part(name, settings, parts, files, done, worker)
        if (status := done[name].status()).state is not State.FINISHED:
            if status.state is State.FAILED:
                raise RunInterrupted(f"{name}: {status.message}", hint=status.hint)
            worker.end(status.state)
            return
        if settings.dry_run:
            worker.end(State.FINISHED, figures=status.figures)
            return
    worker.tell(doing="comparing answers")
    found = compared(
        Models(),
        done["sft"].model,
        done["rlhf"].model,
        [list(row["prompt"]) for row in rows.test][: settings.compared_prompts],
        (done["reward"].model, done["check"].model),
        worker.run.folder / "comparison.jsonl",
        length=int(settings.of("rlhf")["max_completion_length"]),
        seed=settings.seed,
    )
    shutil.copytree(done["rlhf"].model, worker.run.model, dirs_exist_ok=True)
    models = Models()
    write_card(worker.run, bases.whole(models, bases.find(models, settings.model, Family.DECODER)), rows, found)
    worker.end(State.FINISHED, figures=found, message=done["rlhf"].status().message)


def _part(
    name: str, settings: RLHFLoopSettings, parts: Runs, files: Mapping[str, Path], done: Mapping[str, Run], loop: Worker
) -> Run:
    """A part's run, done now unless it is done already."""
    from finetune.methods import create, method

    run = next((each for each in parts if each.title == name), None)
    kind = {"check": "reward"}.get(name, name)
    if run is None:
        given: dict[str, Any] = {"data": str(files[name]), "test": str(files["test"]), "seed": settings.seed}
        if kind == "sft":
            given |= {"model": settings.model, "finetuning_type": settings.finetuning_type, "test": None}
        elif kind == "rlhf":
            given |= {"model": str(done["sft"].model), "reward_models": [str(done["reward"].model)]}
            given["check_models"] = [str(done["check"].model)]
        made = settings_from(method(kind).settings_class(), given, settings.of(kind))
        run = create(parts, kind, made, title=name)
    if run.status().state is not State.FINISHED:
        part = Part(run.folder, loop, name)
        train_part = method(kind).trainer()
        part.work(lambda: train_part(settings_from(method(kind).settings_class(), run.settings), part))
    return run


def _files(rows: data.Rows, folder: Path) -> dict[str, Path]:
    """What each part learns from: chosen answers, either half of the pairs, the questions of all; and the pairs that
    are set apart."""
    train = list(rows.train)
    half = len(train) // 2
    chosen = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in train]
    made: dict[str, Sequence[Any]] = {
        "sft": chosen,
        "reward": train[:half],
        "check": train[half:],
        "rlhf": train[:half],
        "test": rows.test,
    }
    folder.mkdir(exist_ok=True)
    for name, some in made.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some), "utf-8")
    return {name: folder / f"{name}.jsonl" for name in made}
