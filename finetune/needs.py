"""Packages that some settings want and that do not come with Parley: said before a run, not at its third minute."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from assistant.errors import BadSettings
from finetune.launching import located
from finetune.settings import Settings, read_yaml

TOLD = {"tensorboard": ("tensorboard", "tensorboardX"), "trackio": ("trackio",), "wandb": ("wandb",)}
"""Of report_to → packages of which one suffices."""


def is_installed(name: str) -> bool:
    """Without importing it."""
    return find_spec(name) is not None


def require_packages(settings: Settings, installed: Callable[[str], bool] = is_installed) -> None:
    """Raises BadSettings for the first package that is missing."""
    for asked, names, instead in _wanted(settings):
        if not any(map(installed, names)):
            extra = "`PARLEY_EXTRAS=gpu make setup` installs it" if "bitsandbytes" in names else ""
            hint = extra or f"`.venv/bin/pip install {names[0].replace('_', '-')}` installs it"
            raise BadSettings(f"{asked} needs {names[0]}, which is not installed.", hint=f"{hint}; {instead}.")


def _wanted(settings: Settings) -> list[tuple[str, tuple[str, ...], str]]:
    """(setting, packages of which one suffices, what does without)."""
    found: list[tuple[str, tuple[str, ...], str]] = []
    if settings.finetuning_type == "qlora":
        found.append(("qlora", ("bitsandbytes",), "finetuning_type=lora does without"))
    if settings.accelerate_config and _distributed(settings.accelerate_config) == "DEEPSPEED":
        name = settings.accelerate_config
        found.append((f"accelerate_config={name}", ("deepspeed",), "accelerate_config=fsdp2 does without"))
    if settings.trainer.get("use_liger_kernel"):
        found.append(("use_liger_kernel", ("liger_kernel",), "it is for GPUs, and the run goes without it too"))
    for name in settings.report_to:
        if packages := TOLD.get(name):
            found.append((f"report_to={name}", packages, "Parley's own plots need nothing"))
    return found


def _distributed(config: str) -> str:
    """How a configuration of Accelerate spreads a run. Raises BadSettings for a file that is none."""
    path = located(config)
    try:
        return str(read_yaml(path)["distributed_type"])
    except (BadSettings, KeyError) as error:
        hint = "`accelerate config --config_file FILE` writes one."
        raise BadSettings(f"{path} is no configuration of Accelerate.", hint=hint) from error
