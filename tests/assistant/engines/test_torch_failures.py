from __future__ import annotations

import errno

import jinja2
import pytest
import torch
from safetensors import SafetensorError

from assistant.engines.torch_failures import loading_failure, running_failure
from assistant.errors import (
    DiskFull,
    EngineFailed,
    ModelNotAvailable,
    ModelTooLarge,
    ParleyError,
    TextTooLong,
    WeightsCorrupt,
)

NO_MEMORY = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), ModelTooLarge),
        (RuntimeError(NO_MEMORY), ModelTooLarge),
        (MemoryError(), ModelTooLarge),
        (SafetensorError("Error while deserializing header: header too large"), WeightsCorrupt),
        (FileNotFoundError(errno.ENOENT, "No such file", "config.json"), ModelNotAvailable),
        (OSError("Error no file named model.safetensors found in directory"), ModelNotAvailable),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (ImportError("Using `bitsandbytes` 4-bit quantization requires bitsandbytes"), EngineFailed),
        (ValueError("The checkpoint you are trying to load has model type `newer`"), EngineFailed),
        (KeyError("newer"), EngineFailed),
        (RuntimeError("CUDA error: no kernel image is available"), EngineFailed),
        (AssertionError(), EngineFailed),
        (WeightsCorrupt("already ours"), WeightsCorrupt),
    ],
)
def test_loading(error: Exception, expected: type[ParleyError]) -> None:
    failure = loading_failure(error, "tiny")
    assert type(failure) is expected
    assert failure.message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), EngineFailed),
        (RuntimeError(NO_MEMORY), EngineFailed),
        (RuntimeError("CUDA error: device-side assert triggered"), EngineFailed),
        (RuntimeError("the model was closed"), EngineFailed),
        (jinja2.TemplateError("Conversation roles must alternate"), EngineFailed),
        (IndexError("index out of range in self"), TextTooLong),
        (ValueError(), EngineFailed),
        (TextTooLong("already ours"), TextTooLong),
    ],
)
def test_running(error: Exception, expected: type[ParleyError]) -> None:
    failure = running_failure(error, "tiny")
    assert type(failure) is expected
    assert failure.message
