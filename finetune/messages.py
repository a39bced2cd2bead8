"""Messages out of what people put into a row: lists under many names, transcripts, texts alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

Message: TypeAlias = dict[str, str]

ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatgpt"), "assistant"),
    "system": "system",
}
"""What roles are called elsewhere → TRL's names."""
_TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ \t]?")
_SPOKEN = re.compile(r"\s*Human:.*\n\nAssistant:", re.DOTALL)
"""How a transcript begins: a text in which somebody quotes "Assistant:" is none."""


class BadTrainingRow(ValueError):
    """A row that is not what the others of its file are; the message says why, as half a sentence."""


def messages(value: Any) -> list[Message]:
    """A conversation in TRL's form: at least one question and one answer, roles in turns, the last the assistant's.

    Raises BadTrainingRow.
    """
    if not isinstance(value, list) or not value:
        raise BadTrainingRow("it has no list of messages")
    found: list[Message] = []
    for number, turn in enumerate(cast("list[Any]", value), 1):
        if not isinstance(turn, Mapping):
            raise BadTrainingRow(f"message {number} is no object")
        given = cast("Mapping[str, Any]", turn)
        role = ROLES.get(str(given.get("role", given.get("from", ""))).lower())
        content = given.get("content", given.get("value"))
        if role is None:
            raise BadTrainingRow(f"message {number} has the unknown role {given.get('role', given.get('from'))!r}")
        if not isinstance(content, str) or not content.strip():
            raise BadTrainingRow(f"message {number} is empty")
        found.append({"role": role, "content": content})
    roles = [each["role"] for each in found]
    turns = roles[1:] if roles[0] == "system" else roles
    if turns[:1] != ["user"]:
        raise BadTrainingRow(f"it begins with {turns[0] if turns else 'a system prompt alone'}, not with the user")
    if any(role != ("user", "assistant")[number % 2] for number, role in enumerate(turns)):
        raise BadTrainingRow("user and assistant do not take turns")
    if turns[-1] != "assistant":
        raise BadTrainingRow("it does not end with an answer of the assistant")
    return found


def truth(value: Any) -> bool | None:
    """A verdict as people write one; None for anything else."""
    said = str(value).strip().lower()
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(said)


def transcript(text: str) -> list[Message]:
    """The turns of a text in hh-rlhf's form, "Human:" first and then "Assistant:"; none of any other text."""
    if not _SPOKEN.match(text):
        return []
    marks = list(_TURN.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)][1:]
    found: list[Message] = []
    for mark, end in zip(marks, ends, strict=True):
        if content := text[mark.end() : end].strip():  # a prompt ends in "Assistant:"
            found.append({"role": ROLES[mark[1].lower()], "content": content})
    return found


def turns(value: Any, name: str, *, role: str = "assistant", alone: bool = True) -> list[Message]:
    """One side of a preference, or its prompt: messages, a transcript, or a text alone."""
    if isinstance(value, list):
        listed = [
            {"role": ROLES.get(str(turn.get("role", turn.get("from"))).lower(), "?"), "content": str(content)}
            for turn in cast("list[Any]", value)
            if isinstance(turn, Mapping) and (content := turn.get("content", turn.get("value")))
        ]
        if not listed or any(turn["role"] == "?" for turn in listed):
            raise BadTrainingRow(f"{name} is no list of messages with known roles")
        return listed
    if isinstance(value, Mapping):
        return turns([value], name, role=role)
    text = str(value or "")
    if not text.strip():
        raise BadTrainingRow(f"{name} is empty")
    if spoken := transcript(text):
        return spoken
    if not alone:
        raise BadTrainingRow(f"{name} holds no question, and there is no prompt beside it")
    return [{"role": role, "content": text}]
