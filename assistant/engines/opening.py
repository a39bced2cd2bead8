"""Loading a model the way that choice.py has decided; each engine's libraries are imported only when it is the one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant import placement as plans
from assistant.engines.choice import Choice
from assistant.engines.protocol import Engine
from assistant.engines.remote import Remote
from assistant.errors import EngineFailed, ModelTooLarge
from assistant.first_import import alone

if TYPE_CHECKING:
    from assistant.catalogue import ModelEntry


def check_fits(choice: Choice, entry: ModelEntry | Remote) -> None:
    """Raise ModelTooLarge for what memory does not hold, whoever else left it."""
    if not choice.fits:
        needed, there = plans.gb(choice.needs_bytes), plans.gb(choice.has_bytes)
        raise ModelTooLarge(f"{entry.title} needs {needed}, and {there} are free for it here.", hint=choice.advice)


def open_engine(
    choice: Choice,
    entry: ModelEntry | Remote,
    path: Path | None = None,
    *,
    adapter: Path | None = None,
    adapters: Sequence[Path] = (),
    context_length: int | None = None,
    threads: int | None = None,
    force: bool = False,
) -> Engine:
    """Load the model as `choice` says; `path` is the .gguf file or the folder with its weights.

    adapter: the folder of one to put on it. adapters: files that llama.cpp shall have beside it.
    force: load even what does not fit (GPU, then RAM, then disk are filled: very slow).

    Raises ModelTooLarge unless forced, EngineFailed where the runtime cannot load it, WeightsCorrupt, DiskFull.
    """
    if isinstance(entry, Remote):
        from assistant.engines.openai import OpenAIEngine

        return OpenAIEngine(entry.model, entry.url, context_length=context_length)
    if path is None:
        raise EngineFailed(f"{entry.title} has no weights here.", hint=f"Fetch them: parley models pull {entry.key}")
    if not force:
        check_fits(choice, entry)
    context = min(context_length or entry.context_length, entry.context_length or 2**31)
    threads = threads or choice.threads
    if choice.engine == "llamacpp":
        from assistant.engines.llamacpp import LlamaCppEngine
        from assistant.tuned import ADAPTER_GGUF

        return LlamaCppEngine(
            path,
            model=entry.key,
            context_length=context,
            slots=choice.slots,
            threads=threads,
            adapter=adapter / ADAPTER_GGUF if adapter else None,
            adapters=adapters,
            prompts_bytes=choice.prompts_bytes,
        )
    with alone(entry.family):
        return _open_with_torch(choice, entry, path, adapter=adapter, context=context, threads=threads)


def _open_with_torch(
    choice: Choice, entry: ModelEntry, path: Path, *, adapter: Path | None, context: int, threads: int | None
) -> Engine:
    common: dict[str, Any] = {
        "model": entry.key,
        "placement": choice.placement,
        "dtype": choice.dtype,
        "threads": threads,
        "adapter": adapter,
    }
    if entry.family == "encoder":
        from assistant.engines.encoder import EncoderEngine

        return EncoderEngine(path, context_length=entry.context_length, **common)
    if entry.family == "seq2seq":
        from assistant.engines.seq2seq import Seq2SeqEngine

        if entry.format == "marian":
            from assistant.engines import ssru
            from assistant.marian import converted

            ssru.register()
            path = converted(path)
        told: dict[str, Any] = {"prompts": entry.prompts, "rerank": entry.rerank}
        return Seq2SeqEngine(path, context_length=entry.context_length, **told, **common)
    if choice.dequantise:
        from assistant.dequantise import dequantised

        path = dequantised(path)
    from assistant.engines.transformers import TransformersEngine

    return TransformersEngine(
        path,
        context_length=context,
        quantisation=choice.quantisation,
        notes=(choice.reason,) if choice.dequantise else (),
        **common,
    )
