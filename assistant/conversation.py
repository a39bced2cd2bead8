"""A conversation is a tree of messages: what one is, how to walk it, and what of it fits a model's context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from assistant.engines.protocol import Message, Role, TokenProbability
from assistant.errors import TextTooLong, UnknownConversation

MessageStatus = Literal["streaming", "complete", "stopped", "interrupted", "failed"]
"""`stopped`: the person ended it; `interrupted`: the process died or the connection broke; both keep what had come."""
Vote = Literal[-1, 0, 1]

TITLE_CHARACTERS = 60


@dataclass(frozen=True)
class Attachment:
    """A document that came with a question; `text` is what was read from it, `bytes` the size of the original file."""

    name: str
    media_type: str
    text: str
    bytes: int


@dataclass(frozen=True)
class StoredMessage:
    """One message as the store keeps it. `parent_id` is None for a first question and for nothing else."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    content: str
    created: datetime
    status: MessageStatus = "complete"
    model: str | None = None
    engine: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The fields of `protocol.Usage`, and `tokens_per_second`; empty until the reply has ended."""
    probabilities: list[TokenProbability] | None = None
    attachments: tuple[Attachment, ...] = ()
    vote: Vote = 0
    correction: str | None = None
    """What the reply should have been, in the words of the person."""
    error: str | None = None
    beside: str | None = None
    """Id of the reply that this one stands beside, where two models answered one question."""


@dataclass(frozen=True)
class ConversationSummary:
    """A line of the sidebar."""

    id: str
    title: str
    updated: datetime
    created: datetime
    model: str | None
    preset: str | None


@dataclass(frozen=True)
class Conversation:
    """A whole tree. `messages` is in the order of creation; `head_id` is the end of the branch being shown."""

    id: str
    title: str
    settings: Mapping[str, Any]
    head_id: str | None
    messages: dict[str, StoredMessage]
    created: datetime
    updated: datetime
    preset: str | None = None

    @cached_property
    def _children(self) -> dict[str | None, list[str]]:
        children: dict[str | None, list[str]] = {}
        for message in self.messages.values():
            children.setdefault(message.parent_id, []).append(message.id)
        return children

    def _message(self, message_id: str) -> StoredMessage:
        if message_id not in self.messages:
            raise UnknownConversation(f"No message {message_id} in the conversation {self.title!r}.")
        return self.messages[message_id]

    def path(self, head: str | None = None) -> list[StoredMessage]:
        """The branch that ends at `head` (the conversation's own head where None), first message first."""
        current = head or self.head_id
        branch: list[StoredMessage] = []
        while current is not None:
            message = self._message(current)
            branch.append(message)
            current = message.parent_id
        return branch[::-1]

    def siblings(self, message_id: str) -> list[str]:
        """The message and its alternatives (same parent, same role), oldest first."""
        message = self._message(message_id)
        return [other for other in self._children[message.parent_id] if self.messages[other].role == message.role]

    def leaf_under(self, message_id: str) -> str:
        """The end of the newest branch through the message: where to go when a person steps to it."""
        current = self._message(message_id).id
        while children := self._children.get(current):
            current = children[-1]
        return current

    def leaves(self) -> list[str]:
        """The end of every branch, oldest first."""
        return [message_id for message_id in self.messages if message_id not in self._children]


def title_from(text: str) -> str:
    """The first line that says something, cut at a word near 60 characters; "" where none does."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip(" \t#>*-_`")), "")
    line = line.lstrip("#>*-_` ")
    if len(line) <= TITLE_CHARACTERS:
        return line
    cut = line.rfind(" ", TITLE_CHARACTERS // 2, TITLE_CHARACTERS)
    return line[: cut if cut > 0 else TITLE_CHARACTERS - 1].rstrip(" ,;:.-") + "…"


def text_with_attachments(message: StoredMessage) -> str:
    """What a model reads of a message: each document in a frame that names it, then the words (as corrected, if so)."""
    frames = [
        f'<document name="{document.name}">\n{document.text.strip()}\n</document>' for document in message.attachments
    ]
    words = message.correction or message.content
    return "\n\n".join([*frames, words] if words else frames)


def prompt(branch: Sequence[StoredMessage], system_prompt: str = "") -> list[Message]:
    """A branch as a model reads it: the system prompt first, replies as corrected, empty ones left out, and neighbours
    of one role joined, since many chat templates refuse roles that do not take turns."""
    messages = [Message("system", system_prompt)] if system_prompt else []
    for stored in branch:
        text = text_with_attachments(stored)
        if not text:
            continue
        if messages and messages[-1].role == stored.role:
            messages[-1] = Message(stored.role, f"{messages[-1].content}\n\n{text}")
        else:
            messages.append(Message(stored.role, text))
    return messages


def window(
    messages: Sequence[Message], *, budget: int, count: Callable[[Sequence[Message]], int], step: int = 1
) -> tuple[list[Message], int]:
    """The newest part of a conversation that fits, and how many messages were left out.

    The system prompt and everything from the last question on always stay; older turns leave from the front, a question
    with its answer. budget: tokens that the prompt may take. count: tokens of a prompt; it is called once where all
    fits, and O(log turns) times otherwise. step: how many turns leave at a time; with more than one, the front of the
    prompt stays the same for a while, and an engine that remembers it need not read it again.

    Raises TextTooLong where not even the system prompt and the last question fit.
    """
    start = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
    system = list(messages[:start])
    # A turn begins at each question; what stands before the first one (a greeting) is a turn of its own.
    turns = sorted({start, *(index for index in range(start, len(messages)) if messages[index].role == "user")})

    def kept_from(turn: int) -> list[Message]:
        return system + list(messages[turns[turn] :])

    if count(messages) <= budget:
        return list(messages), 0
    last = len(turns) - 1
    tokens = count(kept_from(last))
    if tokens > budget:
        raise TextTooLong(
            f"The last message takes {tokens} tokens with the system prompt, and {budget} fit.",
            hint="Shorten it, attach less, ask for a shorter reply, or choose a model with a longer context.",
        )
    too_many, fits = 0, last  # turns left out: `too_many` do not suffice, `fits` do
    while fits - too_many > 1:
        middle = (too_many + fits) // 2
        if count(kept_from(middle)) <= budget:
            fits = middle
        else:
            too_many = middle
    fits = min(last, -(-fits // step) * step)
    return kept_from(fits), turns[fits] - start
