"""Conversations out and in: training data from votes, and whole conversations as JSON or Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from assistant import archives
from assistant.archives import from_record, to_json
from assistant.conversation import Conversation
from assistant.errors import BadDocument, UnknownConversation
from assistant.foreign_chats import from_chatgpt, from_open_webui
from assistant.rows import clean
from assistant.store import Store
from assistant.training_rows import kto_rows, preference_rows, sft_rows
from assistant.transcripts import from_markdown, to_markdown

TrainingFormat = Literal["preference", "kto", "sft"]
ConversationFormat = Literal["json", "markdown"]

LARGEST_IMPORT_BYTES = 512 * 2**20


def export_training(store: Store, format: TrainingFormat, *, everything: bool = False) -> Iterator[dict[str, Any]]:
    """Rows of TRL's conversational formats from every conversation that is not deleted, newest first.

    everything: with "sft", take branches whatever was thought of their replies.
    """
    rows: dict[str, Callable[[Conversation], Iterator[dict[str, Any]]]] = {
        "preference": preference_rows,
        "kto": kto_rows,
        "sft": lambda conversation: sft_rows(conversation, everything=everything),
    }
    for line in store.conversations(limit=-1):
        try:
            conversation = store.get(line.id)
        except UnknownConversation:
            continue  # deleted since the list was made
        yield from rows[format](conversation)


def export_conversation(store: Store, conversation_id: str, format: ConversationFormat) -> str:
    """A conversation as text: "json" holds the whole tree, "markdown" the branch being shown."""
    conversation = store.get(conversation_id)
    return to_json(conversation) if format == "json" else to_markdown(conversation)


def import_conversations(store: Store, source: str | Path) -> list[str]:
    """Take in every conversation of a file or text, all or none; their ids.

    Reads Parley's JSON and Markdown, ChatGPT's conversations.json, and Open WebUI's export of chats.
    Raises BadDocument, saying what is wrong and where.
    """
    text = source if isinstance(source, str) else _read(source)
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return store.adopt(_conversations(text.lstrip("\ufeff")))
    return store.adopt([from_markdown(text.lstrip("\ufeff"))])


def import_conversation(store: Store, source: str | Path) -> str:
    """Take in what `source` holds; the id of its first conversation."""
    return import_conversations(store, source)[0]


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_IMPORT_BYTES:
            most = LARGEST_IMPORT_BYTES // 2**20
            raise BadDocument(f"{path.name} is too large to import: more than {most} MiB.")
        return path.read_bytes().decode()
    except OSError as error:
        raise BadDocument(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadDocument(
            f"{path.name} is not text in UTF-8 (byte {error.start}).",
            hint="Of an archive (.zip), unpack it and import the conversations.json inside.",
        ) from error


def _conversations(text: str) -> list[Conversation]:
    try:
        data = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # may be half of a surrogate pair, which can be neither checked nor stored
            data = json.loads(clean(json.dumps(data, ensure_ascii=False)))
    except json.JSONDecodeError as error:
        raise BadDocument(f"This is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except (ValueError, RecursionError) as error:
        raise BadDocument(f"This JSON cannot be read: {error}.") from error
    records: list[object] = data if isinstance(data, list) else [data]
    found: list[Conversation] = []
    for number, record in enumerate(records, start=1):
        try:
            conversation = _conversation(record)
        except BadDocument as error:
            if len(records) == 1:
                raise
            raise BadDocument(f"Conversation {number} of {len(records)}: {error.message}", hint=error.hint) from error
        if conversation:
            found.append(conversation)
    if not found:
        raise BadDocument("There is no conversation with messages in it.")
    return found


def _conversation(record: object) -> Conversation | None:
    """The conversation in an object of any format that is known; None where a foreign one has no messages to keep."""
    if not isinstance(record, dict):
        raise BadDocument(f"It should be an object, not {type(record).__name__}.")
    if record.get("format") == archives.FORMAT:
        return from_record(record)
    if "mapping" in record:
        conversation = from_chatgpt(record)
    elif "chat" in record or "history" in record:
        conversation = from_open_webui(record)
    else:
        raise BadDocument(
            "It is no conversation that Parley knows.",
            hint="Parley reads its own JSON and Markdown, ChatGPT's conversations.json and Open WebUI's export.",
        )
    return conversation if conversation.messages else None
