"""One conversation at the terminal: which it is, how it is answered, and how a reply in the making is followed."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assistant.errors import BadSettings, UnknownConversation, UserError
from assistant.settings import ChatSettings, presets

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.conversation import Attachment, Conversation, StoredMessage
    from assistant.engines.protocol import Engine
    from assistant.replies import Reply
    from assistant.service import Assistant
    from assistant.store import Store

POLL_SECONDS = 0.02
SHORT_ID = 8
"""Characters of a conversation's id that are shown; any beginning that only one conversation has will do."""


@dataclass
class Session:
    """A conversation (None until the first question makes one), its settings, and what goes with the next question."""

    assistant: Assistant
    settings: ChatSettings = field(default_factory=ChatSettings)
    conversation_id: str | None = None
    attachments: list[Attachment] = field(default_factory=list["Attachment"])

    def open(self, conversation_id: str) -> Conversation:
        """Go on with a conversation as it was left. Raises UnknownConversation."""
        conversation = self.assistant.store.get(conversation_id)
        self.conversation_id = conversation.id
        self.settings = ChatSettings.from_json(conversation.settings)
        return conversation

    def change(self, *, sampling: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """Answer differently from now on; a sampling value of None puts that one back to the model's own.

        Raises BadSettings or UnknownModel, and changes nothing then.
        """
        preset = changes.get("preset", self.settings.preset)
        if preset not in presets():
            raise BadSettings(f"There is no preset {preset!r}.", hint=f"There are {', '.join(presets())}.")
        if "preset" in changes:
            changes = {"system_prompt": None, **changes}
        drawn = {**self.settings.sampling, **(sampling or {})}
        drawn = {name: value for name, value in drawn.items() if value is not None}
        settings = replace(self.settings, sampling=drawn, **changes)
        self.assistant.sampling(settings.model, drawn)
        self.settings = settings
        if self.conversation_id is not None:
            self.assistant.store.update_settings(self.conversation_id, settings.to_json())

    def load(self) -> Engine:
        """The model that answers, in memory. Raises ModelNotAvailable where its weights are not here."""
        return self.assistant.engine(self.settings.model, engine=self.settings.engine)

    def ask(self, text: str) -> list[Reply]:
        """Ask the next question, with everything that was attached."""
        if self.conversation_id is None:
            self.conversation_id = self.assistant.store.create(
                settings=self.settings.to_json(), preset=self.settings.preset
            )
        replies = self.assistant.send(
            self.conversation_id, text, settings=self.settings, attachments=tuple(self.attachments)
        )
        self.attachments.clear()
        return replies

    def attach(self, path: Path) -> Attachment:
        """Have a document go with the next question. Raises BadDocument."""
        from assistant.documents import read_document

        self.attachments.append(read_document(path.expanduser()))
        return self.attachments[-1]

    def conversation(self) -> Conversation:
        """The conversation as the store has it now. Raises UserError where nothing has been asked yet."""
        if self.conversation_id is None:
            raise UserError("There is no conversation yet.", hint="Ask something first.")
        return self.assistant.store.get(self.conversation_id)

    def last(self, role: str) -> StoredMessage:
        """The newest message of that role in the branch being shown. Raises UserError where there is none."""
        found = [message for message in self.conversation().path() if message.role == role]
        if not found:
            raise UserError("There is no reply yet." if role == "assistant" else "There is no question yet.")
        return found[-1]


def find_conversation(store: Store, name: str) -> str:
    """The id that `name` is, or begins. Raises UnknownConversation where none or several begin so."""
    ids = [summary.id for summary in store.conversations(limit=100_000) if summary.id.startswith(name.lower())]
    if not name or not ids:
        raise UnknownConversation(f"No conversation {name}.", hint="/list in `parley chat` shows them with their ids.")
    if len(ids) > 1 and name not in ids:
        raise UnknownConversation(f"{len(ids)} conversations begin with {name}.", hint="Give more of the id.")
    return name if name in ids else ids[0]


def last_conversation(store: Store) -> str:
    """The id of the conversation that was used last. Raises UnknownConversation where there is none."""
    newest = store.conversations(limit=1)
    if not newest:
        raise UnknownConversation("There is no conversation to continue.", hint="Leave out --continue.")
    return newest[0].id


def pieces(reply: Reply) -> Iterator[str]:
    """The text of a reply as it grows, until it is in the store. Raises the error that ended it."""
    shown = 0
    ended = False
    while not ended:
        ended = reply.wait(POLL_SECONDS)
        text = reply.text
        if len(text) > shown:
            yield text[shown:]
            shown = len(text)
    if reply.error is not None:
        raise reply.error


@contextmanager
def stopped_by_interrupt(replies: list[Reply]) -> Generator[list[bool]]:
    """While this lasts, Ctrl-C ends the replies and keeps what is written; a second one raises KeyboardInterrupt.

    The list that it gives holds True once that has happened. Leaving early, for whatever reason, ends the replies too.
    """
    happened: list[bool] = []

    def stop(*_: object) -> None:
        if happened:
            raise KeyboardInterrupt
        happened.append(True)
        for reply in replies:
            reply.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield happened
    finally:
        signal.signal(signal.SIGINT, before)
        for reply in replies:
            reply.stop()
