"""What a person can do on the chat page, without Gradio: each method asks the assistant and says what to show.

A `Shown` names the parts of the page that change: `conversation` (id), `transcript`, `sidebar`, `settings`, `busy`,
`clear` (empty the composer). Parts that are not named stay as they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.conversation import Conversation
from assistant.documents import read_document
from assistant.errors import ParleyError, UnknownConversation, UserError
from assistant.service import Assistant
from assistant.settings import ChatSettings, presets
from ui.web.transcript import SHOWN_AT_ONCE, transcript

Shown = dict[str, Any]
SIDEBAR_PAGE = 100
"""Conversations that the sidebar shows before it asks whether there should be more."""
SETTINGS_KEY = "chat-settings"


class ChatActions:
    """One for all pages; whatever belongs to one page comes in as an argument."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant

    def open(self, conversation_id: str | None, *, query: str = "", earlier: bool = False) -> Shown:
        """A conversation, or an empty page where there is none (any more)."""
        try:
            conversation = self.assistant.store.get(conversation_id) if conversation_id else None
        except UnknownConversation:
            conversation = None
        settings = ChatSettings.from_json(conversation.settings) if conversation else self.last_settings()
        shown = self._transcript(conversation, settings, shown=10**9 if earlier else SHOWN_AT_ONCE)
        return shown | {"sidebar": self.sidebar(shown["conversation"], query), "settings": settings}

    def send(self, conversation_id: str, text: str, files: Sequence[str], settings: ChatSettings) -> Shown:
        """Ask; a page without a conversation gets a new one."""
        attachments = [read_document(Path(file)) for file in files]
        if not text.strip() and not attachments:
            raise UserError("There is nothing to send yet.", hint="Type a message or attach a file.")
        settings = self._settled(settings)
        store = self.assistant.store
        known = conversation_id or store.create(settings=settings.to_json(), preset=settings.preset)
        question = text.strip() or "What is this document about?"
        self.assistant.send(known, question, settings=settings, attachments=attachments)
        self._remember(known, settings)
        return self._transcript(store.get(known), settings) | {"sidebar": self.sidebar(known), "clear": True}

    def act(self, event: dict[str, Any], conversation_id: str, settings: ChatSettings) -> Shown:
        """A button on a message."""
        kind, message_id = str(event.get("kind", "")), str(event.get("id", ""))
        store = self.assistant.store
        settings = self._settled(settings)
        match kind:
            case "ask":
                return self.send(conversation_id, str(event.get("text", "")), [], settings)
            case "earlier":
                return self._transcript(store.get(conversation_id), settings, shown=10**9)
            case "stop":
                for reply in self.assistant.live(conversation_id):
                    reply.stop()
                    reply.wait(5)
            case "finished":
                if reply := self.assistant.reply(message_id):
                    reply.wait(5)
            case "regenerate":
                self.assistant.regenerate(message_id, settings=settings)
            case "edit":
                if not str(event.get("text", "")).strip():
                    raise UserError("The question is empty.", hint="Type something, or press Cancel.")
                self.assistant.edit(message_id, str(event["text"]).strip(), settings=settings)
            case "vote":
                store.vote(message_id, max(-1, min(1, int(event.get("value", 0)))))  # type: ignore[arg-type]
            case "correct":
                store.correct(message_id, str(event.get("text", "")).strip() or None)
            case "branch":
                conversation = store.get(conversation_id)
                store.set_head(conversation_id, conversation.leaf_under(str(event.get("target", ""))))
            case "continue":
                conversation = store.get(conversation_id)
                store.set_head(conversation_id, conversation.leaf_under(message_id))
            case _:
                raise UserError(f"There is nothing called {kind!r} to do here.")
        shown = self._transcript(store.get(conversation_id), settings)
        return shown | {"sidebar": self.sidebar(conversation_id)} if kind in {"finished", "stop"} else shown

    def act_on_list(self, event: dict[str, Any], current: str, query: str, count: int) -> Shown:
        """A button in the sidebar."""
        kind, target = str(event.get("kind", "")), str(event.get("id", ""))
        store = self.assistant.store
        match kind:
            case "open":
                return self.open(target, query=query)
            case "rename":
                store.rename(target, str(event.get("title", "")))
            case "delete":
                undo = {"id": target, "title": store.get(target).title}
                for reply in self.assistant.live(target):
                    reply.stop()
                store.delete(target)
                shown = self.open(None, query=query) if target == current else {"sidebar": self.sidebar(current, query)}
                shown["sidebar"]["undo"] = undo
                return shown
            case "undo":
                store.restore(target)
                return self.open(target, query=query)
            case "more":
                count += SIDEBAR_PAGE
            case _:
                raise UserError(f"There is nothing called {kind!r} to do here.")
        return {"sidebar": self.sidebar(current, query, count)}

    def sidebar(self, current: str, query: str = "", count: int = SIDEBAR_PAGE) -> dict[str, Any]:
        """What sidebar.js draws."""
        store = self.assistant.store
        found = store.conversations(query=query, limit=count + 1)
        snippets: dict[str, str] = {}
        if query.strip():
            for hit in store.search(query, limit=count):
                snippets.setdefault(hit.conversation_id, hit.snippet)
        today = datetime.now().astimezone()
        items = [
            {
                "id": c.id,
                "title": c.title or "New conversation",
                "when": how_long_ago(c.updated.astimezone(), today),
                "snippet": snippets.get(c.id, ""),
            }
            for c in found[:count]
        ]
        return {"items": items, "current": current, "more": len(found) > count, "count": count, "undo": None}

    def last_settings(self) -> ChatSettings:
        """What the last conversation used, with the model left to be chosen anew."""
        try:
            stored = json.loads(self.assistant.store.preference(SETTINGS_KEY, "{}"))
        except ValueError:
            stored = {}
        return ChatSettings.from_json(stored | {"model": None, "sampling": {}, "beside": None})

    def warm(self, model: str) -> None:
        """Load a model before it is asked, so that the first answer does not wait; failures wait for the question."""
        try:
            self.assistant.engine(model or None)
        except ParleyError:
            return

    def title_of(self, model: str) -> str:
        """A model's name for people."""
        try:
            return self.assistant.find(model).title
        except ParleyError:
            return model

    def _settled(self, settings: ChatSettings) -> ChatSettings:
        """A conversation stays with the model that was best when it began, until the person chooses another.

        The page's controls always hold a value; what is as recommended is no choice of the person's.
        """
        model = settings.model or self.assistant.default_model()
        sampling = settings.sampling
        with suppress(ParleyError):  # of a model that has gone, whoever asks it will be told
            preset = presets().get(settings.preset)
            advised = asdict(self.assistant.sampling(model, preset.sampling if preset else {}))
            sampling = {name: value for name, value in sampling.items() if value != advised.get(name)}
        return replace(settings, model=model, sampling=sampling)

    def _remember(self, conversation_id: str, settings: ChatSettings) -> None:
        stored = settings.to_json()
        self.assistant.store.update_settings(conversation_id, stored)
        self.assistant.store.set_preference(SETTINGS_KEY, json.dumps(stored))

    def _transcript(
        self, conversation: Conversation | None, settings: ChatSettings, *, shown: int = SHOWN_AT_ONCE
    ) -> Shown:
        live = self.assistant.live(conversation.id) if conversation else []
        drawn = transcript(conversation, live, title_of=self.title_of, tinted=settings.probabilities, shown=shown)
        drawn["drawn_at"] = time.monotonic()  # every answer is new to the page, which may have drawn on meanwhile
        return {"conversation": drawn["conversation"], "transcript": drawn, "busy": bool(live)}


def how_long_ago(then: datetime, now: datetime) -> str:
    """The heading under which the sidebar files a conversation."""
    days = (now.date() - then.date()).days
    if days < 1:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return "Earlier this week"
    return f"{then:%B}" if then.year == now.year else f"{then:%B %Y}"
