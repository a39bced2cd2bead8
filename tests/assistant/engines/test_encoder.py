"""The encoder engine beside transformers used plainly: one text at a time, no batches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
)

from assistant.engines import encoder
from assistant.engines.encoder import EncoderEngine
from assistant.engines.protocol import Capability, Message
from assistant.errors import Cancelled, CapabilityMissing, ModelNotAvailable, TextTooLong
from assistant.service import Assistant
from tests.assistant.embedded import embedded

WORDS = ["the", "a", "cat", "dog", "sat", "on", "mat", "good", "bad", "film", "was", "very", "long", "short", "it"]
TEXTS = ["the cat sat on the mat", "a good film", "it was very very long and bad " * 3, "", "dog"]


def make(folder: Path, labels: tuple[str, ...] = (), *, spread: float = 0.5) -> Path:
    """A BERT of random weights, with a head where there are labels."""
    folder.mkdir()
    vocabulary = {word: n for n, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    tokenizer: Any = BertTokenizer(vocab=vocabulary, model_max_length=32)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        id2label=dict(enumerate(labels)) or None,
        initializer_range=spread,
    )
    (BertForSequenceClassification(config) if labels else BertModel(config)).save_pretrained(folder)
    return folder


def plain_embeddings(folder: Path, texts: list[str]) -> np.ndarray:
    """Mean of the token vectors, unit length (Reimers and Gurevych 2019, section 3)."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rows: list[np.ndarray] = []
    for text in texts:
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        mean = states.mean(0).numpy()
        rows.append(mean / np.linalg.norm(mean))
    return np.stack(rows)


def test_embeddings_are_those_of_one_text_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "bert")
    expected = plain_embeddings(folder, TEXTS)
    engine = EncoderEngine(folder)
    assert engine.capabilities == {Capability.EMBED}
    np.testing.assert_allclose(engine.embed(TEXTS), expected, atol=1e-5)
    monkeypatch.setattr(encoder, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(encoder, "BATCH_TOKENS", {"cpu": 20})
    np.testing.assert_allclose(engine.embed(TEXTS), expected, atol=1e-5)
    assert engine.embed([]).shape[0] == 0


def test_tokens_are_counted_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EncoderEngine(make(tmp_path / "bert"))
    monkeypatch.setattr(encoder, "MOST_AT_ONCE", 2)
    rows, counts = engine.embed_counted(TEXTS)
    np.testing.assert_array_equal(rows, engine.embed(TEXTS))
    assert counts == [engine.count_tokens([Message("user", text)]) for text in TEXTS]
    long = "it was very long " * 30
    ((count,), beginnings_and_ends) = engine.embed_counted([long])[1], 2 * len(range(0, 120, 30))
    assert count == 120 + beginnings_and_ends, "four pieces of 30 words"
    assert engine.embed_counted([])[1] == []


def test_a_text_that_would_keep_others_waiting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EncoderEngine(make(tmp_path / "bert"))
    monkeypatch.setattr(encoder, "MOST_TOKENS", 100)
    with pytest.raises(TextTooLong, match=r"128 tokens; 100 can be embedded"):
        engine.embed_counted(["cat", "it was very long " * 30])
    assert len(engine.embed_counted(["it was very long " * 20])[0]) == 1
    assert len(engine.embed(["it was very long " * 30])) == 1, "a task's own texts are not others'"
    monkeypatch.setattr(engine, "_tokenizer", None)  # nobody tokenises it first
    with pytest.raises(TextTooLong, match=r"400,001 characters; 400,000 can be embedded"):
        engine.embed_counted(["x" * 400_001])


def test_reading_ends_between_two_passes_when_nobody_waits_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = EncoderEngine(make(tmp_path / "bert"))
    monkeypatch.setattr(encoder, "BATCH_TOKENS", {"cpu": 8})
    cancel, passes = threading.Event(), list[int]()
    forward = engine._loaded.forward  # pyright: ignore[reportPrivateUsage]

    def watched(**inputs: Any) -> Any:
        passes.append(1)
        cancel.set()
        return forward(**inputs)

    monkeypatch.setattr(engine._loaded, "forward", watched)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Cancelled):
        engine.embed_counted(TEXTS, cancel=cancel)
    assert len(passes) == 1


def test_labels_are_the_model_s(tmp_path: Path) -> None:
    folder = make(tmp_path / "bert", ("bad", "good"))
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    engine = EncoderEngine(folder)
    assert engine.capabilities == {Capability.CLASSIFY}
    for text, found in zip(TEXTS, engine.classify(TEXTS), strict=True):
        with torch.inference_mode():
            expected = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0].tolist()
        assert list(found) == ["bad", "good"]
        assert list(found.values()) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(CapabilityMissing):
        engine.embed(["x"])


def test_a_long_text_is_read_in_pieces_that_count_by_their_length(tmp_path: Path) -> None:
    folder = make(tmp_path / "bert", ("bad", "good"))
    engine = EncoderEngine(folder)
    words = ("the cat sat on the mat " * 10).split()  # 60 tokens; the model reads 30 and two of its own
    pieces = engine.classify([" ".join(words[:30]), " ".join(words[30:])])
    whole = engine.classify(["dog", " ".join(words)])[1]
    assert whole["good"] == pytest.approx((pieces[0]["good"] + pieces[1]["good"]) / 2, abs=1e-5)
    assert engine.classify(["cat" * 1_000_000])[0]["good"] > 0  # a word of 3 MB


def test_a_pass_that_takes_too_much_memory_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EncoderEngine(make(tmp_path / "bert"))
    expected = engine.embed(TEXTS)
    forward = engine._loaded.forward  # pyright: ignore[reportPrivateUsage]

    def small(**inputs: Any) -> Any:
        if len(inputs["input_ids"]) > 1:
            raise torch.OutOfMemoryError("no")
        return forward(**inputs)

    monkeypatch.setattr(engine._loaded, "forward", small)  # pyright: ignore[reportPrivateUsage]
    np.testing.assert_allclose(engine.embed(TEXTS), expected, atol=1e-5)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelNotAvailable, match=r"no config\.json"):
        EncoderEngine(tmp_path)


@pytest.mark.model
def test_the_embedded_encoder_finds_what_means_the_same() -> None:
    engine = EncoderEngine(embedded("all-minilm-l6-v2")[1])
    vectors = engine.embed(["A man is eating food.", "Someone has a meal.", "The stock market fell."])
    alike, unlike = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert alike > 0.5 > 0.2 > unlike


@pytest.mark.model
def test_the_shipped_adapter_reads_sentiment_through_the_assistant() -> None:
    embedded("all-minilm-l6-v2")
    assistant = Assistant()
    texts = ["I love it, wonderful!", "A complete waste of money.", "The box is on the table."]
    labels = [each["sentiment"] for each in assistant.sentiment_columns(texts)]
    assistant.close()
    assert labels == ["positive", "negative", "neutral"]
