"""The text tasks of the assistant: which model does each, and each over one text, many, or a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from assistant import sources
from assistant.batches import Batch
from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Engine, Message, Sampling
from assistant.engines.remote import Remote
from assistant.errors import BadDocument, BadSettings, CapabilityMissing, TextTooLong
from assistant.languages import beyond_doubt, name
from assistant.models import Models
from assistant.tasks import Classify, Embed, emotions, sentiment
from assistant.tasks import labels as labelling

SENTIMENT_COLUMNS = ("sentiment", *sentiment.SENTIMENTS)
AT_ONCE = 4
"""Questions that a chat model answers side by side: llama.cpp reads its weights once for all of them."""
ABLE: dict[str, set[str]] = {
    "chat": {"chat", "complete"},
    "sentiment": {"sentiment", "classify"},
    "translate": {"translate", "chat"},
    "summarize": {"summarize", "chat", "embed"},
    "ask": {"answer", "chat"},
    "classify": {"classify", "sentiment", "embed", "chat"},
}
"""Task → the tasks of the catalogue that make a model able to do it."""
MOST_CHARACTERS = 400_000
"""Of a text that is read as a whole; a file of rows may be as long as it likes."""


class TextTasks(Models):
    """Sentiment, and what else goes by the meaning of a text. All methods are thread-safe."""

    def task_model(self, task: str, model: str | None = None) -> ModelEntry | Remote:
        """The model that does a task: the one asked for, else the first of the catalogue that is here, embedded ones
        before others; where none is here, the one to fetch. Raises UnknownModel."""
        if model is not None:
            return self.find(model)
        able = sorted((e for e in self.catalogue if task in e.tasks), key=lambda e: not e.embedded)
        return next((entry for entry in able if not self.absent(entry)), able[0])

    def able_here(self, task: str) -> list[ModelEntry]:
        """The models of the catalogue that are here and can do a task."""
        return [entry for entry in self.catalogue if ABLE[task] & set(entry.tasks) and not self.absent(entry)]

    def missing(self, task: str, model: str | None = None, **wishes: Any) -> list[ModelEntry]:
        """What has to be fetched before the task can be done. wishes: of a translation, `languages`; of a summary,
        `way`."""
        found: list[ModelEntry] = []
        for entry in self.needed(task, model, **wishes):
            found += [] if isinstance(entry, Remote) else [e for e in self.absent(entry) if e not in found]
        return found

    def needed(self, task: str, model: str | None, **wishes: Any) -> list[ModelEntry | Remote]:
        """The models that a task takes."""
        return [self.task_model("embed" if task == "classify" else task, model)]

    def own_labels(self, model: str | None) -> bool:
        """Whether a model sorts under labels that it was trained on, so that nobody has to name some."""
        entry = self.find(model) if model else None
        return isinstance(entry, ModelEntry) and bool({"classify", "sentiment"} & set(entry.tasks))

    def require_task(self, task: str, model: str | None = None, **wishes: Any) -> None:
        """Raise ModelNotAvailable where `missing` names something."""
        for entry in self.missing(task, model, **wishes):
            self._weights(entry)

    def absent(self, entry: ModelEntry) -> list[ModelEntry]:
        """What has to be fetched before the model can run: itself, and of an adapter its base."""
        needed = (
            [entry] if entry.format != "adapter" or entry.base is None else [entry, self.catalogue.find(entry.base)]
        )
        return [each for each in needed if sources.locate(each) is None]

    def sentiment(self, text: str, *, model: str | None = None, explain: bool = False) -> sentiment.Analysis:
        """How a text feels, as a whole and sentence by sentence.

        Raises BadDocument for a text without words, CapabilityMissing for a model of something else.
        """
        self.check_length(text)
        self.check_language([text], self.task_model("sentiment", model))
        return sentiment.analyse(text, self._classifier(model), explain=explain)

    def sentiment_columns(self, texts: Sequence[str], *, model: str | None = None) -> list[dict[str, Any]]:
        """The columns that each text gains: SENTIMENT_COLUMNS. Raises BadDocument as `sentiment` does."""
        self.check_language(texts, self.task_model("sentiment", model))
        found = sentiment.opinions(texts, self._classifier(model))
        return [{"sentiment": each.label, **each.probabilities} for each in found]

    def sentiment_batch(
        self, source: Path, output: Path, *, column: str | None = None, model: str | None = None
    ) -> Batch:
        """The job that adds SENTIMENT_COLUMNS to a file."""
        entry = self.task_model("sentiment", model)
        work = partial(self.sentiment_columns, model=model)
        return Batch(source, output, SENTIMENT_COLUMNS, work, f"sentiment {entry.key}", column)

    def check_language(self, texts: Sequence[str], entry: ModelEntry | Remote) -> None:
        """Raise BadDocument for a text that is without a doubt in a language which the model was not made for."""
        for text in texts:
            if language := foreign(text, entry):
                known = ", ".join(name(each) for each in ([] if isinstance(entry, Remote) else entry.languages))
                hint = f"Name a model for {name(language)}, or translate it first."
                raise BadDocument(f"This text is in {name(language)}; {entry.title} reads {known}.", hint=hint)

    def check_length(self, text: str) -> None:
        """Raise BadDocument for a text without words, TextTooLong for one that is read as a whole and is too long."""
        if not text.strip():
            raise BadDocument("The text is empty.", hint="Give at least one sentence.")
        if len(text) > MOST_CHARACTERS:
            raise TextTooLong(
                f"This text has {len(text):,} characters; {MOST_CHARACTERS:,} can be read as one text.",
                hint="Give a part of it, or a file with a row a text.",
            )

    def labels(
        self, texts: Sequence[str], labels: Sequence[str], *, model: str | None = None
    ) -> list[dict[str, float]]:
        """Probability of each label for each text, without training: by the encoder's embeddings, or by a chat model's
        likelihoods where `model` names one. labels: "billing", or "billing=invoices, refunds and payments". A model
        that was trained to sort has labels of its own, and takes no others.

        Raises BadSettings for labels that leave no choice.
        """
        if self.own_labels(model):
            if labels:
                raise BadSettings(f"{model} sorts under labels of its own.", hint="Leave out the labels.")
            for text in texts:
                self.check_length(text)
            return self._classifier(model)(texts)
        described = labelling.described(labels)
        for text in texts:
            self.check_length(text)
        entry = self.task_model("embed", model)
        if isinstance(entry, Remote) or entry.family is Family.DECODER:
            return labelling.by_likelihood(texts, described, self.engine(entry.key, capability=Capability.SCORE).score)
        self.check_language(texts, entry)
        return labelling.by_meaning(texts, described, self.embedder(entry.key))

    def label_columns(
        self, texts: Sequence[str], *, labels: Sequence[str], model: str | None = None
    ) -> list[dict[str, Any]]:
        """The columns that each text gains: `label`, and each label's probability."""
        return [{"label": max(row, key=row.__getitem__), **row} for row in self.labels(texts, labels, model=model)]

    def label_batch(
        self, source: Path, output: Path, *, labels: Sequence[str], column: str | None = None, model: str | None = None
    ) -> Batch:
        """The job that sorts a file's rows under labels."""
        entry = self.task_model("embed", model)
        own = self._trained(model).labels if self.own_labels(model) else ()
        columns = ("label", *(own or labelling.described(labels)))
        work = partial(self.label_columns, labels=labels, model=model)
        return Batch(source, output, columns, work, f"classify {entry.key} {list(labels)}", column)

    def emotions(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """How much of each emotion is in each text; each adds up to 1. Raises BadDocument as `sentiment` does."""
        self.check_language(texts, self.task_model("embed"))
        rows = emotions.profile(texts, self.embedder())
        return [dict(zip(emotions.EMOTIONS, row, strict=True)) for row in rows.tolist()]

    def _classifier(self, model: str | None) -> Classify:
        return self._trained(model).classify

    def _trained(self, model: str | None) -> Engine:
        """The classifier, loaded. Raises CapabilityMissing for a model of something else."""
        entry = self.task_model("sentiment", model)
        if not isinstance(entry, Remote) and not set(entry.tasks) & {"sentiment", "classify"}:
            raise CapabilityMissing(
                f"{entry.title} does not sort texts into sentiments.",
                hint="Leave out --model, or name a model with a classification head.",
            )
        return self.engine(entry.key, capability=Capability.CLASSIFY)

    def embedder(self, model: str | None = None) -> Embed:
        """What makes embeddings, with the encoder that is asked for or the first that is here."""
        return self.engine(self.task_model("embed", model).key, capability=Capability.EMBED).embed

    def replies_to(
        self,
        prompts: Sequence[Sequence[Message]],
        model: str | None,
        max_tokens: int,
        cancel: threading.Event | None = None,
        *,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Iterator[str]:
        """The chat model's answers, in order as they come; closing the iterator stops the work, and so does `cancel`,
        which cuts the answers off. temperature, seed: above 0 they are drawn, each from the next seed."""
        sampling = replace(Sampling(), temperature=temperature, max_tokens=max_tokens)
        own = threading.Event()
        stop = cancel or own  # who gave an event sets it, and goes by it
        engine = self.engine(model, cancel=stop)

        def reply(prompt: Sequence[Message], number: int) -> str:
            drawn = replace(sampling, seed=seed + number)
            return "".join(delta.text for delta in engine.generate(prompt, drawn, cancel=stop))

        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="asking")
        try:
            yield from pool.map(reply, prompts, range(len(prompts)))
        finally:
            own.set()
            pool.shutdown(cancel_futures=True)


def foreign(text: str, entry: ModelEntry | Remote) -> str | None:
    """The language that a text is in, where that is without a doubt one which the model was not made for."""
    if isinstance(entry, Remote) or not entry.languages or "*" in entry.languages:
        return None
    language = beyond_doubt(text)
    return None if language in entry.languages else language
