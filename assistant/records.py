"""What is done to conversations and messages inside one transaction; `store.py` opens and commits it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, text, update

from assistant.conversation import Conversation, StoredMessage, title_from
from assistant.errors import UnknownConversation
from assistant.ownership import Owner
from assistant.rows import clean, message_from, microseconds, moment, pack_object, row_from, unpack_object
from assistant.schema import PLACE_BITS, PLACES, conversations, messages


def now() -> int:
    """Microseconds since 1970, UTC."""
    return microseconds(datetime.now(UTC))


def within(number: int) -> ColumnElement[bool]:
    """The condition on `schema.messages` that they belong to the conversation of that number."""
    first = number << PLACE_BITS
    return messages.c.number.between(first, first + PLACES - 1)


def conversation_row(connection: Connection, conversation_id: str, *, deleted: bool = False) -> Row[Any]:
    """The row of a conversation, also of a deleted one where `deleted`. Raises UnknownConversation."""
    row = connection.execute(select(conversations).where(conversations.c.id == conversation_id)).one_or_none()
    if row is None:
        raise UnknownConversation(f"There is no conversation {conversation_id}.", hint="It may have been purged.")
    if row.deleted is not None and not deleted:
        raise UnknownConversation(f"The conversation {row.title!r} has been deleted.", hint="Undo brings it back.")
    return row


def message_row(connection: Connection, message_id: str) -> Row[Any]:
    """The row of a message. Raises UnknownConversation."""
    row = connection.execute(select(messages).where(messages.c.id == message_id)).one_or_none()
    if row is None:
        raise UnknownConversation(f"There is no message {message_id}.", hint="Its conversation may have been purged.")
    return row


def read_message(connection: Connection, message_id: str) -> StoredMessage:
    """One message, also of a deleted conversation."""
    row = message_row(connection, message_id)
    owner = select(conversations.c.id).where(conversations.c.number == row.conversation)
    return message_from(row, connection.execute(owner).scalar_one())


def read_conversation(connection: Connection, conversation_id: str) -> Conversation:
    """The whole tree."""
    row = conversation_row(connection, conversation_id)
    inside = connection.execute(select(messages).where(within(row.number)).order_by(messages.c.number)).all()
    return Conversation(
        id=row.id,
        title=row.title,
        settings=unpack_object(row.settings),
        head_id=row.head_id,
        messages={message.id: message_from(message, row.id) for message in inside},
        created=moment(row.created),
        updated=moment(row.updated),
        preset=row.preset,
    )


def insert_conversation(connection: Connection, conversation: Conversation) -> int:
    """Insert the conversation without its messages; its number."""
    models = [message.model for message in conversation.messages.values() if message.model]
    row = {
        "id": conversation.id,
        "title": clean(conversation.title),
        "settings": pack_object(conversation.settings),
        "preset": conversation.preset,
        "model": models[-1] if models else conversation.settings.get("model"),
        "head_id": conversation.head_id,
        "created": microseconds(conversation.created),
        "updated": microseconds(conversation.updated),
    }
    return connection.execute(insert(conversations).values(row).returning(conversations.c.number)).scalar_one()


def insert_copy(connection: Connection, original: Conversation) -> str:
    """Insert a whole conversation under new ids; its new id."""
    new = {old: uuid.uuid4().hex for old in original.messages}
    copy_id = uuid.uuid4().hex
    copy = replace(original, id=copy_id, head_id=new.get(original.head_id or ""))
    number = insert_conversation(connection, copy)
    rows = [
        row_from(
            replace(
                message,
                id=new[message.id],
                parent_id=new.get(message.parent_id or ""),
                beside=new.get(message.beside or ""),
                status="interrupted" if message.status == "streaming" else message.status,
            ),
            number=(number << PLACE_BITS) + place,
            conversation=number,
            owner=None,
        )
        for place, message in enumerate(original.messages.values())
    ]
    if rows:
        connection.execute(insert(messages), rows)
    return copy_id


def append_message(connection: Connection, message: StoredMessage, owner: str | None) -> None:
    """Insert a message under its parent, make it the head, and name a conversation that has no title yet.

    Raises UnknownConversation where the conversation, the parent or the reply beside it is not there.
    """
    row = conversation_row(connection, message.conversation_id)
    for other in filter(None, (message.parent_id, message.beside)):
        require_inside(connection, row.number, other)
    last = connection.execute(select(func.max(messages.c.number)).where(within(row.number))).scalar()
    number = row.number << PLACE_BITS if last is None else last + 1
    connection.execute(insert(messages).values(row_from(message, number=number, conversation=row.number, owner=owner)))
    changes: dict[str, Any] = {"head_id": message.id, "updated": microseconds(message.created)}
    if message.model:
        changes["model"] = message.model
    if not row.title and message.role == "user":
        changes["title"] = title_of(message)
    connection.execute(update(conversations).where(conversations.c.number == row.number).values(changes))


def require_inside(connection: Connection, number: int, message_id: str) -> None:
    """Raise UnknownConversation unless the message belongs to the conversation of that number."""
    if message_row(connection, message_id).conversation != number:
        raise UnknownConversation(f"The message {message_id} belongs to another conversation.")


def change_conversation(connection: Connection, conversation_id: str, **changes: Any) -> None:
    """Set columns of a conversation that is not deleted."""
    row = conversation_row(connection, conversation_id)
    connection.execute(update(conversations).where(conversations.c.number == row.number).values(changes))


def change_message(connection: Connection, message_id: str, **changes: Any) -> int:
    """Set columns of a message; the number of its conversation."""
    changed = update(messages).where(messages.c.id == message_id).values(changes).returning(messages.c.conversation)
    number = connection.execute(changed).scalar_one_or_none()
    return message_row(connection, message_id).conversation if number is None else number


def title_of(question: StoredMessage) -> str:
    """What a conversation that opens with this question is called."""
    return title_from(clean(question.content)) or next((clean(document.name) for document in question.attachments), "")


def first_title(connection: Connection, number: int) -> str:
    """The title that the conversation of that number takes from its first question; "" where it has none."""
    first = select(messages.c.id).where(within(number), messages.c.role == "user").order_by(messages.c.number).limit(1)
    message_id = connection.execute(first).scalar()
    return title_of(read_message(connection, message_id)) if message_id else ""


def interrupt_abandoned(connection: Connection) -> int:
    """Mark the streaming replies of owners that are gone as interrupted; how many."""
    streaming = messages.c.status == "streaming"
    owners = connection.execute(select(messages.c.owner).where(streaming).distinct()).scalars().all()
    interrupted = update(messages).values(status="interrupted", owner=None)
    return sum(
        connection.execute(interrupted.where(streaming, messages.c.owner.is_(owner))).rowcount
        for owner in owners
        if not Owner.alive(owner)
    )


def purge_deleted(connection: Connection, older_than: timedelta) -> int:
    """Remove conversations deleted longer ago than that, and every trace of them in the index; how many."""
    before = now() - older_than // timedelta(microseconds=1)
    purged = connection.execute(delete(conversations).where(conversations.c.deleted <= before)).rowcount
    if purged:
        for index in ("messages_text", "conversations_text"):
            connection.execute(text(f"INSERT INTO {index} ({index}) VALUES ('optimize')"))  # noqa: S608 (constants)
    return purged


def merged_settings(row: Row[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that change when `settings` is laid over those of a conversation."""
    merged = {**unpack_object(row.settings), **settings}
    return {"settings": pack_object(merged), "model": merged.get("model") or row.model}
