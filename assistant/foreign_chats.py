"""Conversations exported from ChatGPT (conversations.json) and from Open WebUI, as ours.

Both are trees whose nodes name their parent. What Parley has no place for (tool calls, hidden and empty messages,
images) is left out, and its children hang from the nearest ancestor that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, cast

from assistant.archives import parents_first
from assistant.conversation import Conversation, StoredMessage, Vote
from assistant.errors import BadDocument

LATEST_SECONDS = 1e11
"""A time stamp above this is in milliseconds."""


def from_chatgpt(record: Mapping[str, Any]) -> Conversation:
    """One element of ChatGPT's conversations.json."""
    nodes = _mapping(record.get("mapping"), "mapping")
    created = _moment(record.get("create_time"), datetime.now(UTC))
    kept: list[StoredMessage] = []
    parents: dict[str, str | None] = {}
    settings: dict[str, Any] = {}
    for node_id, value in nodes.items():
        node = _mapping(value, f"mapping.{node_id}")
        parents[node_id] = _text(node.get("parent")) or None
        message = _object(node.get("message"))
        role = _object(message.get("author")).get("role")
        metadata = _object(message.get("metadata"))
        about = _object(metadata.get("user_context_message_data"))
        if about:
            settings["system_prompt"] = "\n\n".join(text for text in map(_text, about.values()) if text)
        text = _chatgpt_text(_object(message.get("content")))
        hidden = metadata.get("is_visually_hidden_from_conversation") or message.get("recipient", "all") != "all"
        if text and role in ("user", "assistant") and not hidden:
            kept.append(
                _message(node_id, role, text, _moment(message.get("create_time"), created), metadata.get("model_slug"))
            )
    return _conversation(record, kept, parents, _text(record.get("current_node")), settings, created)


def _chatgpt_text(content: Mapping[str, Any]) -> str:
    kind = content.get("content_type")
    if kind == "code":
        return f"```{_text(content.get('language')).replace('unknown', '')}\n{_text(content.get('text'))}\n```"
    if kind not in ("text", "multimodal_text"):
        return ""  # thoughts, search results, tool output
    parts = content.get("parts")
    texts = [
        part if isinstance(part, str) else _text(_object(part).get("text"))
        for part in (cast(list[object], parts) if isinstance(parts, list) else [])
    ]
    return "\n\n".join(text for text in texts if text.strip())


def from_open_webui(record: Mapping[str, Any]) -> Conversation:
    """One element of Open WebUI's export of chats, or the chat inside one."""
    chat = _mapping(record["chat"], "chat") if "chat" in record else record
    history = _mapping(chat.get("history"), "history")
    created = _moment(record.get("created_at") or chat.get("timestamp"), datetime.now(UTC))
    kept: list[StoredMessage] = []
    parents: dict[str, str | None] = {}
    for node_id, value in _mapping(history.get("messages"), "history.messages").items():
        node = _mapping(value, f"history.messages.{node_id}")
        parents[node_id] = _text(node.get("parentId")) or None
        role, text = node.get("role"), _text(node.get("content"))
        if text.strip() and role in ("user", "assistant"):
            rating = _object(node.get("annotation")).get("rating")
            vote: Vote = 1 if rating == 1 else -1 if rating == -1 else 0
            kept.append(_message(node_id, role, text, _moment(node.get("timestamp"), created), node.get("model"), vote))
    system_prompt = _text(_object(chat.get("params")).get("system")) or _text(chat.get("system"))
    settings = {"system_prompt": system_prompt} if system_prompt else {}
    titled = {**chat, "title": record.get("title") or chat.get("title")}
    return _conversation(titled, kept, parents, _text(history.get("currentId")), settings, created)


def _message(
    node_id: str, role: Literal["user", "assistant"], text: str, created: datetime, model: object, vote: Vote = 0
) -> StoredMessage:
    return StoredMessage(node_id, "", None, role, text, created, model=_text(model) or None, vote=vote)


def _conversation(
    record: Mapping[str, Any],
    kept: Iterable[StoredMessage],
    parents: Mapping[str, str | None],
    current: str,
    settings: Mapping[str, Any],
    created: datetime,
) -> Conversation:
    by_id = {message.id: message for message in kept}

    def nearest_kept(node_id: str | None) -> str | None:
        passed: set[str] = set()
        while node_id is not None and node_id not in by_id:
            if node_id in passed:
                raise BadDocument(f"The message {node_id!r} comes before itself.")
            passed.add(node_id)
            node_id = parents.get(node_id)
        return node_id

    messages = parents_first(replace(m, parent_id=nearest_kept(parents[m.id])) for m in by_id.values())
    head = nearest_kept(current or None) or (list(messages)[-1] if messages else None)
    updated = max((message.created for message in messages.values()), default=created)
    return Conversation("", _text(record.get("title")), settings, head, messages, created, updated)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadDocument(f"The exported conversation has no object where {where} should be.")
    return cast(dict[str, Any], value)


def _object(value: object) -> Mapping[str, Any]:
    """Optional parts: what is not an object counts as an empty one."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object, otherwise: datetime) -> datetime:
    """A Unix time in seconds or milliseconds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return otherwise
    try:
        return datetime.fromtimestamp(value / 1000 if value > LATEST_SECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise
