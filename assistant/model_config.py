"""What a model's config.json says of it: family, context, memory of a context, what it can be asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.catalogue import Family

OVERHEAD_BYTES = 300_000_000
"""Buffers of a runtime beside weights and cache: measured for small models, a small share of large ones."""
CONTEXT_TOKENS = 4096
"""The context that `memory_bytes` counts in."""

# The ends of transformers' class names; its own table of them can only be read by importing torch.
SEQ2SEQ = ("ForConditionalGeneration", "MTModel")
DECODER = ("ForCausalLM", "LMHeadModel")
SENTIMENTS = {"positive", "negative"}


@dataclass(frozen=True)
class ModelConfig:
    """The part of a config.json that Parley goes by. `context_length` is 0 where it is not told."""

    family: Family
    tasks: tuple[str, ...]
    context_length: int
    cache_token_bytes: int
    """Keys and values of one token at 16 bits, over all layers."""


def read_config(config: Mapping[str, Any], *, chat_template: bool = False) -> ModelConfig:
    """Read a parsed config.json. Models that see and read are taken by their text part."""
    text: Mapping[str, Any] = config.get("text_config") or config
    family = _family(config)
    context = next((int(text[name]) for name in CONTEXT_NAMES if _positive(text.get(name))), 0)
    return ModelConfig(family, _tasks(family, config, chat_template), context, _cache_token_bytes(text))


CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")


def _positive(value: object) -> bool:
    return isinstance(value, int) and value > 0


def _family(config: Mapping[str, Any]) -> Family:
    names: list[str] = config.get("architectures") or []
    if config.get("is_encoder_decoder"):
        return Family.SEQ2SEQ
    if any(name.endswith(DECODER) for name in names):
        return Family.DECODER
    if any(name.endswith(SEQ2SEQ) for name in names):
        return Family.DECODER if config.get("text_config") else Family.SEQ2SEQ
    return Family.ENCODER


def _tasks(family: Family, config: Mapping[str, Any], chat_template: bool) -> tuple[str, ...]:
    if family is Family.DECODER:
        return ("chat",) if chat_template else ("complete",)
    if family is Family.SEQ2SEQ:
        trained: Mapping[str, Any] = config.get("task_specific_params") or {}
        found = [
            task
            for task, sign in (("translate", "translation"), ("summarize", "summarization"))
            if any(name.startswith(sign) for name in trained)
        ]
        return tuple(found) or ("translate", "summarize")
    if any(name.endswith("ForSequenceClassification") for name in config.get("architectures") or []):
        labels = {str(label).lower() for label in (config.get("id2label") or {}).values()}
        if len(labels) == 1:  # it judges
            return ()
        return ("sentiment",) if labels >= SENTIMENTS else ("classify",)
    if any(name.endswith("ForQuestionAnswering") for name in config.get("architectures") or []):
        return ("answer",)
    return ("embed",)


def _cache_token_bytes(text: Mapping[str, Any]) -> int:
    layers = text.get("num_hidden_layers") or text.get("n_layer") or text.get("num_layers") or 0
    heads = text.get("num_attention_heads") or text.get("n_head") or text.get("num_heads") or 0
    width = text.get("hidden_size") or text.get("n_embd") or text.get("d_model") or 0
    groups = text.get("num_key_value_heads") or heads
    head = text.get("head_dim") or text.get("d_kv") or (width // heads if heads else 0)
    return 2 * 2 * layers * groups * head
