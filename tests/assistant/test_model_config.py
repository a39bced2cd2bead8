"""Families and tasks from config.json files as they are published."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.catalogue import Family
from assistant.model_config import read_config

QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 40960, "num_hidden_layers": 28}
QWEN3 |= {"num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "hidden_size": 1024}
GPT2 = {"architectures": ["GPT2LMHeadModel"], "n_positions": 1024, "n_layer": 12, "n_head": 12, "n_embd": 768}
T5 = {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True, "n_positions": 512}
T5 |= {"task_specific_params": {"summarization": {}, "translation_en_to_de": {}}}
MARIAN = {"architectures": ["MarianMTModel"], "is_encoder_decoder": True, "max_position_embeddings": 512}
NLLB = {"architectures": ["M2M100ForConditionalGeneration"], "max_position_embeddings": 1024}
GEMMA3 = {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": {"max_position_embeddings": 131072}}
BERT = {"architectures": ["BertModel"], "max_position_embeddings": 512}
SST2 = {"architectures": ["DistilBertForSequenceClassification"], "id2label": {"0": "NEGATIVE", "1": "POSITIVE"}}
TOPICS = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "sport", "1": "politics"}}
SQUAD = {"architectures": ["RobertaForQuestionAnswering"], "max_position_embeddings": 514}
MASKED = {"architectures": ["ModernBertForMaskedLM"], "max_position_embeddings": 8192}


@pytest.mark.parametrize(
    ("config", "family", "tasks", "context"),
    [
        (QWEN3, Family.DECODER, ("complete",), 40960),
        (GPT2, Family.DECODER, ("complete",), 1024),
        (GEMMA3, Family.DECODER, ("complete",), 131072),
        (T5, Family.SEQ2SEQ, ("translate", "summarize"), 512),
        (MARIAN, Family.SEQ2SEQ, ("translate", "summarize"), 512),
        (NLLB, Family.SEQ2SEQ, ("translate", "summarize"), 1024),
        (BERT, Family.ENCODER, ("embed",), 512),
        (MASKED, Family.ENCODER, ("embed",), 8192),
        (SST2, Family.ENCODER, ("sentiment",), 0),
        (TOPICS, Family.ENCODER, ("classify",), 0),
        (SQUAD, Family.ENCODER, ("answer",), 514),
    ],
    ids=["qwen3", "gpt2", "gemma3", "t5", "marian", "nllb", "bert", "modernbert", "sst2", "topics", "squad"],
)
def test_family_tasks_and_context(config: dict[str, Any], family: Family, tasks: tuple[str, ...], context: int) -> None:
    read = read_config(config)
    assert (read.family, read.tasks, read.context_length) == (family, tasks, context)


def test_a_chat_template_makes_it_a_chat_model() -> None:
    assert read_config(QWEN3, chat_template=True).tasks == ("chat",)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (QWEN3, 2 * 28 * 8 * 128 * 2),  # keys and values × layers × groups × width × 2 bytes
        (GPT2, 2 * 12 * 12 * 64 * 2),
        (BERT, 0),
    ],
    ids=["qwen3", "gpt2", "bert"],
)
def test_memory_of_a_token(config: dict[str, Any], expected: int) -> None:
    assert read_config(config).cache_token_bytes == expected


RARE = {"BertGenerationDecoder", "ReformerModelWithLMHead", "EncoderDecoderModel"}
RARE |= {"SeamlessM4TForTextToText", "SeamlessM4Tv2ForTextToText"}
"""Classes whose names do not tell; their config.json says is_encoder_decoder where they are seq2seq."""


@pytest.mark.slow  # it imports torch
@pytest.mark.parametrize(
    ("table", "family"),
    [
        ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", Family.DECODER),
        ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", Family.SEQ2SEQ),
        ("MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES", Family.ENCODER),
    ],
)
def test_families_agree_with_transformers_own_tables(table: str, family: Family) -> None:
    from transformers.models.auto import modeling_auto

    values: list[str | tuple[str, ...]] = list(getattr(modeling_auto, table).values())
    names = {name for value in values for name in ((value,) if isinstance(value, str) else value)}
    assert len(names) > 30
    for name in names - RARE:
        # A decoder of that name is one that also sees or hears, and has the settings of its text part apart.
        sees = family is Family.DECODER and name.endswith("ForConditionalGeneration")
        config = {"architectures": [name]} | ({"text_config": {"num_hidden_layers": 1}} if sees else {})
        assert read_config(config).family is family, name
