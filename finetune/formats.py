"""What a row of training data is, found by looking, and the same row as TRL's trainers take it.

TRL's formats: https://huggingface.co/docs/trl/dataset_formats. Read beside them: Alpaca, ShareGPT, transcripts with
"Human:" and "Assistant:" as in hh-rlhf, and the names that people give to two columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from assistant.errors import BadDataset
from finetune.messages import BadTrainingRow, messages, truth, turns

Row: TypeAlias = Mapping[str, Any]


class Kind(StrEnum):
    """What rows teach; a value names TRL's format, or ours where it has none."""

    CONVERSATION = "conversation"  # messages
    PROMPT = "prompt"  # prompt: a question that nobody has answered
    COMPLETION = "completion"  # prompt, completion
    PREFERENCE = "preference"  # prompt, chosen, rejected
    UNPAIRED = "unpaired preference"  # prompt, completion, label: whether it is good
    CLASSIFICATION = "classification"  # text, label
    PAIR = "pair"  # source, target
    TEXT = "text"  # text


METHODS: dict[Kind, tuple[str, ...]] = {
    Kind.CONVERSATION: ("sft", "rlhf"),
    Kind.PROMPT: ("rlhf",),
    Kind.COMPLETION: ("sft", "rlhf", "seq2seq"),
    Kind.PREFERENCE: ("reward", "dpo", "rlhf", "rlhf-loop"),
    Kind.UNPAIRED: ("kto",),
    Kind.CLASSIFICATION: ("classifier",),
    Kind.PAIR: ("seq2seq",),
    Kind.TEXT: ("sft",),
}
"""What can be trained on rows of a kind."""

ASKED = ("prompt", "question", "instruction", "query", "input", "user")
ANSWERED = ("completion", "response", "answer", "output", "reply", "assistant", "target", "summary")
TEXTS = ("text", "sentence", "review", "title", "comment", "content", "body", "document", "message", "tweet")
LABELS = ("label", "labels", "category", "class", "sentiment", "intent", "topic", "emotion", "rating", "stars")
SOURCES, TARGETS = ("source", "src"), ("target", "tgt", "translation")
LONG = ("text", "document", "article", "dialogue", "content", "body", "review")
SHORT = ("summary", "highlights", "tldr", "headline")
"""A text and its summary."""
QUESTIONS = ("prompt", "question", "instruction", "query")
"""That stand alone, to be answered by the model itself."""
OF_OTHERS = frozenset({"text", "chosen", "rejected"})
"""Beside which a question does not stand alone."""
CONVERSATIONS = ("messages", "conversations", "conversation", "dialog", "dialogue")
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][a-zA-Z]{2,4})?")


@dataclass(frozen=True)
class Format:
    """What the rows of a file are. `name` is for people; `convert` raises BadTrainingRow."""

    name: str
    kind: Kind
    columns: tuple[str, ...]
    """Those that are read."""
    convert: Callable[[Row], dict[str, Any]]


def recognised(rows: Sequence[Row]) -> Format:
    """The format of a file, by its first rows. Raises BadDataset with the columns where none fits."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    by_name = {column.strip().lower(): column for column in columns}
    first: dict[str, Any] = {
        column: next((row[column] for row in rows if row.get(column) not in (None, "")), None) for column in columns
    }
    finders = (_preference, _unpaired, _messages, _alpaca, _classification, _pairs, _completion, _prompts, _text)
    for look in finders:
        if found := look(by_name, first):
            return found
    raise BadDataset(
        f"What these rows teach cannot be told from their columns ({', '.join(columns) or 'none'}).",
        hint="Name them as TRL does: messages; prompt; prompt, completion; prompt, chosen, rejected; text, label.",
    )


# Each finder: column names in small letters → as they are, and the first value of each column.

Names: TypeAlias = Mapping[str, str]


def _messages(names: Names, first: Row) -> Format | None:
    for name in CONVERSATIONS:
        column = names.get(name)
        if column and isinstance(first[column], list):
            foreign = any("from" in turn for turn in first[column] if isinstance(turn, Mapping))
            system = names.get("system")

            def convert(row: Row, column: str = column, system: str | None = system) -> dict[str, Any]:
                before = [{"role": "system", "content": str(row[system])}] if system and row.get(system) else []
                return {"messages": before + messages(row.get(column))}

            return Format("ShareGPT" if foreign else "conversations", Kind.CONVERSATION, (column,), convert)
    return None


def _preference(names: Names, first: Row) -> Format | None:
    if not {"chosen", "rejected"} <= names.keys():
        return None
    chosen, rejected = names["chosen"], names["rejected"]
    prompt = next((names[name] for name in (*ASKED, *CONVERSATIONS) if name in names), None)

    def convert(row: Row) -> dict[str, Any]:
        sides = [turns(row.get(side), side, alone=prompt is not None) for side in (chosen, rejected)]
        if prompt is not None:
            asked = turns(row.get(prompt), prompt, role="user")
            return {"prompt": asked, "chosen": sides[0], "rejected": sides[1]}
        same = next((n for n, (a, b) in enumerate(zip(*sides, strict=False)) if a != b), min(map(len, sides)))
        if not same:
            raise BadTrainingRow("chosen and rejected do not begin with the same question")
        answers = {"chosen": sides[0][same:], "rejected": sides[1][same:]}
        for name, said in answers.items():
            if not said or said[-1]["role"] != "assistant":
                raise BadTrainingRow(f"{name} ends without an answer of its own")
        return {"prompt": sides[0][:same], **answers}

    shown = "preferences" if prompt else "preferences with their question inside"
    return Format(shown, Kind.PREFERENCE, tuple(filter(None, (prompt, chosen, rejected))), convert)


def _unpaired(names: Names, first: Row) -> Format | None:
    label = names.get("label")
    pair, told = _pair(names, ASKED, ANSWERED), next((names[name] for name in CONVERSATIONS if name in names), None)
    if label is None or truth(first[label]) is None or not (pair or (told and isinstance(first[told], list))):
        return None

    def convert(row: Row) -> dict[str, Any]:
        good = truth(row.get(label))
        if good is None:
            raise BadTrainingRow(f"{label} is {row.get(label)!r}, not true or false")
        if pair:
            return _question(row, *pair) | {"label": good}
        spoken = messages(row.get(told or ""))
        return {"prompt": spoken[:-1], "completion": spoken[-1:], "label": good}

    return Format("answers with a verdict", Kind.UNPAIRED, (*(pair or (told or "",)), label), convert)


def _alpaca(names: Names, first: Row) -> Format | None:
    if not {"instruction", "output"} <= names.keys():
        return None
    instruction, output, more = names["instruction"], names["output"], names.get("input")

    def convert(row: Row) -> dict[str, Any]:
        given = str(row.get(more) or "").strip() if more else ""
        asked = "\n\n".join(part for part in (str(row.get(instruction) or "").strip(), given) if part)
        return _question({"asked": asked, output: row.get(output)}, "asked", output)

    columns = tuple(filter(None, (instruction, more, output)))
    return Format("Alpaca", Kind.COMPLETION, columns, convert)


def _classification(names: Names, first: Row) -> Format | None:
    pair = _pair(names, TEXTS, LABELS)
    if pair is None or isinstance(first[pair[1]], (list, Mapping)):
        return None
    text, label = pair

    def convert(row: Row) -> dict[str, Any]:
        value = row.get(label)
        if value is None or str(value).strip() == "":
            raise BadTrainingRow(f"{label} is empty")
        return {"text": _words(row, text), "label": str(value).strip()}

    return Format("texts with a label", Kind.CLASSIFICATION, pair, convert)


def _pairs(names: Names, first: Row) -> Format | None:
    languages = [column for name, column in names.items() if _LANGUAGE.fullmatch(name)]
    pair = _pair(names, SOURCES, TARGETS) or _pair(names, LONG, SHORT) or _two(names, languages)
    if pair is None:
        return None
    source, target = pair
    if not isinstance(first[source], str) or not isinstance(first[target], str):
        return None

    def convert(row: Row) -> dict[str, Any]:
        return {"source": _words(row, source), "target": _words(row, target)}

    return Format("texts and what they become", Kind.PAIR, (source, target), convert)


def _completion(names: Names, first: Row) -> Format | None:
    pair = _pair(names, ASKED, ANSWERED)
    if pair is None:
        return None
    return Format("questions and answers", Kind.COMPLETION, pair, lambda row: _question(row, *pair))


def _prompts(names: Names, first: Row) -> Format | None:
    column = next((names[name] for name in QUESTIONS if name in names), None)
    if column is None or not OF_OTHERS.isdisjoint(names) or not isinstance(first[column], (str, list, Mapping)):
        return None

    def convert(row: Row) -> dict[str, Any]:
        asked = turns(row.get(column), column, role="user")
        if asked[-1]["role"] != "user":
            raise BadTrainingRow(f"{column} does not end with a question of the user")
        return {"prompt": asked}

    return Format("questions alone", Kind.PROMPT, (column,), convert)


def _text(names: Names, first: Row) -> Format | None:
    column = next((names[name] for name in TEXTS if name in names), None)
    alone = len(names) == 1 and names.keys().isdisjoint(CONVERSATIONS)
    column = column or (next(iter(names.values())) if alone else None)
    if column is None or not isinstance(first[column], str):
        return None
    return Format("plain texts", Kind.TEXT, (column,), lambda row: {"text": _words(row, column)})


def _pair(names: Names, ones: Sequence[str], others: Sequence[str]) -> tuple[str, str] | None:
    one = next((names[name] for name in ones if name in names), None)
    other = next((names[name] for name in others if name in names and names[name] != one), None)
    return (one, other) if one and other else None


def _two(names: Names, columns: Sequence[str]) -> tuple[str, str] | None:
    return (columns[0], columns[1]) if len(columns) == len(names) == 2 else None


def _question(row: Row, asked: str, answered: str) -> dict[str, Any]:
    said = turns(row.get(answered), answered)
    if said[-1]["role"] != "assistant":
        raise BadTrainingRow(f"{answered} does not end with an answer of the assistant")
    return {"prompt": turns(row.get(asked), asked, role="user"), "completion": said}


def _words(row: Row, column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise BadTrainingRow(f"{column} is {'empty' if value in (None, '') or isinstance(value, str) else 'no text'}")
    return value
