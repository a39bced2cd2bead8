"""Getting a decoder, its tokeniser and adapters into memory: transformers, Accelerate, bitsandbytes and PEFT."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GenerationConfig
from transformers.utils import logging

from assistant.engines.quiet import silent_loading
from assistant.placement import Placement


def load(
    path: Path, placement: Placement, dtype: str, quantisation: str | None, offload_folder: Path | None = None
) -> tuple[Any, Any]:
    """(model, tokeniser), the model ready to run where `placement` puts it.

    offload_folder: for weights that fit neither a GPU nor memory. Raises whatever the libraries raise.
    """
    logging.disable_progress_bar()
    if not (path / "config.json").is_file():  # transformers would speak of an unknown architecture
        raise FileNotFoundError(errno.ENOENT, "there is no config.json", str(path))
    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    options: dict[str, Any] = {"dtype": getattr(torch, dtype), "device_map": placement.device_map}
    if placement.max_memory is not None:
        options["max_memory"] = placement.max_memory
    if placement.offloads:
        options["offload_folder"] = offload_folder
    if quantisation:
        options["quantization_config"] = quantised(quantisation, dtype)
    # attn_implementation stays the library's choice: SDPA where the architecture has it.
    model: Any = AutoModelForCausalLM.from_pretrained(path, **options)
    return model.eval(), tokenizer


def quantised(quantisation: str, dtype: str) -> BitsAndBytesConfig:
    """bitsandbytes' settings for "8bit" (LLM.int8, arXiv:2208.07339) or "4bit" (NF4 with double quantisation,
    arXiv:2305.14314)."""
    if quantisation == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a reply: the generation settings' and the tokeniser's."""
    config: GenerationConfig = model.generation_config
    named: Any = config.eos_token_id
    ends = list(named) if isinstance(named, (list, tuple)) else [named]
    return frozenset(end for end in [*ends, tokenizer.eos_token_id] if end is not None)


def context_length(model: Any, asked: int | None) -> int:
    """Tokens that the model reads, prompt and reply together, and no more than asked for."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 2**31
    return min(most, asked or most)


def template_hash(tokenizer: Any) -> str:
    """First 12 hex digits of the sha256 of the chat template; "" for a base model, which has none."""
    template: Any = tokenizer.chat_template
    if isinstance(template, Mapping):
        template = template.get("default", "")
    return hashlib.sha256(template.encode()).hexdigest()[:12] if template else ""


def decoder(tokenizer: Any) -> Callable[[Sequence[int]], str]:
    """Tokens → text without control tokens; past the tokeniser's Python where it has a Rust part."""
    backend = getattr(tokenizer, "backend_tokenizer", None) or tokenizer

    def decode(tokens: Sequence[int]) -> str:
        return backend.decode(list(tokens), skip_special_tokens=True)

    return decode


def attach_adapter(model: Any, name: str, path: Path) -> None:
    """Load a PEFT adapter beside the weights, turned off."""
    if not (path / "adapter_config.json").is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no adapter_config.json", str(path))
    try:
        with silent_loading():  # it counts every weight of the model beneath as missing from the adapter
            model.load_adapter(str(path), adapter_name=name)
    except BaseException:
        with suppress(Exception):
            model.delete_adapter(name)
        raise
    use_adapter(model, None)


def use_adapter(model: Any, name: str | None) -> None:
    """Make the model compute with the attached adapter of that name, or without any."""
    if name is None:
        model.disable_adapters()
    else:
        model.enable_adapters()
        model.set_adapter(name)
        model.eval()
