"""What the controls of the train page say, as settings of a run."""

from __future__ import annotations

import shlex
from typing import Any

from assistant.errors import BadSettings
from finetune import methods
from finetune.settings import Settings, read_pairs, settings_from

MEASURED_ON = "mini"
CONTROLS = (
    "data",
    "test",
    "model",
    "num_train_epochs",
    "finetuning_type",
    "max_length",
    "per_device_train_batch_size",
    "lora_r",
    "evaluate",
    "rate",
    "further",
)
"""Fields of the settings in the order of the page's controls; the last two are read for themselves."""
NUMBERS = {
    "num_train_epochs": "Times through the data",
    "max_length": "Tokens a row",
    "per_device_train_batch_size": "Rows a step",
    "lora_r": "Rank of the adapter",
}
"""Fields that hold a number → as they are called on the page."""


def settings_of(method: str, judges: list[str], *values: Any) -> Settings:
    """What the controls say: the method, the reward models, and CONTROLS in their order. Raises BadSettings."""
    given: dict[str, Any] = dict(zip(CONTROLS, values, strict=True))
    rate, further = str(given.pop("rate") or "").strip(), str(given.pop("further") or "")
    chosen = methods.METHODS[method].settings_class()
    words = [f"learning_rate={rate}"] if rate and "learning_rate" not in chosen.unused else []
    given["evaluate"] = MEASURED_ON if given["evaluate"] else ""
    for name in chosen.unused:
        given.pop(name, None)
    if empty := [said for name, said in NUMBERS.items() if name in given and given[name] is None]:
        raise BadSettings(f"No number is given for: {', '.join(empty)}.", hint="Give one.")
    if method == "rlhf":
        given["reward_models"] = judges
    return settings_from(chosen, given, read_pairs([*words, *split(further)], chosen))


def split(words: str) -> list[str]:
    """One `key=value` after another, as a shell splits them: quotation marks hold a value together.

    Raises BadSettings.
    """
    try:
        return shlex.split(words)
    except ValueError as error:
        hint = 'Each quotation mark needs a second one: prefix="translate English to Welsh: ".'
        raise BadSettings(f"The further settings cannot be read: {error}.", hint=hint) from error
