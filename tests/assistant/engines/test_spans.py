"""Answers as spans of passages, beside a search of every span one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForQuestionAnswering

from assistant.engines import spans
from assistant.engines.encoder import EncoderEngine
from assistant.engines.protocol import Capability, Span
from assistant.errors import CapabilityMissing, TextTooLong
from assistant.tasks.questions import ABSENT, Passage, spanned
from tests.assistant.engines.test_encoder import make

QUESTION = "film was good"
PASSAGES = ["the cat sat on the mat", "a very long film was bad it was very long and short the dog sat " * 2, "dog"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights that answers: its "no answer" is made unlikely."""
    folder = make(tmp_path_factory.mktemp("spans") / "bert")
    torch.manual_seed(3)
    config: Any = BertConfig.from_pretrained(folder)
    BertForQuestionAnswering(config).save_pretrained(folder)
    return folder


def every_span(folder: Path, passages: list[str], most_tokens: int) -> list[Span]:
    """All spans of all passages that fit into one pass."""
    model: Any = BertForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    found: list[Span] = []
    for number, passage in enumerate(passages):
        encoded = tokenizer(QUESTION, passage, return_tensors="pt", return_offsets_mapping=True)
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            out = model(**encoded)
        begins, ends = out.start_logits[0].tolist(), out.end_logits[0].tolist()
        first = encoded["input_ids"][0].tolist().index(tokenizer.sep_token_id) + 1
        for begin in range(first, len(begins) - 1):
            for end in range(begin, min(begin + most_tokens, len(begins) - 1)):
                score = begins[begin] + ends[end] - begins[0] - ends[0]
                found.append(Span(number, offsets[begin][0], offsets[end][1], score))
    return found


@pytest.mark.parametrize("most_tokens", [1, 3, 30])
def test_the_likeliest_span_of_all_passages(folder: Path, monkeypatch: pytest.MonkeyPatch, most_tokens: int) -> None:
    monkeypatch.setattr(spans, "MOST_TOKENS", most_tokens)
    short = [passage[:60] for passage in PASSAGES]
    engine = EncoderEngine(folder)
    assert engine.capabilities == {Capability.ANSWER}
    expected = max(every_span(folder, short, most_tokens), key=lambda span: span.score)
    found = engine.answer(QUESTION, short)
    if expected.score <= 0:
        assert found is None
        return
    assert found is not None
    assert (found.passage, found.start, found.end) == (expected.passage, expected.start, expected.end)
    assert found.score == pytest.approx(expected.score, abs=1e-4)


def test_no_answer_where_the_first_token_is_likelier(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EncoderEngine(folder)
    forward = engine._loaded.forward  # pyright: ignore[reportPrivateUsage]

    def sure(**inputs: Any) -> Any:
        out = forward(**inputs)
        out.start_logits[:, 0] = 100.0
        return out

    monkeypatch.setattr(engine._loaded, "forward", sure)  # pyright: ignore[reportPrivateUsage]
    assert engine.answer(QUESTION, PASSAGES) is None


def test_a_passage_too_long_for_one_pass_is_read_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EncoderEngine(folder)
    forward = engine._loaded.forward  # pyright: ignore[reportPrivateUsage]
    wanted = engine._tokenizer("short", add_special_tokens=False)["input_ids"][0]  # pyright: ignore[reportPrivateUsage]

    def pointing(**inputs: Any) -> Any:
        out = forward(**inputs)
        for logits in (out.start_logits, out.end_logits):
            logits[:] = (inputs["input_ids"] == wanted).float() * 50 - 10
        return out

    monkeypatch.setattr(engine._loaded, "forward", pointing)  # pyright: ignore[reportPrivateUsage]
    passage = "the dog sat on the mat " * 12 + "short it was"
    found = engine.answer(QUESTION, [passage])
    assert found is not None
    assert passage[found.start : found.end] == "short"


def test_a_question_without_end_is_told(folder: Path) -> None:
    with pytest.raises(TextTooLong, match="question leaves room"):
        EncoderEngine(folder).answer("dog " * 100, PASSAGES)


def test_an_encoder_without_the_head_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(CapabilityMissing):
        EncoderEngine(make(tmp_path / "bert")).answer(QUESTION, PASSAGES)


def test_the_sentence_that_the_words_stand_in_is_quoted() -> None:
    text = "Whales breathe air. They eat krill and squid. They sing."
    passage = Passage(1, text, 1000, 0.9)
    start = text.index("krill")
    answer = spanned(Span(0, start, start + len("krill and squid"), 3.0), [passage], "bert")
    assert (answer.text, answer.found) == ("krill and squid", True)
    assert [(quote.text, quote.start) for quote in answer.quotes] == [("They eat krill and squid.", 1020)]
    assert spanned(None, [passage], "bert").text == ABSENT
