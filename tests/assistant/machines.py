"""Machines and models for tests of decisions: figures of real ones, rounded."""

from __future__ import annotations

from typing import Any

from assistant.catalogue import Family, ModelEntry
from assistant.hardware import Gpu, Machine

A100 = Gpu("A100", int(40e9), int(40e9), (8, 0), True)
T4 = Gpu("T4", int(15e9), int(15e9), (7, 5), False)
APPLE = Gpu("Apple M4", int(16e9), int(12e9), bf16=True, kind="mps")


def machine(free_gb: float, *gpus: Gpu, bf16: bool = False) -> Machine:
    free = int(free_gb * 1e9)
    return Machine("CPU", 8, 16, free, free, gpus, bf16)


def entry(key: str, **changes: Any) -> ModelEntry:
    fields: dict[str, Any] = {
        "key": key,
        "title": key,
        "description": "",
        "family": Family.DECODER,
        "tasks": ("chat",),
        "format": "safetensors",
        "licence": "Apache-2.0",
        "parameters": 0,
        "download_bytes": 0,
        "memory_bytes": 0,
        "context_length": 32768,
    }
    return ModelEntry(**{**fields, **changes})


CPU = machine(32)
EIGHT_B = entry("eight", title="Eight B", parameters=int(8e9), download_bytes=int(16e9), memory_bytes=int(16.5e9))
QWEN_GGUF = entry("qwen", format="gguf", parameters=int(1.54e9), download_bytes=int(1.117e9), memory_bytes=int(1.4e9))
SMOL_GGUF = entry("smol", format="gguf", parameters=int(135e6), download_bytes=int(98e6), memory_bytes=int(0.25e9))
