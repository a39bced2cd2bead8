"""What translations say when translated back, on a T5 of random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from assistant.engines import channel
from assistant.engines.beams import Found
from assistant.engines.protocol import Capability, Rewriting
from assistant.engines.seq2seq import Seq2SeqEngine
from assistant.models import Models
from tests.assistant.engines.test_seq2seq import make

PROMPTS = {"en-de": "<de>{text}", "de-en": "<en>{text}"}
ASKED = Rewriting("translate", "en", "de", max_tokens=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("t5"))


def test_likelihoods_are_those_of_the_model_s_own_loss(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    sources = tokenizer(["a", "a longer one", "number three", "b"])["input_ids"]
    targets = tokenizer(["something else", "b", "c d e f", "b"])["input_ids"]
    monkeypatch.setattr(channel, "BATCH_TOKENS", 24)  # several batches
    with torch.inference_mode():
        found = channel.likelihoods(model, sources, targets)
        for source, target, value in zip(sources, targets, found, strict=True):
            loss = model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).loss.item()
            assert value == pytest.approx(-loss * len(target), rel=1e-4)


def test_the_weight_decides_between_the_two_directions() -> None:
    found = [Found(-1.0, [5, 6, 7]), Found(-1.5, [5, 6, 7])]  # sums of -4 and -6
    assert channel.chosen(found, [-9.0, -1.0], 1.0, 0.0) == 0
    assert channel.chosen(found, [-9.0, -1.0], 1.0, 0.2) == 0
    assert channel.chosen(found, [-9.0, -1.0], 1.0, 0.5) == 1


def test_what_is_said_back_best_is_chosen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    model.generation_config.num_beams = 4
    model.generation_config.save_pretrained(folder)
    plain, both = Seq2SeqEngine(folder, prompts=PROMPTS), Seq2SeqEngine(folder, prompts=PROMPTS, rerank={"en-de": 1.0})
    texts = ["Hello there.", "One."]
    asked: list[tuple[list[list[int]], list[list[int]]]] = []

    def last_is_best(model: object, sources: list[list[int]], targets: list[list[int]]) -> list[float]:
        asked.append((sources, targets))
        return [100.0 * place for place in range(len(sources))]

    monkeypatch.setattr(channel, "likelihoods", last_is_best)
    ours, theirs = both.text2text(texts, ASKED), plain.text2text(texts, ASKED)
    assert all(one != other for one, other in zip(ours, theirs, strict=True))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ((sources, targets),) = asked
    assert len(sources) == len(targets) == 8
    assert all(tokenizer.decode(each).startswith("<en>") for each in sources)
    assert {tokenizer.decode(each, skip_special_tokens=True) for each in targets} == set(texts)
    assert both.text2text(texts, Rewriting("translate", "en", "de", 8, beams=4)) == theirs  # just what was asked for
    assert both.text2text(texts, Rewriting("translate", "de", "en", 8)) == plain.text2text(
        texts, Rewriting("translate", "de", "en", 8)
    )


@pytest.mark.parametrize(("language", "said"), [("es", "felizmente"), ("de", "glücklich")])
def test_a_word_that_is_seldom_in_the_training_pairs(language: str, said: str) -> None:
    engine = Models().engine("parley-t5-es-de", capability=Capability.TEXT2TEXT)
    text = "The children were playing happily in the garden."
    assert said in engine.text2text([text], Rewriting("translate", "en", language))[0]
