"""A reply that is being written: it runs in the background and goes on whoever looks or leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from assistant.conversation import MessageStatus, window
from assistant.engines.protocol import Engine, Message, Sampling, TokenProbability, Usage
from assistant.errors import Cancelled, ParleyError
from assistant.settings import PROBABILITY_ALTERNATIVES
from assistant.store import Store

CHECKPOINT_SECONDS = 1.0
"""How often the text so far is written to the store, so that a killed process loses at most this much."""
SMALLEST_REPLY_TOKENS = 64
"""Room that is kept for the reply when old turns have to leave the context."""

TURNS_AT_A_TIME = 4
"""How many old turns leave at once, so that the engine's prompt cache serves the next few questions."""
SMALLEST_SHARE = 0.05
"""Documents are not cut further than this: then the question is too long, and says so."""


class Reply:
    """One assistant message in the making. Read its fields at any time; `version` grows whenever one changes."""

    def __init__(
        self,
        store: Store,
        message_id: str,
        conversation_id: str,
        *,
        model: str,
        turns: Callable[[float], Sequence[Message]],
        sampling: Sampling,
        probabilities: bool,
        load: Callable[[threading.Event], Engine],
    ) -> None:
        """turns: what the model reads, given the share of each attached document that it should contain. load: given
        the event that stops the reply."""
        self.id = message_id
        self.conversation_id = conversation_id
        self.model = model
        self.status: MessageStatus = "streaming"
        self.stage = "loading"
        """"loading" the model, "reading" the prompt, "writing"."""
        self.prompt_progress = 0.0
        self.left_out = 0
        """Turns that did not fit the context any more."""
        self.documents_share = 1.0
        """How much of the attached documents the model could read, from their beginning."""
        self.tokens = 0
        self.usage: Usage | None = None
        self.error: ParleyError | None = None
        self.probabilities: list[TokenProbability] = []
        self.version = 0
        self.done = threading.Event()
        """Set when everything is in the store."""
        self._parts: list[str] = []
        self._when_done: list[Callable[[], object]] = []
        self._cancel = threading.Event()
        self.store = store
        self._turns = turns
        self._sampling = sampling
        self._wants_probabilities = probabilities
        self._load = load
        self._thread = threading.Thread(target=self._run, name=f"reply-{message_id}")

    @property
    def text(self) -> str:
        """What has been written so far."""
        return "".join(self._parts)  # joined anew: putting the join back would race with the writing thread

    def start(self) -> Reply:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the reply at the next token; what is written stays."""
        self._cancel.set()

    def when_done(self, call: Callable[[], object]) -> None:
        """Call, from any thread, when the reply is in the store; at once where it already is."""
        self._when_done.append(call)
        if self.done.is_set():
            call()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the reply is in the store; whether it is."""
        return self.done.wait(timeout_seconds)

    def _run(self) -> None:
        status: MessageStatus = "failed"
        try:
            status = self._write()
        except Cancelled:  # before there was room for its model
            status = "stopped"
        except ParleyError as error:
            # A new one: the frames of this one hold the engine, and with it its memory.
            self.error = type(error)(error.message, hint=error.hint)
        except BaseException as error:
            self.error = ParleyError(f"The reply broke off: {error!r}.", hint="Please report this.")
            raise
        finally:
            self._finish(status)

    def _write(self) -> MessageStatus:
        """Stream the reply; how it ended."""
        engine = self._load(self._cancel)
        self.stage = "reading"
        self.version += 1
        room = min(self._sampling.max_tokens, max(SMALLEST_REPLY_TOKENS, engine.context_length // 4))
        budget = engine.context_length - room
        messages = self._fitted(engine, budget)
        saved = time.monotonic()
        shown = PROBABILITY_ALTERNATIVES if self._wants_probabilities else 0
        for delta in engine.generate(messages, self._sampling, probabilities=shown, cancel=self._cancel):
            if delta.text:
                self.stage = "writing"
                self._parts.append(delta.text)
                self.tokens += delta.tokens
            elif delta.prompt_progress is not None:
                self.prompt_progress = delta.prompt_progress
            if delta.probabilities:
                self.probabilities.extend(delta.probabilities)
            self.version += 1
            if delta.usage is not None:
                self.usage = delta.usage
            elif time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.store.checkpoint(self.id, self.text)
                saved = time.monotonic()
        return (
            "stopped" if self._cancel.is_set() and (not self.usage or self.usage.finish == "cancelled") else "complete"
        )

    def _fitted(self, engine: Engine, budget: int) -> list[Message]:
        """The turns within `budget` tokens: documents are cut first, at the same share each, then old turns leave."""
        share = 1.0
        turns = self._turns(share)
        if self._turns(0.0) != turns:
            while share > SMALLEST_SHARE and engine.count_tokens(turns) > budget:
                share *= 0.8
                turns = self._turns(share)
        self.documents_share = share
        messages, self.left_out = window(turns, budget=budget, count=engine.count_tokens, step=TURNS_AT_A_TIME)
        return messages

    def _finish(self, status: MessageStatus) -> None:
        """Put everything in the store, and only then say that it is done."""
        try:
            self.store.finish_message(
                self.id,
                content=self.text,
                status=status,
                usage=self._usage_to_keep(),
                probabilities=self.probabilities or None,
                error=str(self.error) if self.error else None,
            )
        except ParleyError as error:  # a full disk: the text stays on the screen with the reason
            self.error, status = error, "failed"
        finally:
            self.status = status
            self.version += 1
            self.done.set()
            for call in self._when_done:
                call()

    def _usage_to_keep(self) -> dict[str, Any] | None:
        if self.usage is None:
            return None
        return asdict(self.usage) | {
            "tokens_per_second": self.usage.tokens_per_second,
            "left_out": self.left_out,
            "documents_share": self.documents_share,
        }
