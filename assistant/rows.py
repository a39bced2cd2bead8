"""Between the rows of the database and the objects that Parley works with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from assistant.conversation import Attachment, StoredMessage
from assistant.engines.protocol import TokenProbability, Usage

if TYPE_CHECKING:
    from sqlalchemy import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_LOGPROB = -9999.0
"""Stands for minus infinity, which JSON has not (the OpenAI API does the same)."""
_SURROGATES = re.compile("[\ud800-\udfff]")


def microseconds(moment: datetime) -> int:
    """Since 1970, UTC; exact."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def clean(text: str) -> str:
    """Text that UTF-8 can hold: half of a surrogate pair (broken JSON has them) becomes U+FFFD."""
    return _SURROGATES.sub("�", text) if not text.isascii() else text


def pack_object(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value))


def pack_usage(usage: Usage | Mapping[str, Any]) -> str:
    if isinstance(usage, Usage):
        return json.dumps({**asdict(usage), "tokens_per_second": usage.tokens_per_second})
    return json.dumps(dict(usage))


def unpack_object(text: str) -> dict[str, Any]:
    return {} if text == "{}" else json.loads(text)


def pack_attachments(attachments: Iterable[Attachment]) -> str | None:
    packed = [asdict(attachment) for attachment in attachments]
    return json.dumps(packed) if packed else None


def pack_probabilities(probabilities: Iterable[TokenProbability] | None) -> str | None:
    if probabilities is None:
        return None
    return json.dumps(
        [
            [token.text, _finite(token.logprob), [[text, _finite(logprob)] for text, logprob in token.alternatives]]
            for token in probabilities
        ]
    )


def unpack_probabilities(text: str | None) -> list[TokenProbability] | None:
    if text is None:
        return None
    return [
        TokenProbability(token, logprob, tuple((other, value) for other, value in alternatives))
        for token, logprob, alternatives in json.loads(text)
    ]


def _finite(logprob: float) -> float:
    return float(logprob) if math.isfinite(logprob) else LEAST_LOGPROB


def message_from(row: Row[Any], conversation_id: str) -> StoredMessage:
    """The message in a row of `schema.messages`."""
    return StoredMessage(
        id=row.id,
        conversation_id=conversation_id,
        parent_id=row.parent_id,
        role=row.role,
        content=row.content,
        created=moment(row.created),
        status=row.status,
        model=row.model,
        engine=row.engine,
        settings=unpack_object(row.settings),
        usage=unpack_object(row.usage),
        probabilities=unpack_probabilities(row.probabilities),
        attachments=tuple(Attachment(**packed) for packed in json.loads(row.attachments or "[]")),
        vote=row.vote,
        correction=row.correction,
        error=row.error,
        beside=row.beside,
    )


def row_from(message: StoredMessage, *, number: int, conversation: int, owner: str | None) -> dict[str, Any]:
    """The row of `schema.messages` for a message."""
    return {
        "number": number,
        "id": message.id,
        "conversation": conversation,
        "parent_id": message.parent_id,
        "role": message.role,
        "status": message.status,
        "created": microseconds(message.created),
        "model": message.model,
        "engine": message.engine,
        "vote": message.vote,
        "beside": message.beside,
        "owner": owner,
        "error": message.error,
        "settings": pack_object(message.settings),
        "usage": pack_usage(message.usage),
        "content": clean(message.content),
        "correction": None if message.correction is None else clean(message.correction),
        "attachments": pack_attachments(message.attachments),
        "probabilities": pack_probabilities(message.probabilities),
    }
