"""The sequence-to-sequence engine beside transformers used plainly, on a T5 of random weights."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, T5Config, T5ForConditionalGeneration

from assistant.engines import greedy, seq2seq
from assistant.engines.protocol import Message, Rewriting
from assistant.engines.seq2seq import Seq2SeqEngine
from assistant.errors import BadDocument, CapabilityMissing, ModelNotAvailable, TextTooLong
from tests.assistant.engines import tiny

TEXTS = [f"{'a sentence ' * (n % 7)}number {n}." for n in range(40)]


def make(folder: Path, **changes: Any) -> Path:
    """A T5 of random weights over bytes."""
    tokenizer = tiny.tokenizer(None)
    tokenizer.model_max_length = 256
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    shape["initializer_factor"] = 3.0
    config = T5Config(
        vocab_size=tiny.SHAPE["vocab_size"],
        pad_token_id=tiny.SHAPE["pad_token_id"],
        eos_token_id=tiny.SHAPE["eos_token_id"],
        decoder_start_token_id=tiny.SHAPE["pad_token_id"],
        **shape | changes,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    params = {"translation_en_to_de": {"prefix": "translate English to German: "}, "summarization": {"prefix": "sum: "}}
    return make(tmp_path_factory.mktemp("t5"), task_specific_params=params)


def plain(folder: Path, texts: list[str], tokens: int) -> list[str]:
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    found: list[str] = []
    for text in texts:
        with torch.inference_mode():
            out = model.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=tokens, do_sample=False)
        found.append(tokenizer.decode(out[0], skip_special_tokens=True))
    return found


def test_batches_say_what_one_at_a_time_says(folder: Path) -> None:
    engine = Seq2SeqEngine(folder)
    ours = engine.text2text(TEXTS, Rewriting(max_tokens=12))
    same = sum(a == b for a, b in zip(ours, plain(folder, TEXTS, 12), strict=True))
    assert same >= len(TEXTS) - 1  # padding moves the last digit


def test_the_prefix_of_a_task_is_read_from_the_configuration(folder: Path) -> None:
    engine = Seq2SeqEngine(folder)
    asked = Rewriting("translate", "en", "de", max_tokens=8)
    assert engine.text2text(["Hello."], asked) == plain(folder, ["translate English to German: Hello."], 8)
    assert engine.text2text(["Hello."], Rewriting("summarize", max_tokens=8)) == plain(folder, ["sum: Hello."], 8)


def test_the_catalogue_goes_before_the_configuration(folder: Path) -> None:
    engine = Seq2SeqEngine(folder, prompts={"en-de": "to German: {text}"})
    assert engine.text2text(["Hi."], Rewriting("translate", "en", "de", max_tokens=8)) == plain(
        folder, ["to German: Hi."], 8
    )


def test_a_language_it_lacks_is_told_with_those_it_has(folder: Path) -> None:
    with pytest.raises(CapabilityMissing, match="English → German"):
        Seq2SeqEngine(folder).text2text(["Hi."], Rewriting("translate", "en", "ja"))


def test_too_long_and_empty_texts_are_told(folder: Path) -> None:
    engine = Seq2SeqEngine(folder)
    with pytest.raises(TextTooLong, match="256"):
        engine.text2text(["word " * 1000], Rewriting())
    with pytest.raises(BadDocument):
        engine.text2text([" "], Rewriting())
    assert engine.text2text([], Rewriting()) == []


def test_a_cancelled_run_ends_early(folder: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    assert Seq2SeqEngine(folder).text2text(TEXTS, Rewriting(max_tokens=200), cancel=cancel) == [""] * len(TEXTS)


def test_a_batch_that_does_not_fit_is_halved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Seq2SeqEngine(folder)
    whole = engine.text2text(TEXTS, Rewriting(max_tokens=6))
    decode = greedy.decode
    tried: list[int] = []

    def narrow(model: Any, input_ids: torch.Tensor, *more: Any, **options: Any) -> Any:
        tried.append(len(input_ids))
        if len(input_ids) > 3:
            raise torch.OutOfMemoryError("too much")
        return decode(model, input_ids, *more, **options)

    monkeypatch.setattr(greedy, "decode", narrow)
    assert engine.text2text(TEXTS, Rewriting(max_tokens=6)) == whole
    assert max(tried) > 3


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelNotAvailable):
        Seq2SeqEngine(tmp_path)
    assert seq2seq.MOST_ROWS["cpu"] > 32


def test_tokens_of_texts_are_counted_as_the_model_reads_them(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = ["a sentence", "another one"]
    counted = Seq2SeqEngine(folder).count_tokens([Message("user", text) for text in texts])
    assert counted == sum(len(tokenizer(text)["input_ids"]) for text in texts) > 0
