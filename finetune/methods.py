"""The methods of training, by name: what each is for, its settings, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from assistant.catalogue import Family, ModelEntry
from assistant.errors import BadSettings
from assistant.run import Run
from assistant.runs import Runs
from finetune.launching import launcher
from finetune.needs import require_packages
from finetune.settings import Settings

if TYPE_CHECKING:
    from assistant.models import Models


@dataclass(frozen=True)
class Method:
    """A module of this package with a class of settings and a function `train(settings, worker)`."""

    name: str
    summary: str
    settings: str
    families: tuple[Family, ...]
    """Of the models that it trains."""
    further: bool = True
    """Whether it trains an adapter further that is there already."""

    def settings_class(self) -> type[Settings]:
        return getattr(self._module(), self.settings)

    def trainer(self) -> Callable[[Any, Any], None]:
        return self._module().train

    def _module(self) -> ModuleType:
        return import_module(f"finetune.{self.name.replace('-', '_')}")


GPT, BERT, T5 = (Family.DECODER,), (Family.ENCODER,), (Family.SEQ2SEQ,)
METHODS = {
    each.name: each
    for each in (
        Method("classifier", "Sort texts under labels of your own.", "ClassifierSettings", BERT, further=False),
        Method("seq2seq", "Translate or rewrite texts as these pairs do.", "Seq2SeqSettings", T5),
        Method("sft", "Answer as these examples do.", "SFTSettings", GPT),
        Method("dpo", "Prefer the better of two answers.", "DPOSettings", GPT),
        Method("kto", "Answer more like good ones, less like bad ones.", "KTOSettings", GPT),
        Method(
            "reward", "Say how good an answer is, learnt from pairs.", "RewardSettings", (*GPT, *BERT), further=False
        ),
        Method("rlhf", "Try answers, and learn from a reward model.", "RLHFSettings", GPT),
        Method(
            "rlhf-loop", "All of it from pairs: answers, reward models, learning, comparison.", "RLHFLoopSettings", GPT
        ),
    )
}


def method(name: str) -> Method:
    """Raises BadSettings."""
    if name not in METHODS:
        raise BadSettings(f"There is no method {name!r}.", hint=f"There are {', '.join(METHODS)}.")
    return METHODS[name]


def create(
    runs: Runs, name: str, settings: Settings, *, keep: bool = False, title: str = "", program: str = "finetune"
) -> Run:
    """A run that is ready to start. What a person can mend is said now: the models, the files, what they teach.
    A data set of the Hub is fetched.

    keep: copy the files into the run's folder, since they will not stay where they are. program: the module that does
    the run.

    Raises BadSettings, UnknownModel, ModelNotAvailable, BadDataset, RunError.
    """
    from assistant.models import Models
    from finetune import bases, data, hub_data, lint
    from finetune.reward_model import require_judge

    models = Models()
    entry = _begun_from(models, name, settings)
    for part, own in settings.parts().items():
        _begun_from(models, part, own)
    for judge in (*getattr(settings, "reward_models", ()), *getattr(settings, "check_models", ())):
        require_judge(bases.find(models, judge, *METHODS["reward"].families))
    given = {field: getattr(settings, field) for field in ("data", "test")}
    files = {field: hub_data.located(value).resolve() for field, value in given.items() if value}
    for path in files.values():
        data.suits(lint.format_of(path), name, path)
    absolute = replace(settings, **{field: str(path) for field, path in files.items()})
    title = title or f"{entry.title} on {files['data'].name}"
    words = launcher(settings.num_processes, settings.accelerate_config, len(models.machine.gpus))
    if words and name == "rlhf-loop":
        raise BadSettings("The loop runs in one process.", hint="Do its parts one by one: sft, reward, rlhf.")
    return runs.create(name, title, program, absolute.to_json(), files if keep else {}, launcher=words)


def _begun_from(models: Models, name: str, settings: Settings) -> ModelEntry:
    """The model that a run of this method begins from. Raises BadSettings, UnknownModel, ModelNotAvailable."""
    from finetune import bases

    entry = bases.find(models, settings.model, *method(name).families)
    bases.located(entry)
    if entry.format == "adapter" and not method(name).further:
        base = bases.named(bases.whole(models, entry))
        raise BadSettings(f"{entry.title} is an adapter, which {name} does not train further: begin from {base}.")
    require_packages(settings)
    return entry
