"""Where a model goes on a machine and in what form: pure decisions from the catalogue's figures and `Machine`.

All sizes are bytes; people are told GB (10^9 bytes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from assistant.hardware import GB, Gpu, Machine

if TYPE_CHECKING:
    from assistant.catalogue import ModelEntry

Quantisation = Literal["8bit", "4bit"]

BYTES_PER_PARAMETER = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "8bit": 1.15, "4bit": 0.75}
"""bitsandbytes leaves embeddings, norms and the output layer at 16 bits, hence more than 1 and 0.5."""
KV_BYTES_PER_TOKEN_AND_PARAMETER = 16e-6
"""Of a model with grouped-query attention and a 16-bit cache (8B: 128 kB a token); where the catalogue is silent."""
SMALLEST_KV_BYTES_PER_TOKEN = 24e3
"""Small models have few parameters for their cache (SmolLM2-135M: 23 kB a token)."""
SLOTS_SHARE = 0.15
"""Share of the memory that is left beside the weights that conversations' caches may take."""
MOST_SLOTS = 8
PROMPTS_BYTES = 2**29
PROMPTS_SHARE = 0.05
"""For prompts of conversations that no slot holds, or for adapters: at most, and as a share of the same memory."""
LLAMACPP_BYTES = 1.5e8
"""What llama.cpp's process takes beside weights and caches: the program, and the buffers of a pass. Of weights that it
lays out anew for the processor there are two copies, but the system takes the file's back where memory is short."""
TORCH_BYTES = 6e8
"""What torch, transformers and their buffers take beside the model."""
GPU_SHARE = 0.92
RAM_SHARE = 0.9
"""Shares of the free memory that a model may take; the rest is for activations and for everything else."""


@dataclass(frozen=True)
class Placement:
    """How the transformers engine loads a model. `device_map` and `max_memory` are Accelerate's."""

    device: str
    """For people: "CPU", "NVIDIA A100", "2 × NVIDIA A100", "NVIDIA A100 + CPU", "CPU + disk"."""
    device_map: str | dict[str, int | str]
    max_memory: dict[int | str, int] | None = None
    offloads: bool = False
    """Some weights live outside the device that computes and travel for each token: many times slower."""


def weights_bytes(entry: ModelEntry, form: str) -> int:
    """Size of the weights as a dtype, as "8bit"/"4bit", or as "file": the way llama.cpp maps them."""
    if form == "file":
        return entry.download_bytes + entry.file_bytes
    return int((entry.parameters or entry.download_bytes // 2) * BYTES_PER_PARAMETER[form])


def cache_token_bytes(entry: ModelEntry) -> int:
    """Keys and values of one token at 16 bits: as its configuration has it, else by the model's size."""
    estimate = max(entry.parameters * KV_BYTES_PER_TOKEN_AND_PARAMETER, SMALLEST_KV_BYTES_PER_TOKEN)
    return entry.cache_token_bytes or int(estimate)


def needs_bytes(entry: ModelEntry, form: str, context: int = 4096, *, slots: int = 1, prompts_bytes: int = 0) -> int:
    """Memory that running `entry` takes: weights, caches, runtime. `form` as in `weights_bytes`.

    As a "file" llama.cpp sets the caches of all `slots` aside when it loads, `context` tokens each; `prompts_bytes` may
    join them for prompts, or adapters.
    """
    context = max(context, 512)
    if form == "file":
        caches = slots * context * cache_token_bytes(entry) + prompts_bytes
        return int(weights_bytes(entry, form) + LLAMACPP_BYTES + caches)
    cache = entry.parameters * KV_BYTES_PER_TOKEN_AND_PARAMETER * 4096
    # The catalogue's figure holds a context of 4k.
    beside = max(entry.memory_bytes - weights_bytes(entry, "file"), cache)
    return int(weights_bytes(entry, form) + beside * context / 4096 + TORCH_BYTES)


def has_bytes(machine: Machine, device: str) -> int:
    """Memory that a model may take on "cpu" or on all GPUs together ("gpu")."""
    if device == "cpu":
        return int(machine.free_ram_bytes * RAM_SHARE)
    return int(sum(gpu.free_bytes for gpu in machine.gpus) * GPU_SHARE)


def fits(entry: ModelEntry, machine: Machine, device: str, form: str, context: int = 4096) -> bool:
    """Whether `entry` runs on `device` ("cpu", "gpu") without offload."""
    return needs_bytes(entry, form, context) <= has_bytes(machine, device)


def plan_dtype(machine: Machine, device: str) -> str:
    """bfloat16 where the device has it natively; else float16 on a GPU, float32 on a CPU.

    A CPU with native bfloat16 decodes 1.6 times as fast with it as with float32; others emulate it. float16 on
    a CPU is not used: prompts are read several times slower with it.
    """
    if device == "cpu":
        return "bfloat16" if machine.cpu_bf16 else "float32"
    return "bfloat16" if machine.gpus and all(gpu.bf16 for gpu in machine.gpus) else "float16"


def plan_threads(machine: Machine) -> int:
    """Compute threads: one a physical core, since a core's second thread shares the units that matrix products use."""
    return max(1, min(machine.cores, machine.threads))


def plan_slots(entry: ModelEntry, spare_bytes: int, context: int) -> int:
    """Conversations that llama.cpp holds at once: each has a cache of `context` tokens of its own from the start."""
    cache = cache_token_bytes(entry) * context
    return max(1, min(MOST_SLOTS, int(SLOTS_SHARE * spare_bytes / cache)))


def plan_prompts(spare_bytes: int) -> int:
    """Bytes for the prompts of conversations that no slot holds, or for adapters."""
    return max(0, min(PROMPTS_BYTES, int(PROMPTS_SHARE * spare_bytes)))


def plan_device_map(machine: Machine, device: str, needed_bytes: int) -> Placement:
    """Where the transformers engine puts a model that needs `needed_bytes`, on "cpu" or "gpu".

    One GPU that holds it all is better than several, which take turns; several are better than RAM, RAM than disk.
    """
    ram = has_bytes(machine, "cpu")
    gpus = machine.gpus if device == "gpu" else ()
    if not gpus:
        if needed_bytes <= ram:
            return Placement("CPU", "cpu")
        return Placement("CPU + disk", "auto", {"cpu": ram}, offloads=True)
    if gpus[0].kind == "mps":
        return Placement(gpus[0].name, "mps")
    best = max(range(len(gpus)), key=lambda index: gpus[index].free_bytes)
    room: dict[int | str, int] = {index: int(gpu.free_bytes * GPU_SHARE) for index, gpu in enumerate(gpus)}
    if needed_bytes <= room[best]:
        return Placement(gpus[best].name, {"": best})
    if needed_bytes <= sum(room.values()):
        return Placement(_together(gpus), "auto", room)
    inside = needed_bytes <= sum(room.values()) + ram
    where = f"{_together(gpus)} + CPU" + ("" if inside else " + disk")
    return Placement(where, "auto", {**room, "cpu": ram}, offloads=True)


def too_large(entry: ModelEntry, machine: Machine, device: str, form: str, context: int = 4096) -> str:
    """The sentence that says with numbers why `entry` does not fit; "" where it does."""
    if fits(entry, machine, device, form, context):
        return ""
    needed, there = needs_bytes(entry, form, context), has_bytes(machine, device)
    place = "free memory" if device == "cpu" else "free GPU memory"
    as_form = "" if form == "file" else f" in {form}"
    return f"{entry.title} needs {gb(needed)}{as_form}, and this machine has {gb(there)} of {place} for it."


def advise(
    entry: ModelEntry, machine: Machine, device: str, form: str, others: Iterable[ModelEntry] = (), context: int = 4096
) -> str:
    """What would fit instead of `entry`: a shorter context, 8 or 4 bits, the largest of `others` of the same family."""
    offers: list[str] = []
    if form != "file":
        smaller = [bits for bits in ("8bit", "4bit") if weights_bytes(entry, bits) < weights_bytes(entry, form)]
        for bits in smaller:
            if fits(entry, machine, device, bits, context):
                offers.append(f"--quantisation {bits} ({gb(needs_bytes(entry, bits, context))})")
                break
    if context > 4096 and fits(entry, machine, device, form, 4096):
        offers.append("a context of 4096 tokens")
    candidates = [
        (other.parameters, other)
        for other in others
        if other.family == entry.family
        and other.key != entry.key
        and set(entry.tasks) & set(other.tasks)
        and fits(other, machine, "cpu" if other.format == "gguf" else device, _form(other, machine, device))
    ]
    if candidates:
        other = max(candidates, key=lambda pair: pair[0])[1]
        offers.append(f"{other.key} ({gb(needs_bytes(other, _form(other, machine, device)))})")
    if not offers:
        return "Free some memory, or use a model behind a URL (openai:NAME@http://HOST:PORT/v1)."
    return f"What would fit: {', or '.join(offers)}."


def without_gpus(machine: Machine) -> Machine:
    """The same machine, its GPUs left out of the decision."""
    return replace(machine, gpus=())


def shared(machine: Machine, processes: int) -> Machine:
    """The machine as one of so many processes has it: no more memory than its share. What is free is not divided: of
    those who come later, others have taken theirs already."""
    return replace(machine, free_ram_bytes=min(machine.free_ram_bytes, machine.ram_bytes // processes))


def gb(size: float) -> str:
    """ "1.4 GB", "98 MB": decimal, for people."""
    return f"{size / GB:.1f} GB" if size >= 0.95e9 else f"{size / 1e6:.0f} MB"


def _form(entry: ModelEntry, machine: Machine, device: str) -> str:
    return "file" if entry.format == "gguf" else plan_dtype(machine, device)


def _together(gpus: tuple[Gpu, ...]) -> str:
    names = list(dict.fromkeys(gpu.name for gpu in gpus))
    counts = [sum(gpu.name == name for gpu in gpus) for name in names]
    return " + ".join(f"{count} × {name}" if count > 1 else name for count, name in zip(counts, names, strict=True))
