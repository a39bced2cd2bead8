"""Conversations, messages, preferences, and the full-text index over titles and messages."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE conversations (
    number INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    settings TEXT NOT NULL,
    preset TEXT,
    model TEXT,
    head_id TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    deleted INTEGER
);
CREATE INDEX conversations_newest ON conversations (updated DESC) WHERE deleted IS NULL;
CREATE TABLE messages (
    number INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation INTEGER NOT NULL,
    parent_id TEXT,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    model TEXT,
    engine TEXT,
    vote INTEGER NOT NULL,
    beside TEXT,
    owner TEXT,
    error TEXT,
    settings TEXT NOT NULL,
    usage TEXT NOT NULL,
    content TEXT NOT NULL,
    correction TEXT,
    attachments TEXT,
    probabilities TEXT,
    FOREIGN KEY (conversation) REFERENCES conversations (number) ON DELETE CASCADE,
    CONSTRAINT number_holds_conversation CHECK (number >> 20 = conversation)
);
CREATE INDEX ix_messages_conversation ON messages (conversation);
CREATE INDEX messages_streaming ON messages (owner) WHERE status = 'streaming';
CREATE TABLE preferences (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
"""

# External content: the index holds no second copy of the text. `prefix` makes searching while one types quick.
FULL_TEXT = """
CREATE VIRTUAL TABLE {table}_text USING fts5(
    {column}, content='{table}', content_rowid='number', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3'
);
CREATE TRIGGER {table}_text_insert AFTER INSERT ON {table} BEGIN
    INSERT INTO {table}_text (rowid, {column}) VALUES (new.number, new.{column});
END;
CREATE TRIGGER {table}_text_delete AFTER DELETE ON {table} BEGIN
    INSERT INTO {table}_text ({table}_text, rowid, {column}) VALUES ('delete', old.number, old.{column});
END;
CREATE TRIGGER {table}_text_update AFTER UPDATE OF {column} ON {table} WHEN old.{column} IS NOT new.{column} BEGIN
    INSERT INTO {table}_text ({table}_text, rowid, {column}) VALUES ('delete', old.number, old.{column});
    INSERT INTO {table}_text (rowid, {column}) VALUES (new.number, new.{column});
END;
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table, column in (("conversations", "title"), ("messages", "content")):
        ddl = FULL_TEXT.format(table=table, column=column)
        for statement in ddl.replace(";\nCREATE", ";\n\nCREATE").split("\n\n"):
            op.execute(statement)
