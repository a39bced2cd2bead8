"""Three families on one text, with engines that know nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.engines.fake import FakeEngine
from assistant.errors import BadSettings, EngineFailed
from assistant.service import Assistant


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Assistant:
    monkeypatch.setattr(
        "assistant.sources.locate", lambda entry: tmp_path if entry.embedded or entry.key == "t5-small" else None
    )

    def open_engine(choice: Any, entry: Any, path: Any, **_: Any) -> FakeEngine:
        return FakeEngine("Positive!", model=entry.key)

    return Assistant(open_engine=open_engine)


def test_each_family_answers_with_its_cost_and_quality(assistant: Assistant) -> None:
    found = list(assistant.compare_models("sentiment", "All good here.", reference="positive"))
    assert [each.family for each in found] == ["BERT-style", "T5-style", "GPT-style"]
    assert [each.model for each in found] == ["parley-sentiment", "t5-small", "qwen2.5-coder-1.5b-instruct"]
    assert found[0].answer == "positive" and found[0].quality == 1.0 and found[0].memory_bytes > 0
    assert found[2].answer == "positive" and found[2].tokens == 7  # three words and what FakeEngine adds


def test_an_encoder_does_not_translate_and_chrf_measures_the_others(assistant: Assistant) -> None:
    wishes = {"target": "de", "source": "en", "reference": "POSITIVE HERE."}
    encoder, seq2seq, decoder = assistant.compare_models("translate", "Positive here.", **wishes)
    assert "cannot translate" in encoder.reason
    assert seq2seq.answer == "POSITIVE HERE." and seq2seq.quality == pytest.approx(1)
    assert decoder.quality is not None and decoder.quality < 1


def test_a_model_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch, assistant: Assistant) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: None)
    found = list(assistant.compare_models("summarize", "Some text here."))
    assert all("parley models pull" in each.reason for each in found)


def test_one_that_fails_does_not_take_the_others_along(monkeypatch: pytest.MonkeyPatch, assistant: Assistant) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise EngineFailed("It broke.")

    monkeypatch.setattr(FakeEngine, "text2text", fail)
    found = list(assistant.compare_models("sentiment", "All good here."))
    assert [bool(each.answer) for each in found] == [True, False, True]
    assert found[1].reason == "It broke."


def test_what_makes_no_sense_is_told(assistant: Assistant) -> None:
    with pytest.raises(BadSettings, match="paint"):
        list(assistant.compare_models("paint", "Hello."))  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadSettings, match="already"):
        list(assistant.compare_models("translate", "Hello there, friend.", target="en", source="en"))
