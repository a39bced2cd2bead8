"""One sample of an evaluation: its own figure, what was asked, what is right and what was said.

As Parley keeps it, and as lm-evaluation-harness writes it: there arguments are objects ({"gen_args_0": {"arg_0": …}}),
and likelihoods and the place of the right answer are texts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def name(row: Row) -> tuple[str, str]:
    """What a sample is known by: its question, and how its answer was read."""
    return str(row.get("doc_hash") or row["doc_id"]), kind(row)


def kind(row: Row) -> str:
    """How its answer was read: the filter."""
    return str(row.get("filter", "none"))


def value(row: Row, metric: str) -> float | None:
    """A sample's own figure; of a perplexity its logarithm, the nats that a word or a byte takes."""
    found: Any = row.get(metric)
    if isinstance(found, list | tuple) and len(found) == 2 and all(isinstance(each, int | float) for each in found):
        unit = math.log(2) if metric == "bits_per_byte" else 1.0
        return -float(found[0]) / float(found[1] or 1) / unit
    return float(found) if isinstance(found, int | float) else None


def texts(row: Row) -> tuple[str, str] | None:
    """(what was said, what is right), of a sample where both are texts."""
    answers, target = row.get("filtered_resps"), row.get("target")
    if isinstance(answers, list) and len(answers) == 1 and isinstance(answers[0], str) and isinstance(target, str):
        return answers[0], target
    return None


def asked(row: Row) -> str:
    """What the model was given."""
    return str(next((each[0] for each in _requests(row) if each), ""))


def right(row: Row) -> str:
    """The right answer, as a text where the answers to choose from are known."""
    target, choices = row.get("target"), _choices(row)
    place = int(target) if isinstance(target, str) and target.isdecimal() and target not in choices else target
    return choices[place] if isinstance(place, int) and 0 <= place < len(choices) else str(target)


def said(row: Row) -> str:
    """What the model said; of texts that were scored, the likeliest."""
    answers, choices = row.get("filtered_resps") or [""], _choices(row)
    if not isinstance(answers, list):
        return str(answers)
    if choices and len(answers) == len(choices) and all(isinstance(each, list) and each for each in answers):
        return choices[max(range(len(answers)), key=lambda place: _likelihood(answers[place][0]))]
    return str(answers[0])


def _likelihood(stored: Any) -> float:
    try:
        return float(stored)
    except (TypeError, ValueError):
        return -math.inf


def _choices(row: Row) -> list[str]:
    """The answers to choose from, where several were scored."""
    requests = _requests(row)
    if len(requests) < 2:
        return []
    return [str(each[1]).strip() if len(each) > 1 else "" for each in requests]


def _requests(row: Row) -> list[list[Any]]:
    """The arguments of each thing that the model was asked for this sample."""
    found = row.get("arguments") or []
    some = list(found.values()) if isinstance(found, Mapping) else found
    return [_listed(each) for each in some] if isinstance(some, list) else []


def _listed(arguments: Any) -> list[Any]:
    if isinstance(arguments, Mapping):
        return list(arguments.values())
    return list(arguments) if isinstance(arguments, list | tuple) else [arguments]
