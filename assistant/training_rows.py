"""Training data out of what people thought of replies, in the conversational formats of TRL.

https://huggingface.co/docs/trl/dataset_formats
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from assistant.conversation import Conversation, StoredMessage, prompt

Row: TypeAlias = dict[str, Any]


def preference_rows(conversation: Conversation) -> Iterator[Row]:
    """`prompt`, `chosen`, `rejected`: a correction over what it corrects, a liked reply over a disliked one.

    Only replies to the same question under the same system prompt are set against each other.
    """
    replies = [message for message in conversation.messages.values() if _ended(message)]
    for reply in replies:
        if reply.correction and reply.correction != reply.content:
            yield from _pair(conversation, reply, reply.correction, reply.content)
    for liked in replies:
        for disliked in replies if liked.vote == 1 else ():
            comparable = (liked.parent_id, _system_prompt(liked)) == (disliked.parent_id, _system_prompt(disliked))
            if disliked.vote == -1 and comparable and liked.content != disliked.content:
                yield from _pair(conversation, liked, liked.content, disliked.content)


def kto_rows(conversation: Conversation) -> Iterator[Row]:
    """`prompt`, `completion`, `label`: every reply with a vote."""
    for reply in conversation.messages.values():
        if _ended(reply) and reply.vote and (question := _question(conversation, reply)):
            yield {"prompt": question, "completion": _completion(reply.content), "label": reply.vote == 1}


def sft_rows(conversation: Conversation, *, everything: bool = False) -> Iterator[Row]:
    """`messages`: every branch up to its first reply that is neither liked nor corrected; corrections take the place of
    what they correct. A branch that begins another is not repeated. everything: votes do not matter.
    """

    def good(reply: StoredMessage) -> bool:
        return _ended(reply) and (everything or reply.vote == 1 or bool(reply.correction))

    ends: dict[str, list[StoredMessage]] = {}
    for leaf in conversation.leaves():
        branch = conversation.path(leaf)
        stop = next((i for i, m in enumerate(branch) if m.role == "assistant" and not good(m)), len(branch))
        while stop and branch[stop - 1].role != "assistant":
            stop -= 1
        if stop:
            ends[branch[stop - 1].id] = branch[:stop]
    inner = {message.id for branch in ends.values() for message in branch[:-1]}
    for end, branch in ends.items():
        if end not in inner:
            yield {"messages": [message.fields() for message in prompt(branch, _system_prompt(branch[-1]))]}


def _ended(message: StoredMessage) -> bool:
    """Whether it is a reply that says something and was not cut off by a failure."""
    return message.role == "assistant" and message.status in ("complete", "stopped") and bool(message.content.strip())


def _system_prompt(reply: StoredMessage) -> str:
    return str(reply.settings.get("system_prompt") or "")


def _question(conversation: Conversation, reply: StoredMessage) -> list[dict[str, str]]:
    """The conversation up to the reply, as its model read it; empty where it does not end in a question."""
    if reply.parent_id is None:
        return []
    messages = prompt(conversation.path(reply.parent_id), _system_prompt(reply))
    return [message.fields() for message in messages] if messages and messages[-1].role == "user" else []


def _completion(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _pair(conversation: Conversation, reply: StoredMessage, chosen: str, rejected: str) -> Iterator[Row]:
    if question := _question(conversation, reply):
        yield {"prompt": question, "chosen": _completion(chosen), "rejected": _completion(rejected)}
