"""The store of conversations: every method is one transaction, on disk when the method returns.

May be used from several threads, and while other processes have the same file open.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from assistant import paths, records
from assistant.conversation import (
    Attachment,
    Conversation,
    ConversationSummary,
    MessageStatus,
    StoredMessage,
    Vote,
)
from assistant.database import failures, open_database
from assistant.engines.protocol import Role, TokenProbability, Usage
from assistant.ownership import Owner
from assistant.rows import clean, moment, pack_probabilities, pack_usage
from assistant.schema import conversations, preferences
from assistant.search import SearchHit, find, found_in, search_terms


class Store:
    """Conversations, votes and preferences in one SQLite file. Any method raises StoreFailed where the disk fails."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file (`paths.database_path()` where None), creating or migrating it where need be."""
        self.path = path or paths.database_path()
        self._engine = open_database(self.path)
        self._owner = Owner()
        self._owner_text = self._owner.open()
        self._turn = threading.Lock()  # SQLite lets waiting writers in by chance; threads of one process take turns

    @contextmanager
    def _read(self) -> Generator[Connection]:
        with failures(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Generator[Connection]:
        writer = self._engine.execution_options(writes=True)
        with failures(self.path), self._turn, writer.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close the file. Replies that are still streaming become the business of `recover`."""
        self._owner.close()
        self._engine.dispose()

    def recover(self) -> int:
        """Mark replies whose writer is gone as interrupted, keeping the text of their last checkpoint; how many."""
        with self._write() as connection:
            return records.interrupt_abandoned(connection)

    # Conversations

    def create(self, *, title: str = "", settings: Mapping[str, Any] | None = None, preset: str | None = None) -> str:
        """A new, empty conversation; its id. Without a title it takes one from its first question."""
        now = datetime.now(UTC)
        conversation = Conversation(uuid.uuid4().hex, title, settings or {}, None, {}, now, now, preset)
        with self._write() as connection:
            records.insert_conversation(connection, conversation)
        return conversation.id

    def adopt(self, originals: Sequence[Conversation]) -> list[str]:
        """Take in copies of whole conversations, all or none; their new ids."""
        with self._write() as connection:
            return [records.insert_copy(connection, original) for original in originals]

    def conversations(self, *, query: str = "", limit: int = 100, offset: int = 0) -> list[ConversationSummary]:
        """The sidebar, newest first: all, or those whose title or messages hold the words of `query`. limit=-1: all."""
        c = conversations.c
        shown = select(c.id, c.title, c.updated, c.created, c.model, c.preset).where(c.deleted.is_(None))
        if query.strip():
            shown = shown.where(found_in(search_terms(query)))
        shown = shown.order_by(c.updated.desc(), c.number.desc()).limit(limit).offset(offset)
        with self._read() as connection:
            return [
                ConversationSummary(row.id, row.title, moment(row.updated), moment(row.created), row.model, row.preset)
                for row in connection.execute(shown)
            ]

    def search(self, query: str, limit: int = 50) -> list[SearchHit]:
        """Where the words of `query` are found: newest conversation first, a few hits of each."""
        terms = search_terms(query)
        with self._read() as connection:
            return find(connection, terms, limit) if terms else []

    def get(self, conversation_id: str) -> Conversation:
        """The whole tree. Raises UnknownConversation."""
        with self._read() as connection:
            return records.read_conversation(connection, conversation_id)

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a title; a blank one is taken from the first question again."""
        with self._write() as connection:
            row = records.conversation_row(connection, conversation_id)
            named = clean(" ".join(title.split())) or records.first_title(connection, row.number)
            records.change_conversation(connection, conversation_id, title=named)

    def update_settings(self, conversation_id: str, settings: Mapping[str, Any]) -> None:
        """Lay `settings` over those of the conversation: keys not named stay as they are."""
        with self._write() as connection:
            row = records.conversation_row(connection, conversation_id)
            records.change_conversation(connection, conversation_id, **records.merged_settings(row, settings))

    def delete(self, conversation_id: str) -> None:
        """Hide a conversation until it is restored or purged."""
        with self._write() as connection:
            records.change_conversation(connection, conversation_id, deleted=records.now())

    def restore(self, conversation_id: str) -> None:
        """Undo `delete`."""
        with self._write() as connection:
            row = records.conversation_row(connection, conversation_id, deleted=True)
            shown = update(conversations).where(conversations.c.number == row.number).values(deleted=None)
            connection.execute(shown)

    def purge(self, older_than: timedelta = timedelta(0)) -> int:
        """Remove for good what was deleted longer ago than that, its text in the file included; how many."""
        with self._write() as connection:
            purged = records.purge_deleted(connection, older_than)
        if purged:
            with failures(self.path), self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as idle:
                idle.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return purged

    # Messages

    def message(self, message_id: str) -> StoredMessage:
        """One message. Raises UnknownConversation."""
        with self._read() as connection:
            return records.read_message(connection, message_id)

    def add_message(
        self,
        conversation_id: str,
        *,
        parent_id: str | None,
        role: Role,
        content: str,
        status: MessageStatus = "complete",
        model: str | None = None,
        engine: str | None = None,
        settings: Mapping[str, Any] | None = None,
        attachments: Iterable[Attachment] = (),
        beside: str | None = None,
    ) -> StoredMessage:
        """Add a message under `parent_id` and make it the head of the branch being shown.

        A second child of one parent is a branch: an edited question, another reply. Raises UnknownConversation.
        """
        message = StoredMessage(
            id=uuid.uuid4().hex,
            conversation_id=conversation_id,
            parent_id=parent_id,
            role=role,
            content=clean(content),
            created=datetime.now(UTC),
            status=status,
            model=model,
            engine=engine,
            settings=dict(settings or {}),
            attachments=tuple(attachments),
            beside=beside,
        )
        with self._write() as connection:
            records.append_message(connection, message, self._owner_text if status == "streaming" else None)
        return message

    def checkpoint(self, message_id: str, content: str) -> None:
        """Save what has come so far of a streaming reply."""
        with self._write() as connection:
            records.change_message(connection, message_id, content=clean(content))

    def finish_message(
        self,
        message_id: str,
        *,
        content: str,
        status: MessageStatus,
        usage: Usage | Mapping[str, Any] | None = None,
        probabilities: Iterable[TokenProbability] | None = None,
        error: str | None = None,
    ) -> None:
        """Save a reply as it ended."""
        with self._write() as connection:
            number = records.change_message(
                connection,
                message_id,
                content=clean(content),
                status=status,
                usage=pack_usage(usage or {}),
                probabilities=pack_probabilities(probabilities),
                error=None if error is None else clean(error),
                owner=None,
            )
            newest = update(conversations).where(conversations.c.number == number).values(updated=records.now())
            connection.execute(newest)

    def set_head(self, conversation_id: str, message_id: str) -> None:
        """Show the branch that ends at the message."""
        with self._write() as connection:
            row = records.conversation_row(connection, conversation_id)
            records.require_inside(connection, row.number, message_id)
            records.change_conversation(connection, conversation_id, head_id=message_id)

    def vote(self, message_id: str, vote: Vote) -> None:
        """Like (1) or dislike (-1) a reply, or take that back (0)."""
        if vote not in (-1, 0, 1):
            raise ValueError(f"a vote is -1, 0 or 1, not {vote}")
        with self._write() as connection:
            records.change_message(connection, message_id, vote=vote)

    def correct(self, message_id: str, text: str | None) -> None:
        """Say what the reply should have been; None takes that back."""
        with self._write() as connection:
            records.change_message(connection, message_id, correction=None if text is None else clean(text))

    # Preferences

    def preference(self, key: str, default: str = "") -> str:
        """A small text kept under `key`, e.g. the note about the person."""
        with self._read() as connection:
            found = connection.execute(select(preferences.c.value).where(preferences.c.key == key)).scalar()
        return default if found is None else found

    def set_preference(self, key: str, value: str) -> None:
        """Keep a small text under `key`."""
        row = insert_or(preferences).values(key=key, value=clean(value))
        with self._write() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": row.excluded.value}))
