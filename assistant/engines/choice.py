"""Which engine runs a model on this machine, and why; opening.py then loads it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant import placement as plans
from assistant.engines.protocol import Capability
from assistant.engines.remote import Remote
from assistant.errors import BadSettings, CapabilityMissing
from assistant.hardware import Machine

if TYPE_CHECKING:
    from assistant.catalogue import ModelEntry

ENGINES = ("auto", "llamacpp", "transformers", "openai")
QUANTISATIONS = ("8bit", "4bit")

RUNS: dict[str, dict[str, frozenset[Capability]]] = {
    "llamacpp": {"gguf": frozenset({Capability.GENERATE, Capability.SCHEMA, Capability.TOOLS})},
    "transformers": {
        "gguf": frozenset({Capability.GENERATE, Capability.SCORE}),
        "safetensors": frozenset(Capability) - {Capability.SCHEMA, Capability.TOOLS},
        "adapter": frozenset(Capability) - {Capability.SCHEMA, Capability.TOOLS},
        "marian": frozenset({Capability.TEXT2TEXT}),
    },
}
"""Engine → format of weights → what it can be asked to do with them. llama.cpp gives no probabilities of a prompt."""
FAMILIES: dict[str, frozenset[Capability]] = {
    "decoder": frozenset({Capability.GENERATE, Capability.SCORE, Capability.SCHEMA, Capability.TOOLS}),
    "encoder": frozenset({Capability.EMBED, Capability.CLASSIFY, Capability.ANSWER}),
    "seq2seq": frozenset({Capability.TEXT2TEXT}),
    "diffusion": frozenset(),  # no engine: the lab paints with it
}
"""What a family of models can do at all."""
REMOTE = (Capability.GENERATE, Capability.SCHEMA, Capability.TOOLS)
"""What a model behind a URL may be asked: whether it can, its server says."""
WISHES = {Capability.SCHEMA: "keep to a JSON schema", Capability.TOOLS: "call tools"}
"""What is llama.cpp's alone, in words."""
EXACT = (Capability.SCORE, Capability.EMBED, Capability.TEXT2TEXT, Capability.ANSWER)
"""What is done in float32 where it fits."""

ARTICLES = {
    "decoder": "a decoder",
    "encoder": "an encoder",
    "seq2seq": "a translator or summariser",
    "diffusion": "a text-to-image pipeline",
}
DEQUANTISED = "The GGUF's weights are de-quantised once for it, so memory and speed are those of full weights."


@dataclass(frozen=True)
class Choice:
    """How a model will be run and why; `reason` and `advice` are sentences for people, sizes are bytes."""

    engine: str
    reason: str
    device: str
    """For people: "CPU", "NVIDIA A100", "http://host:8000/v1"."""
    dtype: str
    """"float32", "bfloat16", "float16", or "as in the file" (llama.cpp), "" behind a URL."""
    quantisation: str | None
    fits: bool
    needs_bytes: int
    has_bytes: int
    advice: str = ""
    """What would fit, or run better; "" where there is nothing to say."""
    dequantise: bool = False
    """The GGUF's weights are to be written out in full once, for transformers."""
    placement: plans.Placement | None = None
    threads: int | None = None
    """Of the processor; None leaves it to the runtime."""
    slots: int = 1
    """Conversations that llama.cpp holds at once."""
    prompts_bytes: int = 0
    """Memory that it may fill with the prompts of others, or with adapters."""


def choose(
    entry: ModelEntry | Remote,
    machine: Machine,
    *,
    engine: str = "auto",
    capability: Capability = Capability.GENERATE,
    quantisation: str | None = None,
    adapter: bool = False,
    context: int = 4096,
    others: Collection[ModelEntry] = (),
) -> Choice:
    """Decide how `entry` runs on `machine`; pure.

    adapter: a PEFT adapter will be attached. others: models to propose, looked at only where this one does not fit.

    Raises BadSettings for an engine or a quantisation that does not exist or does not suit, CapabilityMissing where no
    engine can do what is asked with such weights.
    """
    _check(entry, engine, quantisation)
    if isinstance(entry, Remote):
        if capability not in REMOTE or adapter:
            what = "an adapter" if adapter else f"{capability} requests"
            raise CapabilityMissing(
                f"{entry.model} runs behind a URL, which takes no {what}.", hint="Use a local model."
            )
        return Choice("openai", f"It runs on the server at {entry.url}.", entry.url, "", None, True, 0, 0)
    able = [
        name
        for name, formats in RUNS.items()
        if capability in formats.get("gguf" if entry.file_bytes else entry.format, frozenset()) & FAMILIES[entry.family]
    ]
    if adapter or quantisation:
        able = [name for name in able if name == "transformers"]
    if engine != "auto":
        able = [name for name in able if name == engine]
    if not able:
        by = "No engine" if engine == "auto" else f"The {engine} engine"
        wish = WISHES.get(capability, capability) + (" with an adapter" if adapter else "")
        wish += f" in {quantisation}" if quantisation else ""
        if entry.family == "diffusion":
            hint = f"It makes pictures: `parley lab paint WORDS --model {entry.key}`."
        else:
            other = "a GGUF, which llama.cpp runs" if capability in WISHES else "another model"
            hint = f"Use --engine auto, or {other}." if engine != "auto" else f"Use {other}."
        raise CapabilityMissing(
            f"{by} can {wish} with {entry.key}, {ARTICLES[entry.family]} in {entry.format} weights.", hint=hint
        )
    if able == ["llamacpp"]:
        return _llamacpp(entry, machine, context, others)
    torch = _transformers(entry, machine, capability, quantisation, context, others)
    # torch reaches the GPU, which beats llama.cpp's CPU build; llama.cpp beats torch on a CPU, and has Metal on a Mac.
    on_gpu = torch.fits and torch.device != "CPU" and any(gpu.kind == "cuda" for gpu in machine.gpus)
    if "llamacpp" in able and not on_gpu:
        return _llamacpp(entry, machine, context, others)
    return replace(torch, reason=_why(entry, engine, capability, quantisation, adapter, torch))


def _check(entry: ModelEntry | Remote, engine: str, quantisation: str | None) -> None:
    problems: list[str] = []
    if engine not in ENGINES:
        problems.append(f"engine must be one of {', '.join(ENGINES)}, not {engine}")
    elif isinstance(entry, Remote) and engine not in ("auto", "openai"):
        problems.append(f"engine {engine} cannot run a model behind a URL")
    elif not isinstance(entry, Remote) and engine == "openai":
        problems.append("engine openai needs a model named openai:NAME@URL")
    if quantisation is not None and quantisation not in QUANTISATIONS:
        problems.append(f"quantisation must be one of {', '.join(QUANTISATIONS)}, not {quantisation}")
    if quantisation is not None and engine in ("llamacpp", "openai"):
        problems.append(f"engine {engine} cannot change a model's quantisation")
    if problems:
        raise BadSettings("; ".join(problems) + ".", hint="See `parley models info`.")


def _llamacpp(entry: ModelEntry, machine: Machine, context: int, others: Collection[ModelEntry]) -> Choice:
    metal = next((gpu.name for gpu in machine.gpus if gpu.kind == "mps"), None)
    context = min(context, entry.context_length or context)
    fits = plans.fits(entry, machine, "cpu", "file", context)
    there = plans.has_bytes(machine, "cpu")
    spare = there - plans.needs_bytes(entry, "file", context)
    slots, prompts = plans.plan_slots(entry, spare, context), plans.plan_prompts(spare)
    return Choice(
        engine="llamacpp",
        reason=f"llama.cpp runs its quantised GGUF weights fastest on {'the Apple GPU' if metal else 'the CPU'}.",
        device=metal or "CPU",
        dtype="as in the file",
        quantisation=None,
        fits=fits,
        needs_bytes=plans.needs_bytes(entry, "file", context, slots=slots, prompts_bytes=prompts),
        has_bytes=there,
        advice="" if fits else plans.advise(entry, machine, "cpu", "file", others, context),
        threads=plans.plan_threads(machine),
        slots=slots,
        prompts_bytes=prompts,
    )


def _transformers(
    entry: ModelEntry,
    machine: Machine,
    capability: Capability,
    quantisation: str | None,
    context: int,
    others: Collection[ModelEntry],
) -> Choice:
    """On the GPUs where it fits there; else on the CPU where it fits there; else spread over everything."""

    def dtype_on(device: str) -> str:
        # In 16 bits a score depends on what else is in its batch; in float32 not, so that is what scores are worth.
        # Labels stay the same in 16 bits, at nearly twice the speed: docs/experiments.md.
        exact = capability in EXACT and plans.fits(entry, machine, device, "float32", context)
        return "float32" if exact else plans.plan_dtype(machine, device)

    def form_on(device: str) -> str:
        return quantisation or dtype_on(device)

    devices = ("gpu", "cpu") if machine.gpus else ("cpu",)
    fitting = [device for device in devices if plans.fits(entry, machine, device, form_on(device), context)]
    device = fitting[0] if fitting else devices[0]
    needed, there = plans.needs_bytes(entry, form_on(device), context), plans.has_bytes(machine, device)
    placed = plans.plan_device_map(machine, device, needed)
    advice = ""
    if device != devices[0] or not fitting:
        advice = plans.advise(entry, machine, devices[0], form_on(devices[0]), others, context)
        if fitting:
            advice = f"{plans.too_large(entry, machine, 'gpu', form_on('gpu'), context)} {advice}"
    return Choice(
        engine="transformers",
        reason="",
        device=placed.device,
        dtype=dtype_on(device),
        quantisation=quantisation,
        fits=bool(fitting),
        needs_bytes=needed,
        has_bytes=there,
        advice=advice,
        dequantise=entry.format == "gguf",
        placement=placed,
        threads=plans.plan_threads(machine),
    )


def _why(
    entry: ModelEntry, engine: str, capability: Capability, quantisation: str | None, adapter: bool, choice: Choice
) -> str:
    if adapter:
        why = "An adapter is attached, which transformers and PEFT do."
    elif quantisation:
        why = f"{quantisation} weights were asked for, which bitsandbytes gives inside transformers."
    elif entry.format == "gguf" and capability is Capability.SCORE:
        why = (
            "Scoring a given text needs the probabilities of the prompt, which llama.cpp does not give: it runs through"
        )
        why += " transformers."
    elif engine != "auto":
        why = "It was asked for."
    elif choice.device == "CPU":
        why = "Its weights are safetensors, which transformers runs."
    else:
        why = f"transformers runs it on {choice.device}."
    return f"{why} {DEQUANTISED}" if choice.dequantise else why
