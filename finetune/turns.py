"""Prompts and answers as TRL's preference and reinforcement trainers read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.engines.prompts import base_text
from assistant.engines.protocol import Message
from finetune.data import Rows

Turns = Sequence[Mapping[str, str]]


def prepared(row: Mapping[str, Any], tokenizer: Any) -> dict[str, Any]:
    """A row with `prompt` and answers: conversations where the model has a chat template, else the plain texts that the
    chat asks a base model with."""
    if tokenizer.chat_template:
        return dict(row)
    plain: dict[str, Any] = {"prompt": asked(row["prompt"])}
    for name in row.keys() - {"prompt"}:
        plain[name] = f" {row[name][-1]['content']}" if isinstance(row[name], list) else row[name]
    return plain


def as_messages(turns: Turns) -> list[Message]:
    """As the engines have them."""
    return [Message(each["role"], each["content"]) for each in turns]  # pyright: ignore[reportArgumentType]


def asked(turns: Turns) -> str:
    """A conversation up to where the answer begins, without a template."""
    return base_text(as_messages(turns))


def datasets(rows: Rows, tokenizer: Any) -> tuple[Any, Any]:
    """(what is learnt, what is measured on or None) for TRL's preference trainers."""
    from datasets import Dataset

    learnt, tested = ([prepared(row, tokenizer) for row in some] for some in (rows.train, rows.test))
    return Dataset.from_list(learnt), Dataset.from_list(tested) if tested else None


def question(row: Mapping[str, Any]) -> Turns:
    """What is asked in a row of any kind that holds questions: rows to be measured on may be of another than those to
    learn from."""
    return row["messages"][:-1] if "messages" in row else row["prompt"]


def prompts(
    rows: Sequence[Mapping[str, Any]], tokenizer: Any, max_length: int
) -> tuple[list[dict[str, Any]], list[int]]:
    """(every question once, as the model reads it; tokens of those that are too long, which are left out)."""
    found: dict[str, dict[str, Any]] = {}
    left: dict[str, int] = {}
    for row in rows:
        turns = question(row)
        text = asked(turns)
        if text in found or text in left:
            continue
        if (tokens := len(tokenizer(text)["input_ids"])) > max_length:
            left[text] = tokens
        else:
            found[text] = {"prompt": list(turns) if tokenizer.chat_template else text, "turns": list(turns)}
    return list(found.values()), list(left.values())


def too_long(left: int, learnt: int, most: int) -> str:
    """What is told of questions that were left out; "" for none."""
    if not left:
        return ""
    whole = left + learnt
    return f"{left:,} of {whole:,} questions have more than {most} tokens (max_prompt_length) and were left out."
