"""Conversations for tests: whole ones made by hypothesis, and small ones written by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

from hypothesis import strategies as st

from assistant.conversation import Attachment, Conversation, MessageStatus, StoredMessage
from assistant.engines.protocol import TokenProbability

NOW = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
settings = st.dictionaries(st.text(), json_values, max_size=3)
attachments = st.builds(Attachment, st.text(), st.text(), st.text(), st.integers(0, 10**9))
logprobs = st.floats(-50, 0)
probabilities = st.builds(
    TokenProbability, st.text(), logprobs, st.lists(st.tuples(st.text(), logprobs), max_size=2).map(tuple)
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Any tree: each message hangs from an earlier one or from none."""
    messages: dict[str, StoredMessage] = {}
    for number in range(draw(st.integers(0, 6))):
        earlier = st.none() | st.sampled_from(sorted(messages)) if messages else st.none()
        messages[str(number)] = StoredMessage(
            id=str(number),
            conversation_id="",
            parent_id=draw(earlier),
            role=draw(st.sampled_from(["system", "user", "assistant"])),
            content=draw(st.text()),
            created=draw(moments),
            status=draw(st.sampled_from([status for status in get_args(MessageStatus) if status != "streaming"])),
            model=draw(st.none() | st.text(min_size=1)),
            engine=draw(st.none() | st.text()),
            settings=draw(settings),
            usage=draw(settings),
            probabilities=draw(st.none() | st.lists(probabilities, max_size=2)),
            attachments=tuple(draw(st.lists(attachments, max_size=2))),
            vote=draw(st.sampled_from([-1, 0, 1])),
            correction=draw(st.none() | st.text()),
            error=draw(st.none() | st.text()),
            beside=draw(earlier),
        )
    head = draw(st.sampled_from(sorted(messages))) if messages else None
    created, updated = draw(moments), draw(moments)
    return Conversation(
        "", draw(st.text()), draw(settings), head, messages, created, updated, draw(st.none() | st.text())
    )


def without_ids(conversation: Conversation) -> dict[str, Any]:
    """All that must outlive a round trip: ids give way to places, which the ids of a copy must agree with."""
    place: dict[str | None, int | None] = {name: number for number, name in enumerate(conversation.messages)}
    place[None] = None
    return {
        "head": place[conversation.head_id],
        "title": conversation.title,
        "settings": conversation.settings,
        "preset": conversation.preset,
        "created": conversation.created,
        "updated": conversation.updated,
        "messages": [
            {
                **{name: value for name, value in vars(message).items() if name not in ("id", "conversation_id")},
                "parent_id": place[message.parent_id],
                "beside": place[message.beside],
            }
            for message in conversation.messages.values()
        ],
    }


def tree(*messages: StoredMessage, head: str | None = None, settings: dict[str, Any] | None = None) -> Conversation:
    """A conversation of these messages; its head is the last where none is given."""
    last = messages[-1].id if messages else None
    return Conversation("c", "title", settings or {}, head or last, {m.id: m for m in messages}, NOW, NOW)


def message(name: str, parent: str | None, role: Any, content: str | None = None, **fields: Any) -> StoredMessage:
    """A message whose content is its name where none is given."""
    return StoredMessage(name, "c", parent, role, name if content is None else content, NOW, **fields)
