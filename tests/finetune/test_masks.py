"""What is learnt of a row, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from assistant.errors import BadDataset
from finetune.masks import IGNORED, Part, masked

SYSTEM = {"role": "system", "content": "be short"}
ASKED = {"role": "user", "content": "what is blue"}
SAID = {"role": "assistant", "content": "the sky 🙂"}
MORE = [{"role": "user", "content": "why"}, {"role": "assistant", "content": "it is so"}]


@pytest.fixture
def tokenizer(tiny_decoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_decoder)


def learnt(row: dict[str, Any], tokenizer: Any, **options: Any) -> str:
    tokens = masked(row, tokenizer, **options)
    assert len(tokens.ids) == len(tokens.trained) == len(tokens.texts)
    return "|".join(
        tokenizer.decode([token for token, yes in group])
        for group in _groups(list(zip(tokens.ids, tokens.trained, strict=True)))
    )


def _groups(tokens: list[tuple[int, bool]]) -> list[list[tuple[int, bool]]]:
    found: list[list[tuple[int, bool]]] = [[]]
    for token in tokens:
        if token[1]:
            found[-1].append(token)
        elif found[-1]:
            found.append([])
    return [group for group in found if group]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"messages": [ASKED, SAID]}, "the sky 🙂<|im_end|>"),
        ({"messages": [SYSTEM, ASKED, SAID, *MORE]}, "the sky 🙂<|im_end|>|it is so<|im_end|>"),
        ({"prompt": [ASKED, SAID, MORE[0]], "completion": [MORE[1]]}, "it is so<|im_end|>"),
        ({"prompt": [ASKED], "completion": [SAID, *MORE]}, "the sky 🙂<|im_end|>|it is so<|im_end|>"),
        ({"text": "snow is white"}, "snow is white<|im_end|>"),
    ],
)
def test_answers_and_what_ends_them_are_learnt(tokenizer: Any, row: dict[str, Any], expected: str) -> None:
    assert learnt(row, tokenizer) == expected


def test_a_base_model_learns_the_way_the_chat_will_ask_it(tokenizer: Any) -> None:
    tokenizer.chat_template = None
    row = {"messages": [ASKED, SAID, *MORE]}
    assert learnt(row, tokenizer) == " the sky 🙂\n| it is so<|im_end|>"
    whole = tokenizer.decode(masked(row, tokenizer).ids)
    assert whole == "User: what is blue\nAssistant: the sky 🙂\nUser: why\nAssistant: it is so<|im_end|>"


def test_everything_may_be_learnt(tokenizer: Any) -> None:
    tokens = masked({"messages": [ASKED, SAID]}, tokenizer, everything=True)
    assert all(tokens.trained) and tokens.labels() == list(tokens.ids)


def test_what_is_cut_off_is_said(tokenizer: Any) -> None:
    tokens = masked({"messages": [ASKED, SAID]}, tokenizer)
    most = tokens.trained.index(True) + 1
    parts = tokens.parts(most)
    assert parts.count(Part.TRAINED) == 1 and parts.count(Part.CUT) == len(parts) - most
    assert set(tokens.parts()) == {Part.TRAINED, Part.IGNORED}
    labels = tokens.labels(most)
    assert labels == [IGNORED] * (most - 1) + [tokens.ids[most - 1]]


def test_the_tokens_are_those_of_the_template(tokenizer: Any) -> None:
    row = {"messages": [SYSTEM, ASKED, SAID]}
    expected = tokenizer.apply_chat_template(row["messages"], tokenize=True, return_dict=True)["input_ids"]
    tokens = masked(row, tokenizer)
    assert list(tokens.ids) == expected
    assert "".join(tokens.texts) == tokenizer.apply_chat_template(row["messages"], tokenize=False)


def test_a_reply_that_the_template_rewrites_later_is_not_learnt_there(tokenizer: Any) -> None:
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['role'] == 'assistant' and not loop.last %}…{% else %}{{ m['content'] }}{% endif %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    assert learnt({"messages": [ASKED, SAID, *MORE]}, tokenizer) == "it is so<|im_end|>"


def test_a_template_that_refuses_is_a_clear_error(tokenizer: Any) -> None:
    tokenizer.chat_template = "{{ raise_exception('no system prompt here') }}"
    with pytest.raises(BadDataset, match="refuses these messages: no system prompt here"):
        masked({"messages": [ASKED, SAID]}, tokenizer)
