"""A conversation as JSON of our own: the whole tree, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from assistant.conversation import Conversation, StoredMessage
from assistant.errors import BadDocument

FORMAT = "parley-conversation"
VERSION = 1


@dataclass(frozen=True)
class Archive:
    """What the JSON holds. Ids are only good inside it; a conversation that is taken in gets new ones."""

    format: Literal["parley-conversation"]
    version: int
    title: str
    created: datetime
    updated: datetime
    preset: str | None
    settings: dict[str, Any]
    head: str | None
    messages: list[StoredMessage]


_ARCHIVE = TypeAdapter(Archive)


def to_json(conversation: Conversation) -> str:
    """The conversation as JSON text."""
    messages = [asdict(message) for message in conversation.messages.values()]
    for message in messages:
        del message["conversation_id"]
        message["created"] = message["created"].isoformat()
    archive = {
        "format": FORMAT,
        "version": VERSION,
        "title": conversation.title,
        "created": conversation.created.isoformat(),
        "updated": conversation.updated.isoformat(),
        "preset": conversation.preset,
        "settings": dict(conversation.settings),
        "head": conversation.head_id,
        "messages": messages,
    }
    return json.dumps(archive, ensure_ascii=False, indent=2)


def from_record(record: Mapping[str, Any]) -> Conversation:
    """The conversation in an object read from such JSON. Raises BadDocument, naming the field."""
    version = record.get("version")
    if isinstance(version, int) and version > VERSION:
        raise BadDocument(
            f"The conversation was exported by a newer Parley (version {version}, this one reads {VERSION}).",
            hint="Update Parley.",
        )
    messages = record.get("messages")
    if isinstance(messages, list):
        known = [{**message, "conversation_id": ""} if isinstance(message, dict) else message for message in messages]
        record = {**record, "messages": known}
    try:
        archive = _ARCHIVE.validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadDocument(f"The exported conversation is not as it should be: {where}: {first['msg']}.") from error
    by_id = parents_first(archive.messages)
    for name, wanted in [("head", archive.head), *(("beside", message.beside) for message in archive.messages)]:
        if wanted is not None and wanted not in by_id:
            raise BadDocument(f"The exported conversation names {wanted!r} as {name}, and has no such message.")
    return Conversation(
        id="",
        title=archive.title,
        settings=archive.settings,
        head_id=archive.head,
        messages=by_id,
        created=_aware(archive.created),
        updated=_aware(archive.updated),
        preset=archive.preset,
    )


def parents_first(messages: Iterable[StoredMessage]) -> dict[str, StoredMessage]:
    """The messages by id in their order, parents before children.

    Raises BadDocument where an id is there twice, a parent is missing, or messages are each other's parents.
    """
    waiting: dict[str, StoredMessage] = {}
    for message in messages:
        if message.id in waiting:
            raise BadDocument(f"Two messages have the id {message.id!r}.")
        waiting[message.id] = replace(message, created=_aware(message.created))
    placed: dict[str, StoredMessage] = {}
    for message in waiting.values():
        line: list[StoredMessage] = []
        while message.id not in placed:
            line.append(message)
            if message.parent_id is None:
                break
            if message.parent_id not in waiting:
                raise BadDocument(f"The message {message.id!r} answers {message.parent_id!r}, which is not there.")
            if len(line) > len(waiting):
                raise BadDocument(f"The message {message.id!r} comes before itself.")
            message = waiting[message.parent_id]
        placed.update((ancestor.id, ancestor) for ancestor in reversed(line))
    return placed


def _aware(moment: datetime) -> datetime:
    """A time without a zone is taken for one of this machine's."""
    return moment if moment.tzinfo else moment.astimezone()
