"""What the text tasks found, as JSON objects: those of `--json` and of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.tasks.questions import Answer
    from assistant.tasks.sentiment import Analysis
    from assistant.tasks.summary import Summary
    from assistant.tasks.translation import Translation


def sentiment_object(found: Analysis, feelings: Mapping[str, float] | None = None) -> dict[str, Any]:
    """The whole first, then each sentence; `words` where they were looked for."""
    shown: dict[str, Any] = {
        "sentiment": found.whole.label,
        **found.whole.probabilities,
        "sentences": [
            {"text": each.text, "start": each.start, "sentiment": each.label, **each.probabilities}
            for each in found.sentences
        ],
    }
    if found.carriers:
        shown["words"] = [{"text": w.text, "start": w.start, "weight": w.weight} for w in found.carriers]
    return shown if feelings is None else shown | {"emotions": feelings}


def translation_object(found: Translation) -> dict[str, Any]:
    """The whole, and each sentence with what did not come through."""
    return {
        "language": found.order.source,
        "translation": found.text,
        "model": found.model,
        "sentences": [
            {"source": s.source, "translation": s.text, "problems": list(s.problems)} for s in found.sentences
        ],
    }


def summary_object(found: Summary) -> dict[str, Any]:
    """The summary, and each of its sentences with what supports it."""
    return {
        "summary": found.text,
        "way": found.way,
        "model": found.model,
        "support_rate": found.support_rate,
        "notes": found.notes,
        "sentences": [
            {
                "text": each.text,
                "supported": each.supported,
                "support": [{"text": p.text, "start": p.start, "likeness": p.likeness} for p in each.support],
            }
            for each in found.sentences
        ],
    }


def answer_object(found: Answer) -> dict[str, Any]:
    """The answer, and the sentences that it rests on."""
    return {
        "answer": found.text,
        "found": found.found,
        "model": found.model,
        "notes": found.notes,
        "quotes": [{"text": each.text, "start": each.start} for each in found.quotes],
    }
