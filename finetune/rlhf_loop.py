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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from assistant.catalogue import Family
from assistant.errors import BadDataset
from assistant.models import Models
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.whole_files import beside
from finetune import bases, data, loop_preflight
from finetune.card import write_card
from finetune.comparison import compared
from finetune.formats import Kind
from finetune.loop_parts import PARTS, USUAL, do_part, method_of
from finetune.methods import method
from finetune.settings import Settings, checked


@dataclass(frozen=True, kw_only=True)
class RLHFLoopSettings(Settings):
    """The loop's own. Each part has its settings, over those of USUAL."""

    tunings: ClassVar[tuple[str, ...]] = ("lora", "qlora", "dora")
    """Adapters alone: the rate of the reinforcement learning is one's, and the comparison puts two on one base."""
    unused: ClassVar[tuple[str, ...]] = (
        "num_train_epochs",
        "max_steps",
        "max_length",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "learning_rate",
        "lr_scheduler_type",
        "warmup_ratio",
        "weight_decay",
        "max_grad_norm",
        "lora_r",
        "lora_alpha",
        "lora_dropout",
        "lora_target_modules",
        "bf16",
        "logging_steps",
        "eval_steps",
        "save_steps",
        "report_to",
        "trainer",
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
        """Settings of a part, as a person and USUAL have them."""
        return {**USUAL[method_of(part)], **getattr(self, method_of(part))}

    def given(self, part: str, files: Mapping[str, str | Path], made: Mapping[str, str | Path]) -> dict[str, Any]:
        """What the loop itself says to a part. files: rows of each part. made: models of the parts before."""
        given: dict[str, Any] = {"data": str(files[part]), "test": str(files["test"]), "seed": self.seed}
        given["dry_run"] = self.dry_run
        if part == "sft":
            given |= {"model": self.model, "finetuning_type": self.finetuning_type, "test": None}
        elif part == "rlhf":
            given |= {"model": str(made["sft"]), "reward_models": [str(made["reward"])]}
            given["check_models"] = [str(made["check"])]
        return given

    def _checked(self) -> dict[str, tuple[Settings | None, list[str]]]:
        """Each part's settings, with what stands already in the place of what is still to be made, and mistakes."""
        files: dict[str, str] = dict.fromkeys((*PARTS, "test"), self.data or "rows")
        made = {"sft": self.model} | dict.fromkeys(("reward", "check"), str(self.of("reward")["model"]))
        return {
            part: checked(method(part).settings_class(), self.given(part, files, made), self.of(part)) for part in USUAL
        }

    def parts(self) -> dict[str, Settings]:
        return {part: own for part, (own, _) in self._checked().items() if own is not None}

    def problems(self) -> list[str]:
        found = super().problems()
        for part, (own, mistakes) in self._checked().items():
            found += [f"{part}: {mistake}" for mistake in mistakes]
            kind = self.finetuning_type if own is None else own.finetuning_type
            if part != "reward" and kind not in (self.finetuning_type, *self.tunings):
                found.append(f"{part}: finetuning_type can be {', '.join(self.tunings)} in a loop")
        return found


def train(settings: RLHFLoopSettings, worker: Worker) -> None:
    """Do the loop; a part that is done is not done again. Raises what its parts raise."""
    worker.tell(doing="reading the data")
    rows = data.read(settings, "rlhf-loop")
    if rows.report.format.kind is not Kind.PREFERENCE or len(rows.test) < 2:
        raise BadDataset("The loop needs pairs, of which some are set apart.", hint="Give more rows, or a test file.")
    files = _files(rows, worker.run.folder / "data")
    parts = Runs(worker.run.folder / "parts")
    if settings.dry_run:
        figures, hint = loop_preflight.measure(settings, parts, files, worker, asked=len(rows.test))
        worker.end(State.FINISHED, figures=figures, hint=hint)
        return
    done: dict[str, Run] = {}
    for name in PARTS:
        made = {part: run.model for part, run in done.items()}
        done[name] = do_part(name, settings, parts, files, made, worker)
        state = done[name].status().state
        if state is State.STOPPED:
            furthest = done["rlhf" if name == "rlhf" else "sft"]
            _leave(settings, worker, rows, furthest, {})
            worker.end(state, message=f"{_stopped(name)} {furthest.status().message}".strip())
            return
        if state is not State.FINISHED:
            worker.end(state)
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
    _leave(settings, worker, rows, done["rlhf"], found)
    worker.end(State.FINISHED, figures=found, message=done["rlhf"].status().message)


def _leave(
    settings: RLHFLoopSettings, worker: Worker, rows: data.Rows, part: Run, figures: Mapping[str, float]
) -> None:
    """The model of a part becomes the loop's, with a card of the whole."""
    with beside(worker.run.model) as partial:
        shutil.copytree(part.model, partial)
    models = Models()
    write_card(worker.run, bases.whole(models, bases.find(models, settings.model, Family.DECODER)), rows, figures)


def _stopped(name: str) -> str:
    """What is told where a person stopped the loop in this part."""
    if name == "rlhf":
        return "It was stopped while it learnt from the reward model: the model is as far as that came, not compared."
    trained = "in its first part" if name == "sft" else "before it learnt from a reward model"
    return f"It was stopped {trained}: the model is that of the supervised fine-tuning."


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
