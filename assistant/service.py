"""The assistant: the one way to run a model, for every face (page, terminal, API).

face → Assistant → engines → weights
                 ↘ store (conversations, votes)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from assistant import paths
from assistant.catalogue import Catalogue
from assistant.conversation import Attachment, StoredMessage, prompt
from assistant.engines.forms import Form
from assistant.engines.opening import open_engine
from assistant.engines.protocol import Capability, Delta, Prompt, Sampling
from assistant.errors import UnknownConversation
from assistant.hardware import Machine
from assistant.models import CONTEXT_TOKENS, GOOD_MODEL, QUICK_MODEL, OpenEngine
from assistant.replies import Reply
from assistant.settings import ChatSettings, presets
from assistant.store import Store
from assistant.writing import WritingTasks

__all__ = ["CONTEXT_TOKENS", "GOOD_MODEL", "QUICK_MODEL", "Assistant", "OpenEngine"]

AGAIN_TEMPERATURE = 0.4
"""For a reply that is written again where the model's default is greedy."""


class Assistant(WritingTasks):
    """Runs models and keeps conversations. Every part is made when it is first needed; all methods are thread-safe."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        machine: Machine | None = None,
        catalogue: Catalogue | None = None,
        open_engine: OpenEngine = open_engine,
        whose: Callable[[], str] = lambda: "",
        only_known: Callable[[], bool] = lambda: False,
    ) -> None:
        """whose: the name of the person for whom the code that asks is running, each of whom has a store of their own;
        "" where there is but one."""
        super().__init__(machine=machine, catalogue=catalogue, open_engine=open_engine, only_known=only_known)
        self._whose = whose
        self._stores: dict[str, Store] = {} if store is None else {"": store}
        self._replies: dict[str, Reply] = {}
        self._lock = threading.RLock()

    @property
    def store(self) -> Store:
        """The conversations; opened when first asked for, and replies that a killed process left are marked so."""
        name = self._whose()
        with self._lock:
            if name not in self._stores:
                self._stores[name] = Store(paths.database_path(name))
                self._stores[name].recover()
            return self._stores[name]

    def stream(
        self,
        messages: Prompt,
        *,
        model: str | None = None,
        engine: str = "auto",
        sampling: Sampling | None = None,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
        form: Form | None = None,
    ) -> Iterator[Delta]:
        """Stream one answer to `messages`, kept nowhere. form: what it has to be.

        Raises CapabilityMissing where the engine cannot hold a reply to a form.
        """
        needed = [Capability.SCHEMA] if form is not None and form.schema is not None else []
        needed += [Capability.TOOLS] if form is not None and form.tools else []
        loaded = self.engine(model, engine=engine, capability=next(iter(needed), Capability.GENERATE), cancel=cancel)
        for each in needed:
            loaded.require(each)
        drawn = sampling or self.sampling(model)
        return loaded.generate(messages, drawn, probabilities=probabilities, cancel=cancel, form=form)

    # Conversations

    def send(
        self,
        conversation_id: str,
        text: str,
        *,
        settings: ChatSettings,
        parent_id: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> list[Reply]:
        """Add a question under `parent_id` (default: where the conversation stands) and begin to answer it.

        Two replies where the settings name a second model, else one.
        """
        self._check(settings)
        parent = parent_id or self.store.get(conversation_id).head_id
        question = self.store.add_message(
            conversation_id, parent_id=parent, role="user", content=text, attachments=tuple(attachments)
        )
        return self._answer(question, settings)

    def regenerate(self, message_id: str, *, settings: ChatSettings) -> Reply:
        """Answer the same question once more, in a branch beside `message_id`.

        A model whose own default is greedy would only repeat itself, so a temperature is set where nobody chose one.
        """
        self._check(settings)
        old = self._message(message_id)
        if old.role != "assistant" or old.parent_id is None:
            raise UnknownConversation("Only a reply to a question can be written again.")
        return self._begin(self._message(old.parent_id), settings, settings.model, again=True)

    def edit(self, message_id: str, text: str, *, settings: ChatSettings) -> list[Reply]:
        """Ask `message_id` in other words, in a branch beside it."""
        self._check(settings)
        old = self._message(message_id)
        if old.role != "user":
            raise UnknownConversation("Only a question can be edited; a reply can be corrected.")
        question = self.store.add_message(
            old.conversation_id, parent_id=old.parent_id, role="user", content=text, attachments=old.attachments
        )
        return self._answer(question, settings)

    def reply(self, message_id: str) -> Reply | None:
        """The reply that is being written, None when it is not (any more)."""
        reply = self._replies.get(message_id)
        return reply if reply and not reply.done.is_set() and reply.store is self.store else None

    def live(self, conversation_id: str) -> list[Reply]:
        """The replies that are being written in one conversation."""
        with self._lock:
            writing = [each for each in self._replies.values() if not each.done.is_set() and each.store is self.store]
        return [each for each in writing if each.conversation_id == conversation_id]

    def stop(self, message_id: str) -> None:
        """End a reply early; harmless when it has ended."""
        if reply := self.reply(message_id):
            reply.stop()

    def close(self) -> None:
        """Stop every reply, keep what is written, free the models."""
        with self._lock:
            replies = list(self._replies.values())
        for reply in replies:
            reply.stop()
        for reply in replies:
            reply.wait(30)
        self._pool.close()
        for store in self._stores.values():
            store.close()

    def _check(self, settings: ChatSettings) -> None:
        """Raise for settings that cannot be used, before anything is written to the store."""
        for model in (settings.model, settings.beside):
            self.sampling(model, settings.sampling)

    def _message(self, message_id: str) -> StoredMessage:
        return self.store.message(message_id)

    def _answer(self, question: StoredMessage, settings: ChatSettings) -> list[Reply]:
        first = self._begin(question, settings, settings.model)
        if not settings.beside:
            return [first]
        second = self._begin(question, settings, settings.beside, beside=first.id)
        self.store.set_head(question.conversation_id, first.id)
        return [first, second]

    def _begin(
        self,
        question: StoredMessage,
        settings: ChatSettings,
        model: str | None,
        *,
        beside: str | None = None,
        again: bool = False,
    ) -> Reply:
        """Add an empty reply under the question and start to write it."""
        entry = self.find(model)
        preset = presets().get(settings.preset)
        sampling = self.sampling(entry.key, preset.sampling if preset else {}, settings.sampling)
        if again and sampling.temperature == 0 and "temperature" not in settings.sampling:
            sampling = replace(sampling, temperature=AGAIN_TEMPERATURE)
        system = self._system_prompt(settings)
        conversation = self.store.get(question.conversation_id)
        kept = settings.to_json() | {"model": entry.key, "system_prompt": system}
        message = self.store.add_message(
            question.conversation_id,
            parent_id=question.id,
            role="assistant",
            content="",
            status="streaming",
            model=entry.key,
            engine=self.explain(entry.key, engine=settings.engine).engine,
            settings=kept,
            beside=beside,
        )
        reply = Reply(
            self.store,
            message.id,
            question.conversation_id,
            model=entry.key,
            turns=lambda share: prompt(shortened(conversation.path(question.id), share), system),
            sampling=sampling,
            probabilities=settings.probabilities,
            load=lambda cancel: self.engine(entry.key, engine=settings.engine, cancel=cancel),
        )
        with self._lock:
            self._replies = {key: r for key, r in self._replies.items() if not r.done.is_set()}
            self._replies[message.id] = reply
        return reply.start()

    def _system_prompt(self, settings: ChatSettings) -> str:
        """The instructions in force, with the note that the person wrote about themselves."""
        note = self.store.preference("note").strip()
        about = f"What the user wants you to keep in mind:\n{note}" if note else ""
        return "\n\n".join(part for part in (settings.instructions.strip(), about) if part)


def shortened(branch: Sequence[StoredMessage], share: float) -> list[StoredMessage]:
    """The branch with the first `share` of each attached document."""
    return [
        replace(m, attachments=tuple(replace(a, text=a.text[: round(len(a.text) * share)]) for a in m.attachments))
        for m in branch
    ]
