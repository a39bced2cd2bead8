"""What torch, transformers, Accelerate, bitsandbytes, PEFT and Jinja raise, said in our words."""

from __future__ import annotations

import errno

import jinja2
import torch
from safetensors import SafetensorError

from assistant.errors import (
    DiskFull,
    EngineFailed,
    ModelNotAvailable,
    ModelTooLarge,
    ParleyError,
    TextTooLong,
    WeightsCorrupt,
)

SMALLER = "Use a smaller model or --quantisation 4bit, or shorten the context."


def is_out_of_memory(error: BaseException) -> bool:
    """On a GPU torch has a class for it, on a CPU only words."""
    words = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)
    )


def loading_failure(error: BaseException, model: str) -> ParleyError:
    """Why `model` could not be loaded. The caller raises it `from error`."""
    if isinstance(error, ParleyError):
        return error
    if is_out_of_memory(error):
        return ModelTooLarge(f"There is not enough memory to load {model}.", hint=SMALLER)
    if isinstance(error, SafetensorError):
        return WeightsCorrupt(f"The weights of {model} are damaged: {error}", hint="Fetch them again.")
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return DiskFull(f"There is no room on the disk for the part of {model} that memory does not hold.")
        return ModelNotAvailable(f"The files of {model} are not complete: {error}", hint="Fetch the model again.")
    if isinstance(error, ImportError):
        return EngineFailed(
            f"{model} needs a package that is not installed: {error}",
            hint="`PARLEY_EXTRAS=gpu make setup` in Parley's folder installs what goes with GPUs.",
        )
    if isinstance(error, (ValueError, KeyError)):
        return EngineFailed(
            f"transformers cannot load {model}: {error}",
            hint="Its architecture may be newer than the installed transformers, or need code of its own.",
        )
    return EngineFailed(f"{model} could not be loaded: {error or type(error).__name__}")


def running_failure(error: BaseException, model: str) -> ParleyError:
    """Why a request to a loaded `model` failed. The caller raises it `from error`."""
    if isinstance(error, ParleyError):
        return error
    if is_out_of_memory(error):
        return EngineFailed(f"{model} ran out of memory at this text.", hint=SMALLER)
    if isinstance(error, jinja2.TemplateError):
        return EngineFailed(
            f"{model}'s chat template refuses these messages: {error}",
            hint="Most templates want the user and the assistant to take turns, the user first.",
        )
    if isinstance(error, IndexError):
        return TextTooLong(f"The text is longer than {model} was made for.")
    return EngineFailed(f"{model} failed: {error or type(error).__name__}", hint="`parley doctor` may know more.")
