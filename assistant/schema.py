"""The tables of the store. The migrations create them; this is how the code names them.

A message's `number` is its conversation's number in the high bits and its place in the conversation in the low ones.
Rows of one conversation so lie together on disk (opening it is one range scan), and a full-text hit, which is a number,
names its conversation without reading the message.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text

REVISIONS = ("0001",)
"""Every migration, oldest first. A database at the last one is up to date; one at a revision not listed is newer."""
HEAD = REVISIONS[-1]

PLACE_BITS = 20
PLACES = 1 << PLACE_BITS
"""How many messages a conversation can hold."""

metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("settings", Text, nullable=False),  # JSON object
    Column("preset", Text),
    Column("model", Text),  # of the newest reply, for the sidebar
    Column("head_id", Text),
    Column("created", Integer, nullable=False),  # microseconds since 1970, UTC, as everywhere in this file
    Column("updated", Integer, nullable=False),
    Column("deleted", Integer),
)
Index("conversations_newest", conversations.c.updated.desc(), sqlite_where=text("deleted IS NULL"))

messages = Table(
    "messages",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("conversation", Integer, ForeignKey("conversations.number", ondelete="CASCADE"), nullable=False, index=True),
    Column("parent_id", Text),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("model", Text),
    Column("engine", Text),
    Column("vote", Integer, nullable=False),
    Column("beside", Text),
    Column("owner", Text),  # who is writing a streaming reply; see ownership.py
    Column("error", Text),
    Column("settings", Text, nullable=False),  # JSON object
    Column("usage", Text, nullable=False),  # JSON object
    Column("content", Text, nullable=False),
    Column("correction", Text),
    # The long ones come last: SQLite reads a row's overflow pages only up to the last column asked for.
    Column("attachments", Text),  # JSON array
    Column("probabilities", Text),  # JSON array of [text, logprob, [[text, logprob], …]]
    CheckConstraint(f"number >> {PLACE_BITS} = conversation", name="number_holds_conversation"),
)
Index("messages_streaming", messages.c.owner, sqlite_where=text("status = 'streaming'"))

preferences = Table(
    "preferences",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
