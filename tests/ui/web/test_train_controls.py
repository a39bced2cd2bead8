"""What is typed on the train page becomes settings, or is told in the page's own words."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.errors import BadSettings
from finetune.seq2seq import Seq2SeqSettings
from ui.web.train_controls import CONTROLS, settings_of

FIRST: dict[str, Any] = {
    "data": "rows.jsonl",
    "test": None,
    "model": "parley-t5",
    "num_train_epochs": 3,
    "finetuning_type": "lora",
    "max_length": 512,
    "per_device_train_batch_size": 8,
    "lora_r": 16,
    "evaluate": False,
    "rate": "",
    "further": "",
}


def made(method: str, **changes: Any) -> Any:
    given = {**FIRST, **changes}
    return settings_of(method, [], *(given[name] for name in CONTROLS))


def test_quotation_marks_hold_a_value_together() -> None:
    settings = made("seq2seq", further='prefix="translate Welsh to English: "\nsource_language=cy  label_smoothing=0.2')
    assert isinstance(settings, Seq2SeqSettings)
    assert (settings.prefix, settings.source_language) == ("translate Welsh to English: ", "cy")
    assert settings.label_smoothing == 0.2


@pytest.mark.parametrize("further", ['prefix="translate Welsh', "prefix=don't"])
def test_a_quotation_mark_that_is_open_is_told(further: str) -> None:
    with pytest.raises(BadSettings, match="No closing quotation") as told:
        made("seq2seq", further=further)
    assert "second one" in told.value.hint


def test_numbers_that_were_emptied_are_told_by_their_names() -> None:
    with pytest.raises(BadSettings, match="No number is given for: Tokens a row, Rank of the adapter"):
        made("sft", max_length=None, lora_r=None)
    for field in ("num_train_epochs", "per_device_train_batch_size"):
        with pytest.raises(BadSettings, match="No number is given"):
            made("sft", **{field: None})


def test_numbers_that_a_method_does_not_read_may_be_empty() -> None:
    assert made("rlhf-loop", max_length=None, lora_r=None, num_train_epochs=None, per_device_train_batch_size=None)
