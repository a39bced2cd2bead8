"""Search over titles and messages: what a person typed becomes a question that no input can break."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, column, false, func, null, or_, select, table

from assistant.rows import clean, moment
from assistant.schema import PLACE_BITS, PLACES, conversations, messages

MOST_WORDS = 32
HITS_PER_CONVERSATION = 3
MARK_START, MARK_END = "\x02", "\x03"
SNIPPET_TOKENS = 20
SNIPPET_CHARACTERS = 120

# Scripts written without spaces, and Korean, whose words end in particles: the index would take a phrase for one word.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class SearchHit:
    """A title or a message that holds the words. In `snippet` each hit stands between \\x02 and \\x03."""

    conversation_id: str
    message_id: str | None
    """None where the title was found."""
    title: str
    snippet: str
    updated: datetime


@dataclass(frozen=True)
class SearchTerms:
    """What to look for. `match` asks the full-text index; where it is "", `patterns` are for LIKE, all to be found."""

    match: str = ""
    patterns: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words)


def search_terms(query: str) -> SearchTerms:
    """All words must be found, whatever their order and accents; the last may be unfinished.

    Words of scripts without spaces, and queries of signs alone, are looked for letter by letter instead.
    """
    words = tuple(clean(query).replace("\0", " ").split())[:MOST_WORDS]
    spelled = tuple(word for word in words if any(character.isalnum() for character in word))
    if not words:
        return SearchTerms()
    if not spelled or _UNSPACED.search(query):
        looked_for = spelled or words
        return SearchTerms(patterns=tuple(f"%{_escape(word)}%" for word in looked_for), words=looked_for)
    quoted = ['"' + word.replace('"', '""') + '"' for word in spelled]
    return SearchTerms(match=" ".join(quoted) + "*", words=spelled)


def _escape(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def excerpt(text: str, words: tuple[str, ...]) -> str:
    """The neighbourhood of the first word found, with every word marked: for the hits that LIKE finds."""
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    first = pattern.search(text)
    start = max(0, first.start() - SNIPPET_CHARACTERS // 4) if first else 0
    piece = text[start : start + SNIPPET_CHARACTERS]
    marked = pattern.sub(lambda found: f"{MARK_START}{found[0]}{MARK_END}", piece)
    return f"{'…' if start else ''}{marked}{'…' if start + SNIPPET_CHARACTERS < len(text) else ''}"


_MESSAGES_TEXT = table("messages_text", column("rowid"), column("content"))
_TITLES_TEXT = table("conversations_text", column("rowid"), column("title"))


def found_in(terms: SearchTerms) -> ColumnElement[bool]:
    """The condition on `schema.conversations` that the title or a message holds the words."""
    if not terms:
        return false()
    if terms.match:
        in_messages = select(_MESSAGES_TEXT.c.rowid.op(">>")(PLACE_BITS)).where(_match("messages_text", terms))
        in_titles = select(_TITLES_TEXT.c.rowid).where(_match("conversations_text", terms))
    else:
        in_messages = select(messages.c.number.op(">>")(PLACE_BITS)).where(_like(messages.c.content, terms))
        in_titles = select(conversations.c.number).where(_like(conversations.c.title, terms))
    return or_(conversations.c.number.in_(in_messages), conversations.c.number.in_(in_titles))


def find(connection: Connection, terms: SearchTerms, limit: int) -> list[SearchHit]:
    """Hits of the newest conversations first; in each the title, then its newest messages, a few at most."""
    hits: list[SearchHit] = []
    newest = (
        select(conversations.c.number, conversations.c.id, conversations.c.title, conversations.c.updated)
        .where(conversations.c.deleted.is_(None), found_in(terms))
        .order_by(conversations.c.updated.desc(), conversations.c.number.desc())
        .limit(limit)
    )
    for number, conversation_id, title, updated in connection.execute(newest).all():
        found = [*connection.execute(_title(terms, number)), *connection.execute(_newest_messages(terms, number))]
        for message_id, text in found:
            snippet = text if terms.match else excerpt(text, terms.words)
            hits.append(SearchHit(conversation_id, message_id, title, snippet, moment(updated)))
        if len(hits) >= limit:
            break
    return hits[:limit]


def _match(index: str, terms: SearchTerms) -> ColumnElement[bool]:
    return column(index).op("MATCH")(terms.match)


def _like(text: ColumnElement[Any], terms: SearchTerms) -> ColumnElement[bool]:
    return and_(*(text.like(pattern, escape="\\") for pattern in terms.patterns))


def _snippet(index: str) -> ColumnElement[str]:
    return func.snippet(column(index), 0, MARK_START, MARK_END, "…", SNIPPET_TOKENS)


def _title(terms: SearchTerms, conversation: int) -> Select[*tuple[Any, ...]]:
    """(NULL, text) where the title holds the words."""
    if not terms.match:
        title = select(null(), conversations.c.title)
        return title.where(conversations.c.number == conversation, _like(conversations.c.title, terms))
    title = select(null(), _snippet("conversations_text")).select_from(_TITLES_TEXT)
    return title.where(_match("conversations_text", terms), _TITLES_TEXT.c.rowid == conversation)


def _newest_messages(terms: SearchTerms, conversation: int) -> Select[*tuple[Any, ...]]:
    """(id, text) of the messages that hold the words, newest first."""
    first = conversation << PLACE_BITS
    if not terms.match:
        found = select(messages.c.id, messages.c.content).where(_like(messages.c.content, terms))
        number = messages.c.number
    else:
        # The index goes first: snippet() works only in a query that reads it.
        number = _MESSAGES_TEXT.c.rowid
        found = select(messages.c.id, _snippet("messages_text")).select_from(
            _MESSAGES_TEXT.join(messages, messages.c.number == number)
        )
        found = found.where(_match("messages_text", terms))
    return found.where(number.between(first, first + PLACES - 1)).order_by(number.desc()).limit(HITS_PER_CONVERSATION)
