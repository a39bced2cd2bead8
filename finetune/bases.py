"""The model that a run begins from: its folder, its weights in memory, and the adapter that is put on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant import dequantise, hardware, placement, sources
from assistant.catalogue import Catalogue, Family, ModelEntry
from assistant.engines.remote import Remote
from assistant.errors import BadSettings, ModelNotAvailable
from assistant.models import Models
from assistant.weights.pickles import refuse_pickles
from finetune.settings import Settings

TITLES = {
    Family.DECODER: "GPT-style",
    Family.ENCODER: "BERT-style",
    Family.SEQ2SEQ: "T5-style",
    Family.DIFFUSION: "text-to-image",
}


def find(models: Models, name: str, *families: Family) -> ModelEntry:
    """The model of that name. Raises UnknownModel, BadSettings where it cannot be trained as one of `families`."""
    entry = models.find(name)
    if isinstance(entry, Remote):
        raise BadSettings(f"{name} is on a server: only a model that is here can be trained.")
    if entry.family not in families:
        wanted = " or ".join(TITLES[family] for family in families)
        raise BadSettings(f"{entry.title} is a {TITLES[entry.family]} model; this needs a {wanted} one.")
    return entry


def trainable(models: Models, families: tuple[Family, ...]) -> list[ModelEntry]:
    """Models of these families that are here, the smallest first: the first is the quickest to try."""
    found = [e for e in models.catalogue if e.family in families and e.format != "marian"]
    return sorted((entry for entry in found if sources.locate(entry) is not None), key=lambda e: e.parameters)


def located(entry: ModelEntry) -> Path:
    """Where it lies. Raises ModelNotAvailable."""
    path = sources.locate(entry)
    if path is None:
        raise ModelNotAvailable(f"{entry.title} is not here.", hint=f"`parley models pull {entry.key}` fetches it.")
    return path


def folder(entry: ModelEntry) -> Path:
    """Its weights as transformers loads them, of an adapter those of its base; a GGUF is written out once.

    Raises ModelNotAvailable, and what dequantise.dequantised raises.
    """
    if entry.format == "adapter" and entry.base is not None:
        return folder(Catalogue.load().find(entry.base))
    path = located(entry)
    refuse_pickles(path, known=entry.key in Catalogue.load())
    return dequantise.dequantised(path) if entry.format == "gguf" else path


def whole(models: Models, entry: ModelEntry) -> ModelEntry:
    """The model itself, of an adapter what it is put on."""
    return models.catalogue.find(entry.base) if entry.format == "adapter" and entry.base is not None else entry


def named(entry: ModelEntry) -> str:
    """The name by which a model is found again."""
    return entry.key if entry.local_path is None else str(entry.local_path)


def dtype(settings: Settings, machine: hardware.Machine) -> str:
    """Of the weights in memory: 16 bits for a base that is only read, where the device computes in them; what is
    trained itself stays at 32, since small steps vanish in 16."""
    read_only = settings.finetuning_type != "full" and settings.bf16 is not False
    return "bfloat16" if read_only and _has_bf16(machine) else "float32"


def computes_in_bf16(settings: Settings, machine: hardware.Machine) -> bool:
    """What TrainingArguments.bf16 is: as asked, else where the device has it natively."""
    return _has_bf16(machine) if settings.bf16 is None else settings.bf16


def _has_bf16(machine: hardware.Machine) -> bool:
    return placement.plan_dtype(machine, machine.device) == "bfloat16"


def generator(
    entry: ModelEntry, settings: Settings, machine: hardware.Machine, auto: str = "AutoModelForCausalLM"
) -> tuple[Any, Any]:
    """(model, tokeniser) of a decoder or, by another Auto class, an encoder-decoder: ready for a trainer, in 4 bits for
    QLoRA; an adapter is on its base, to be trained further.

    Raises BadSettings for an adapter of which every weight should be trained.
    """
    import torch
    import transformers
    from transformers import AutoTokenizer

    from assistant.engines.loading import quantised

    path = folder(entry)
    form = dtype(settings, machine)
    options: dict[str, Any] = {"dtype": getattr(torch, form)}
    if settings.finetuning_type == "qlora":
        options["quantization_config"] = quantised("4bit", form)
        options["device_map"] = device_map(machine)
    model: Any = getattr(transformers, auto).from_pretrained(path, **options)
    model.config.use_cache = False
    if entry.format == "adapter":
        from peft import PeftModel

        if settings.finetuning_type == "full":
            hint = "Leave finetuning_type at lora, or export it as a whole model first."
            raise BadSettings(f"{entry.title} is an adapter: it can be trained further, its base not.", hint=hint)
        path = located(entry)
        model = PeftModel.from_pretrained(model, str(path), is_trainable=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def accelerator() -> Any:
    """The device that a whole model is moved to: torch's accelerator where there is one, else the CPU."""
    import torch

    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")


def device_map(machine: hardware.Machine) -> dict[str, Any]:
    """Where 4-bit weights are put, which do not move later: each process's own GPU, or the CPU."""
    from accelerate import PartialState

    return {"": PartialState().local_process_index if machine.gpus else "cpu"}


def adapter(settings: Settings, entry: ModelEntry, task: str, model: Any) -> Any:
    """PEFT's settings of the adapter; None where every weight is trained. task: a name of peft.TaskType. model: what it
    is put on. Raises BadSettings for layers that this does not have."""
    from peft import LoraConfig, TaskType

    if settings.finetuning_type == "full":
        return None
    require_layers(model, settings.lora_target_modules or ())
    return LoraConfig(
        task_type=TaskType[task],
        r=settings.lora_r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=settings.lora_target_modules or list(entry.lora_targets) or "all-linear",
        use_dora=settings.finetuning_type == "dora",
    )


def require_layers(model: Any, names: Sequence[str]) -> None:
    """Raises BadSettings for a layer that the model does not have: PEFT passes it over where it finds another."""
    modules = model.named_modules()
    layers = [name for name, layer in modules if getattr(getattr(layer, "weight", None), "ndim", 0) > 1]
    for wanted in names:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in layers):
            known = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in layers))
            raise BadSettings(f"lora_target_modules: the model has no layer {wanted!r}.", hint=f"It has {known}.")
