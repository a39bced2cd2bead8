"""The other text tasks that write: summaries, and answers about a document. By a sequence-to-sequence model where one
is named, else by the chat model; key sentences by the encoder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from assistant import face_off
from assistant.batches import Batch
from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Rewriting
from assistant.engines.remote import Remote
from assistant.errors import BadSettings, CapabilityMissing, TextTooLong
from assistant.languages import beyond_doubt, name
from assistant.models import GOOD_MODEL
from assistant.tasks import questions, summary
from assistant.tasks.key_sentences import key_sentences
from assistant.tasks.sentences import Sentence, split
from assistant.tasks.summary import Length, Summary, SummarySentence
from assistant.tasks.translation import Order
from assistant.texts import foreign
from assistant.translating import Translating, made_for

SUMMARY_COLUMNS = ("summary",)
PART_TOKENS = 2500
"""What a summary's model reads at once: more is slow on a CPU, and small models lose the middle of it."""
RULE_TOKENS = 200
"""At most, of what a chat model is told beside such a part."""
ROOM_TOKENS = 600
"""For that and the reply."""
ANSWER_TOKENS = 220


class WritingTasks(Translating):
    """Summaries and questions. All methods are thread-safe."""

    def needed(self, task: str, model: str | None, **wishes: Any) -> list[ModelEntry | Remote]:
        if task == "summarize":
            return [self.task_model("embed"), self.summary_model(wishes.get("way"), model)]
        if task == "ask":
            return [self.task_model("embed"), self.answer_model(model)]
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

        Raises BadSettings, BadDocument for a text without words, CapabilityMissing for a model that does not do it that
        way, ModelNotAvailable, TextTooLong.
        """
        if way is not None and way not in summary.WAYS:
            raise BadSettings(f"There is no way {way!r} to summarise.", hint=f"Choose of {', '.join(summary.WAYS)}.")
        self.check_length(text)
        entry = self.summary_model(way, model)
        picks = not isinstance(entry, Remote) and entry.family is Family.ENCODER
        if way == "extractive" and not picks:
            raise CapabilityMissing(f"{entry.key} writes; it does not pick sentences.", hint="Leave out --model.")
        if way == "abstractive" and picks:
            raise CapabilityMissing(f"{entry.key} picks sentences; it does not write.", hint="Leave out --model.")
        language = beyond_doubt(text) or "en"
        sentences = summary.sentences_of(text, language)
        count = length.count(len(sentences))
        if picks:
            said = self._picked(sentences, count, entry)
            notes = _caveats(foreign(text, entry), entry, "its choice of sentences is a guess")
            return Summary(summary.stream_parts(said), said, "extractive", entry.key, notes=notes)
        most, write = self._writer(entry, language, cancel)
        said_text, parts = summary.written(
            text, count, write, lambda piece: len(piece.encode()) // 3 + 1, most, on_part=on_part, language=language
        )
        del write  # it holds the model that wrote, which may have to make room for the one that judges
        said, notes = self._supported(said_text, text, sentences, language)
        return Summary(said_text, said, "abstractive", entry.key, parts, notes)

    def _picked(
        self, sentences: Sequence[Sentence], count: int, entry: ModelEntry | Remote
    ) -> tuple[SummarySentence, ...]:
        """The key sentences; each is its own support."""
        chosen = key_sentences(sentences, count, self.embedder(entry.key))
        return tuple(
            SummarySentence(" ".join(s.text.split()), (summary.Passage(s.text, s.start, 1.0),), True) for s in chosen
        )

    def _supported(
        self, said: str, text: str, sentences: Sequence[Sentence], language: str
    ) -> tuple[tuple[SummarySentence, ...], tuple[str, ...]]:
        """(a written summary's sentences with what supports them, notes). Support is left open where the encoder does
        not read the language: it would miss what is there."""
        judge = self.task_model("embed")
        unread = foreign(text, judge)
        if unread is None:
            return tuple(summary.supported(said, sentences, self.embedder(), language)), ()
        unchecked = tuple(SummarySentence(each.text, (), None) for each in split(said, language))
        return unchecked, _caveats(unread, judge, "whether the text supports the summary was not looked at")

    def _writer(
        self, entry: ModelEntry | Remote, language: str, cancel: threading.Event | None
    ) -> tuple[int, summary.Write]:
        """(tokens that the model reads at once, what writes a summary with it)."""
        if isinstance(entry, Remote) or entry.family is Family.DECODER:
            chatting = self.engine(entry.key, cancel=cancel)
            most = min(PART_TOKENS, max(chatting.context_length - ROOM_TOKENS, chatting.context_length // 2))

            def chat(text: str, count: int) -> str:
                asked = summary.messages(text, count)
                if (tokens := chatting.count_tokens(asked)) > most + RULE_TOKENS:
                    raise TextTooLong(f"This text has {tokens:,} tokens; {entry.key} reads {most:,} of them at once.")
                reply = next(iter(self.replies_to([asked], entry.key, 60 * count + 60, cancel)))
                return summary.trimmed(reply, count, language)

            return most, chat
        engine = self.engine(entry.key, capability=Capability.TEXT2TEXT, cancel=cancel)

        def rewrite(text: str, count: int) -> str:
            asked = Rewriting("summarize", max_tokens=60 * count)
            return summary.trimmed(engine.text2text([text], asked, cancel=cancel)[0], count, language)

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

    def answer_model(self, model: str | None = None) -> ModelEntry | Remote:
        """The model that answers: the chat model, or where that is not here another that is here and can."""
        entry = self.find(model)
        if model is not None or isinstance(entry, Remote) or not self.absent(entry):
            return entry
        return next(iter(self.able_here("ask")), entry)

    def ask(
        self, question: str, text: str, *, model: str | None = None, cancel: threading.Event | None = None
    ) -> questions.Answer:
        """Answer a question from a document, with the sentences that the answer rests on. cancel: ends the writing.

        Raises BadSettings for no question, BadDocument for a text without words, ModelNotAvailable.
        """
        self.check_length(text)
        entry, judge = self.answer_model(model), self.task_model("embed")
        language = beyond_doubt(text) or "en"
        unread = foreign(text, judge) or foreign(question, judge)
        notes = _caveats(unread, judge, "its choice of passages is a guess")
        found = questions.nearest(question, text, self.embedder(), language)
        absent = questions.Answer(questions.ABSENT, False, tuple(found), (), entry.key, notes)
        # In a language that the encoder does not read, all is far from everything.
        if unread is None and max(each.likeness for each in found) < questions.FAR:
            return absent
        if not isinstance(entry, Remote) and entry.family is Family.ENCODER:
            span = self.engine(entry.key, capability=Capability.ANSWER).answer(question, [each.text for each in found])
            return replace(questions.spanned(span, found, entry.key, language), notes=notes)
        reply = self._reply(question, found, entry, cancel)
        if questions.is_absent(reply):
            return absent
        quotes = questions.quotes(question, reply, found, self.embedder(), language)
        return questions.Answer(reply, True, tuple(found), tuple(quotes), entry.key, notes)

    def _reply(
        self,
        question: str,
        found: Sequence[questions.Passage],
        entry: ModelEntry | Remote,
        cancel: threading.Event | None,
    ) -> str:
        """What a model that writes answers from the passages."""
        if isinstance(entry, Remote) or entry.family is not Family.SEQ2SEQ:
            prompts = [questions.messages(question, found)]
            return next(iter(self.replies_to(prompts, entry.key, ANSWER_TOKENS, cancel))).strip()
        engine = self.engine(entry.key, capability=Capability.TEXT2TEXT, cancel=cancel)
        asked = questions.prompt(question, found)
        return engine.text2text([asked], Rewriting(max_tokens=ANSWER_TOKENS), cancel=cancel)[0].strip()

    # One text, three families

    def able(self, task: face_off.Task, family: Family, order: Order | None = None) -> ModelEntry | None:
        """The model of a family that does the task: one that is here, embedded ones first; else one to fetch."""
        found = [e for e in self.catalogue if e.family is family and _does(e, task, order)]
        found.sort(key=lambda e: (bool(self.absent(e)), not e.embedded, -e.parameters if e.embedded else e.parameters))
        return found[0] if found else None

    def compare_models(self, task: face_off.Task, text: str, **wishes: Any) -> Iterator[face_off.Contender]:
        """The same text through a BERT-, a T5- and a GPT-style model: see face_off.compare."""
        return face_off.compare(self, task, text, **wishes)


def _caveats(unread: str | None, entry: ModelEntry | Remote, said: str) -> tuple[str, ...]:
    """The note to a text in a language that the model does not read; () where there is none."""
    return () if unread is None else (f"{entry.title} was not made for {name(unread)}: {said}.",)


def _does(entry: ModelEntry, task: str, order: Order | None) -> bool:
    if entry.family is Family.ENCODER:
        return {"sentiment": "sentiment", "summarize": "embed"}.get(task, "") in entry.tasks
    if entry.family is Family.DECODER:
        return "chat" in entry.tasks
    if order is not None:
        return made_for(entry, order.source, order.target)
    return "summarize" in entry.tasks
