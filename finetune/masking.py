"""A person's file as a run would learn it, with a model's own template and tokens: what the mask viewer shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.catalogue import Family, ModelEntry
from assistant.first_import import alone
from assistant.models import Models
from finetune import bases
from finetune.data import require
from finetune.lint import Report, cleaned, lint
from finetune.masks import Counts, Masked, counted, masked


def token_counter(model: str, models: Models | None = None) -> Callable[[str], int]:
    """A function: text → tokens of it for that model. Raises UnknownModel, ModelNotAvailable."""
    tokenizer = _tokenizer(bases.find(models or Models(), model, *Family))
    return lambda text: len(tokenizer(text)["input_ids"])


@alone("tokenizers")
def _tokenizer(entry: ModelEntry) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(bases.folder(entry))


@dataclass(frozen=True)
class Seen:
    """Rows that are kept, in the file's order, each with its number in the file."""

    rows: list[tuple[int, Masked]]
    counts: Counts
    report: Report


def look(
    path: Path,
    model: str,
    *,
    max_length: int,
    everything: bool = False,
    models: Models | None = None,
    report: Report | None = None,
) -> Seen:
    """Every row of a file for sft, token by token. report: of the lint, where it has been looked through already.

    Raises BadDataset, UnknownModel, ModelNotAvailable.
    """
    entry = bases.find(models or Models(), model, Family.DECODER)
    report = report or lint(path)
    require(report, "sft", path)
    tokenizer = _tokenizer(entry)
    numbered = zip(report.kept, cleaned(path, report), strict=True)
    rows = [(number, masked(row, tokenizer, everything=everything)) for number, row in numbered]
    return Seen(rows, counted(rows, max_length), report)
