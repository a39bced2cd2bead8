"""What the whole RLHF loop will take: three steps of each part, with models in the place of those that are still to be
made, and the comparison reckoned from the pace at which answers came."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.catalogue import Family
from assistant.models import Models
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.tuned import write_about
from finetune import bases
from finetune.loop_parts import do_part
from finetune.reward_model import sequence_classifier
from finetune.settings import Settings

if TYPE_CHECKING:
    from finetune.rlhf_loop import RLHFLoopSettings

MEASURED = {"sft": 1, "reward": 2, "rlhf": 1}
"""Parts of which steps are made, and how often the loop has each: both reward models take the same."""


def measure(
    settings: RLHFLoopSettings, parts: Runs, files: Mapping[str, Path], worker: Worker, *, asked: int
) -> tuple[dict[str, float], str]:
    """(figures as preflight.Preflight has them, with the seconds of each part; what would make the largest one fit).

    asked: questions that there are for the comparison. Raises what the parts raise.
    """
    own = settings.parts()
    judge = _judge(own["reward"], worker.run.folder / "judge")
    made = {"sft": settings.model, "reward": judge, "check": judge}
    found: dict[str, Mapping[str, float]] = {}
    hint = ""
    for name in MEASURED:
        status = do_part(name, settings, parts, files, made, worker).status()
        if not found or status.figures["peak_bytes"] > max(each["peak_bytes"] for each in found.values()):
            hint = f"Of its parts {name} takes most, whose settings begin with `{name}.`: {status.hint}"
        found[name] = status.figures
    seconds = {f"{name}_seconds": MEASURED[name] * each["eta_seconds"] for name, each in found.items()}
    answers = own["rlhf"].per_device_train_batch_size * own["rlhf"].gradient_accumulation_steps  # of one step
    compared = 2 * min(settings.compared_prompts, asked)
    seconds["comparison_seconds"] = found["rlhf"]["seconds_per_step"] * compared / answers
    eta, steps = sum(seconds.values()), sum(MEASURED[name] * each["steps"] for name, each in found.items())
    figures = {
        "peak_bytes": max(each["peak_bytes"] for each in found.values()),
        "seconds_per_step": eta / steps,
        "tokens_per_second": 0.0,
        "steps": steps,
        "eta_seconds": eta,
        "disk_bytes": sum(MEASURED[name] * each["disk_bytes"] for name, each in found.items()),
    }
    return figures | seconds, hint


def _judge(settings: Settings, folder: Path) -> Path:
    """A reward model that knows nothing, as large as the one that will be trained."""
    entry = bases.find(Models(), settings.model, Family.DECODER, Family.ENCODER)
    model, tokenizer = sequence_classifier(entry)
    for each in (model, tokenizer):
        each.save_pretrained(folder)
    write_about(folder, bases.named(entry))
    return folder
