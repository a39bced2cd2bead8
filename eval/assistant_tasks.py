"""Tasks of the assistant as they are done for a person, measured: texts under labels, translation, summaries.

The figures and the samples have lm-evaluation-harness's layout.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset
from assistant.service import Assistant
from assistant.tasks.sentiment import SENTIMENTS
from assistant.tasks.summary import Length
from assistant.tasks.translation import Order
from eval import metrics
from eval.answers import Answers, key
from eval.local_rows import rows
from eval.pairs import pairs
from eval.row_forms import Row
from eval.suite import SuiteTask

WRITTEN, SORTED = 8, 64
"""Texts between two savings: those that are written, and those that are sorted under labels."""

Told = Callable[[int, int], None]
Found = tuple[dict[str, Any], list[Row]]


def evaluate(
    task: SuiteTask, data: Path, assistant: Assistant, model: str, limit: int | None, answers: Answers, tell: Told
) -> Found:
    """Results and samples of one task. Raises BadDataset, and what the assistant raises."""
    kinds: dict[str, Callable[..., Found]] = {"labels": _labels, "translation": _translation, "summary": _summary}
    return kinds[task.kind](task, data, assistant, model, limit, answers, tell)


def _labels(
    task: SuiteTask, data: Path, assistant: Assistant, model: str, limit: int | None, answers: Answers, tell: Told
) -> Found:
    asked = rows(data, task.reader, limit)
    named: Mapping[str, str] = task.options["labels"]
    """As the file has it → the label's name."""
    choices = list(dict.fromkeys(named.values()))
    for number, row in enumerate(asked, 1):
        if str(row["label"]) not in named:
            hint = f"Labels of this suite: {', '.join(named)}."
            raise BadDataset(f"Row {number} of {data.name} has the label {row['label']!r}.", hint=hint)
    right = [named[str(row["label"])] for row in asked]

    def sorted_under(texts: Sequence[str]) -> list[dict[str, float]]:
        if set(choices) <= set(SENTIMENTS) and assistant.own_labels(model):
            found = assistant.sentiment_columns(texts, model=model)
            return [{label: float(row[label]) for label in choices} for row in found]
        return [dict(each) for each in assistant.labels(texts, choices, model=model)]

    said = answered("labels", [str(row["text"]) for row in asked], sorted_under, answers, tell, size=SORTED)
    best = [max(choices, key=lambda label, each=each: each[label]) for each in said]
    sure = [each[label] / (sum(each.values()) or 1) for each, label in zip(said, best, strict=True)]
    hits = [one == other for one, other in zip(best, right, strict=True)]
    figures = {
        "acc,none": metrics.accuracy(best, right),
        "acc_stderr,none": metrics.standard_error([float(hit) for hit in hits]),
        "f1_macro,none": metrics.macro_f1(best, right),
        "f1_macro_stderr,none": metrics.bootstrap_error(metrics.macro_f1, best, right),
        "ece,none": metrics.calibration_error(sure, hits),
    }
    own = [{"acc": float(hit)} for hit in hits]
    samples = [
        sample_of(place, row, row["text"], expected, label, figure)
        for place, (row, expected, label, figure) in enumerate(zip(asked, right, best, own, strict=True))
    ]
    return results_of(task, figures, samples, {"acc": True, "f1_macro": True, "ece": False}), samples


def _translation(
    task: SuiteTask, data: Path, assistant: Assistant, model: str, limit: int | None, answers: Answers, tell: Told
) -> Found:
    asked = pairs(task, data, limit)
    source, target = task.options["source"], task.options["target"]
    order = Order(source, target)

    def translated(texts: Sequence[str]) -> list[str]:
        found = assistant.translation_columns(texts, target=order.target, source=order.source, model=model)
        return [row["translation"] for row in found]

    said = answered(f"translate {source}-{target}", [row["source"] for row in asked], translated, answers, tell)
    right = [row["target"] for row in asked]
    figures = {
        "bleu,none": metrics.bleu(said, right),
        "bleu_stderr,none": metrics.bootstrap_error(metrics.bleu, said, right),
        "chrf,none": metrics.chrf(said, right),
        "chrf_stderr,none": metrics.bootstrap_error(metrics.chrf, said, right),
    }
    own = [{"chrf": metrics.sentence_chrf(one, other)} for one, other in zip(said, right, strict=True)]
    samples = [
        sample_of(place, row, row["source"], row["target"], text, figure)
        for place, (row, text, figure) in enumerate(zip(asked, said, own, strict=True))
    ]
    return results_of(task, figures, samples, {"bleu": True, "chrf": True}), samples


def _summary(
    task: SuiteTask, data: Path, assistant: Assistant, model: str, limit: int | None, answers: Answers, tell: Told
) -> Found:
    count = int(task.options["sentences"])
    asked = rows(data, task.reader, limit)

    def summarised(texts: Sequence[str]) -> list[str]:
        return [assistant.summarize(text, Length(count), model=model).text for text in texts]

    said = answered(f"summarize {count}", [row["text"] for row in asked], summarised, answers, tell)
    own = [metrics.rouge(text, row["summaries"]) for text, row in zip(said, asked, strict=True)]
    figures: dict[str, float] = {}
    for kind in metrics.ROUGE:
        values = [each[kind] for each in own]
        figures |= {f"{kind},none": statistics.mean(values), f"{kind}_stderr,none": metrics.standard_error(values)}
    samples = [
        sample_of(place, row, row["text"], row["summaries"][0], text, figure)
        for place, (row, text, figure) in enumerate(zip(asked, said, own, strict=True))
    ]
    return results_of(task, figures, samples, dict.fromkeys(metrics.ROUGE, True)), samples


def answered(
    what: str,
    texts: Sequence[str],
    do: Callable[[Sequence[str]], list[Any]],
    answers: Answers,
    tell: Told,
    *,
    of: Sequence[str] | None = None,
    size: int = WRITTEN,
) -> list[Any]:
    """What the assistant makes of each text; what is there already is not asked for again. of: those whose answers are
    wanted, with repeats; None is `texts`. size: how many are asked for between two savings."""
    keys = [key(what, text) for text in texts]
    missing = {name: text for name, text in zip(keys, texts, strict=True) if name not in answers}
    names = sorted(missing, key=lambda name: len(missing[name]))
    total = len(set(keys))
    for at in range(0, len(names), size):
        tell(total - len(names) + at, total)
        some = names[at : at + size]
        answers.add(dict(zip(some, do([missing[name] for name in some]), strict=True)))
    tell(total, total)
    return [answers[key(what, text)] for text in (texts if of is None else of)]


def sample_of(place: int, row: Row, asked: str, right: str, said: str, figures: Mapping[str, float]) -> Row:
    """A sample as the harness logs them."""
    return {
        "doc_id": place,
        "doc": row,
        "target": right,
        "arguments": [[asked]],
        "resps": [[said]],
        "filtered_resps": [said],
        "filter": "none",
        "metrics": list(figures),
        "doc_hash": hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest(),
        **figures,
    }


def results_of(
    task: SuiteTask, figures: Mapping[str, float], samples: Sequence[Row], better: Mapping[str, bool]
) -> Row:
    """Results of one task as the harness has them."""
    count = {"original": len(samples), "effective": len(samples)}
    return {
        "results": {task.name: {"alias": task.name, **figures}},
        "configs": {task.name: {"task": task.name, "kind": task.kind, **task.options}},
        "versions": {task.name: 1.0},
        "n-shot": {task.name: 0},
        "higher_is_better": {task.name: dict(better)},
        "n-samples": {task.name: count},
    }
