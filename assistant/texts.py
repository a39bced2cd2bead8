"""The text tasks of the assistant: which model does each, and each over one text, many, or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from assistant import sources
from assistant.batches import Batch
from assistant.catalogue import ModelEntry
from assistant.engines.protocol import Capability
from assistant.engines.remote import Remote
from assistant.errors import CapabilityMissing, ModelNotAvailable
from assistant.models import Models
from assistant.tasks import Classify, Embed, emotions, sentiment

SENTIMENT_COLUMNS = ("sentiment", *sentiment.SENTIMENTS)


class TextTasks(Models):
    """Sentiment, and what else goes by the meaning of a text. All methods are thread-safe."""

    def task_model(self, task: str, model: str | None = None) -> ModelEntry | Remote:
        """The model that does a task: the one asked for, else the first of the catalogue that is here, embedded ones
        before others; where none is here, the one to fetch. Raises UnknownModel."""
        if model is not None:
            return self.find(model)
        able = sorted((e for e in self.catalogue if task in e.tasks), key=lambda e: not e.embedded)
        return next((entry for entry in able if not self._absent(entry)), able[0])

    def missing(self, task: str, model: str | None = None) -> list[ModelEntry]:
        """What has to be fetched before the task can be done."""
        entry = self.task_model(task, model)
        return [] if isinstance(entry, Remote) else self._absent(entry)

    def require_task(self, task: str, model: str | None = None) -> None:
        """Raise ModelNotAvailable where `missing` names something."""
        for entry in self.missing(task, model):
            hint = f"Fetch it with `parley models pull {entry.key}`, or on the page under Models."
            raise ModelNotAvailable(f"{entry.title} is not on this machine yet.", hint=hint)

    def _absent(self, entry: ModelEntry) -> list[ModelEntry]:
        needed = [entry] if entry.format != "adapter" or entry.base is None else [entry, self.catalogue[entry.base]]
        return [each for each in needed if sources.locate(each) is None]

    def sentiment(self, text: str, *, model: str | None = None, explain: bool = False) -> sentiment.Analysis:
        """How a text feels, as a whole and sentence by sentence.

        Raises BadDocument for a text without words, CapabilityMissing for a model of something else.
        """
        return sentiment.analyse(text, self._classifier(model), explain=explain)

    def sentiment_columns(self, texts: Sequence[str], *, model: str | None = None) -> list[dict[str, Any]]:
        """The columns that each text gains: SENTIMENT_COLUMNS."""
        found = sentiment.opinions(texts, self._classifier(model))
        return [{"sentiment": each.label, **each.probabilities} for each in found]

    def sentiment_batch(
        self, source: Path, output: Path, *, column: str | None = None, model: str | None = None
    ) -> Batch:
        """The job that adds SENTIMENT_COLUMNS to a file."""
        name = self.task_model("sentiment", model)
        work = partial(self.sentiment_columns, model=model)
        return Batch(source, output, SENTIMENT_COLUMNS, work, f"sentiment {name.key}", column)

    def emotions(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """How much of each emotion is in each text; each adds up to 1."""
        rows = emotions.profile(texts, self._embedder())
        return [dict(zip(emotions.EMOTIONS, row, strict=True)) for row in rows.tolist()]

    def _classifier(self, model: str | None) -> Classify:
        entry = self.task_model("sentiment", model)
        if not isinstance(entry, Remote) and not set(entry.tasks) & {"sentiment", "classify"}:
            raise CapabilityMissing(
                f"{entry.title} does not sort texts into sentiments.",
                hint="Leave out --model, or name a model with a classification head.",
            )
        return self.engine(entry.key, capability=Capability.CLASSIFY).classify

    def _embedder(self) -> Embed:
        return self.engine(self.task_model("embed").key, capability=Capability.EMBED).embed
