"""The other text tasks that write: summaries, and answers about a document. By a sequence-to-sequence model where one
is named, else by the chat model; key sentences by the encoder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from assistant import face_off
from assistant.batches import Batch
from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Rewriting
from assistant.engines.remote import Remote
from assistant.errors import BadSettings, CapabilityMissing
from assistant.models import GOOD_MODEL
from assistant.tasks import questions, summary
from assistant.tasks.summary import Length, Summary
from assistant.tasks.translation import Order
from assistant.translating import Translating, made_for

SUMMARY_COLUMNS = ("summary",)
PART_TOKENS = 2500
"""What a summary's model reads at once: more is slow on a CPU, and small models lose the middle of it."""
ANSWER_TOKENS = 220


class WritingTasks(Translating):
    """Summaries and questions. All methods are thread-safe."""

    def needed(self, task: str, model: str | None, **wishes: Any) -> list[ModelEntry | Remote]:
        if task == "summarize":
            return [self.task_model("embed"), self.summary_model(wishes.get("way"), model)]
        if task == "ask":
            return [self.task_model("embed"), self.find(model)]
        return super().needed(task, model, **wishes)

    # Summaries

    def summary_model(self, way: str | None = None, model: str | None = None) -> ModelEntry | Remote:
        """The model that summarises; where no way is asked for, the best chat model where it is here, else the
        encoder."""
        if model is not None:
            return self.find(model)
        if way == "extractive":
            return self.task_model("embed")
        able = [e for e in self.catalogue if e.embedded and {"chat", "summarize"} <= set(e.tasks)]
        able.sort(key=lambda entry: -entry.parameters)
        here = next((entry for entry in able if not self.absent(entry)), None)
        if here is not None:
            return here
        return self.catalogue[GOOD_MODEL] if way == "abstractive" else self.task_model("embed")

    def summarize(
        self,
        text: str,
        length: Length = Length(),  # noqa: B008 - it is frozen
        *,
        way: str | None = None,
        model: str | None = None,
        on_part: Callable[[int, int], object] = lambda done, total: None,
        cancel: threading.Event | None = None,
    ) -> Summary:
        """Summarise a text of any length. way: "extractive" picks its key sentences, "abstractive" writes anew; None
        takes what serves best here. on_part: (pieces read, pieces in all). cancel: ends the writing; what comes out
        is no summary then.

        Raises BadSettings, BadDocument for a text without words, ModelNotAvailable, TextTooLong.
        """
        if way is not None and way not in summary.WAYS:
            raise BadSettings(f"There is no way {way!r} to summarise.", hint=f"Choose of {', '.join(summary.WAYS)}.")
        self.check_length(text)
        sentences = summary.sentences_of(text)
        count = length.count(len(sentences))
        entry = self.summary_model(way, model)
        embed = self.embedder()
        if not isinstance(entry, Remote) and entry.family is Family.ENCODER:
            chosen = summary.key_sentences(sentences, count, self.embedder(entry.key))
            said = tuple(
                summary.SummarySentence(" ".join(s.text.split()), (summary.Passage(s.text, s.start, 1.0),), True)
                for s in chosen
            )
            return Summary(summary.stream_parts(said), said, "extractive", entry.key)
        if way == "extractive":
            raise CapabilityMissing(f"{entry.key} writes; it does not pick sentences.", hint="Leave out --model.")
        most, write = self._writer(entry, cancel)
        said_text, parts = summary.written(
            text, count, write, lambda piece: len(piece.encode()) // 3 + 1, most, on_part=on_part
        )
        said = tuple(summary.supported(said_text, sentences, embed))
        return Summary(said_text, said, "abstractive", entry.key, parts)

    def _writer(self, entry: ModelEntry | Remote, cancel: threading.Event | None) -> tuple[int, summary.Write]:
        """(tokens that the model reads at once, what writes a summary with it)."""
        if isinstance(entry, Remote) or entry.family is Family.DECODER:
            context = self.engine(entry.key).context_length

            def chat(text: str, count: int) -> str:
                asked = summary.messages(text, count)
                reply = next(iter(self.replies_to([asked], entry.key, 60 * count + 60, cancel)))
                return summary.trimmed(reply, count)

            return min(PART_TOKENS, context - 600), chat
        engine = self.engine(entry.key, capability=Capability.TEXT2TEXT)

        def rewrite(text: str, count: int) -> str:
            return engine.text2text([text], Rewriting("summarize", max_tokens=60 * count), cancel=cancel)[0]

        return min(PART_TOKENS, engine.context_length - 32), rewrite

    def summary_columns(self, texts: Sequence[str], **settings: Any) -> list[dict[str, Any]]:
        """The column that each text gains: SUMMARY_COLUMNS."""
        return [{"summary": self.summarize(text, **settings).text} for text in texts]

    def summary_batch(
        self, source: Path, output: Path, *, column: str | None = None, model: str | None = None, **settings: Any
    ) -> Batch:
        """The job that adds SUMMARY_COLUMNS to a file."""
        entry = self.summary_model(settings.get("way"), model)
        work = partial(self.summary_columns, model=model, **settings)
        chunk = 64 if not isinstance(entry, Remote) and entry.family is Family.ENCODER else 4
        return Batch(source, output, SUMMARY_COLUMNS, work, f"summarize {entry.key} {settings}", column, chunk=chunk)

    # Questions

    def ask(
        self, question: str, text: str, *, model: str | None = None, cancel: threading.Event | None = None
    ) -> questions.Answer:
        """Answer a question from a document, with the sentences that the answer rests on. cancel: ends the writing.

        Raises BadSettings for no question, BadDocument for a text without words, ModelNotAvailable.
        """
        self.check_length(text)
        entry = self.find(model)
        found = questions.nearest(question, text, self.embedder())
        if max(each.likeness for each in found) < questions.FAR:
            return questions.Answer(questions.ABSENT, False, tuple(found), (), entry.key)
        if not isinstance(entry, Remote) and entry.family is Family.ENCODER:
            span = self.engine(entry.key, capability=Capability.ANSWER).answer(question, [each.text for each in found])
            return questions.spanned(span, found, entry.key)
        if not isinstance(entry, Remote) and entry.family is Family.SEQ2SEQ:
            engine = self.engine(entry.key, capability=Capability.TEXT2TEXT)
            asked = questions.prompt(question, found)
            reply = engine.text2text([asked], Rewriting(max_tokens=ANSWER_TOKENS))[0].strip()
        else:
            prompts = [questions.messages(question, found)]
            reply = next(iter(self.replies_to(prompts, entry.key, ANSWER_TOKENS, cancel)))
        reply = reply.strip()
        if questions.is_absent(reply):
            return questions.Answer(questions.ABSENT, False, tuple(found), (), entry.key)
        quotes = questions.quotes(question, reply, found, self.embedder())
        return questions.Answer(reply, True, tuple(found), tuple(quotes), entry.key)

    # One text, three families

    def able(self, task: face_off.Task, family: Family, order: Order | None = None) -> ModelEntry | None:
        """The model of a family that does the task: one that is here, embedded ones first; else one to fetch."""
        found = [e for e in self.catalogue if e.family is family and _does(e, task, order)]
        found.sort(key=lambda e: (bool(self.absent(e)), not e.embedded, -e.parameters if e.embedded else e.parameters))
        return found[0] if found else None

    def compare_models(self, task: face_off.Task, text: str, **wishes: Any) -> Iterator[face_off.Contender]:
        """The same text through a BERT-, a T5- and a GPT-style model: see face_off.compare."""
        return face_off.compare(self, task, text, **wishes)


def _does(entry: ModelEntry, task: str, order: Order | None) -> bool:
    if entry.family is Family.ENCODER:
        return {"sentiment": "sentiment", "summarize": "embed"}.get(task, "") in entry.tasks
    if entry.family is Family.DECODER:
        return "chat" in entry.tasks
    if order is not None:
        return made_for(entry, order.source, order.target)
    return "summarize" in entry.tasks
