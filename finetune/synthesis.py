"""Training data that a chat model writes, from a description and a few samples (self-instruct, Wang et al. 2023,
arXiv:2212.10560): texts under labels, or questions with their answers.

asked in many styles → cleaned → near-duplicates and what is in a test file left out → a second model's opinion.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.engines.protocol import Message
from assistant.errors import BadSettings, UserError
from assistant.service import Assistant
from assistant.tasks.labels import described
from finetune.formats import Kind
from finetune.lint import cleaned, lint, parts
from finetune.written_texts import Seen, clean, flaw

STYLES = (
    "in a few words",
    "in one sentence",
    "in two or three sentences",
    "in everyday speech",
    "in careful, polite words",
    "as somebody in a hurry",
    "with a name, a number or a date in it",
    "about something that others would not think of",
)
"""What keeps a model from writing the same again: each row is asked for in another one."""
SHOWN = 3
"""Samples that a request shows."""
AT_ONCE = 8
"""Requests of a round."""
TRIES = 3
"""So many requests a wanted row, at the most."""
TEMPERATURE = 1.0
TEXT_TOKENS, ANSWER_TOKENS = 120, 300


@dataclass(frozen=True)
class Wanted:
    """What is to be written. labels: "billing", or "billing=invoices and refunds"; () for questions and answers."""

    description: str
    count: int
    labels: Sequence[str] = ()
    samples: Path | None = None
    """A file of a few good rows."""
    tests: Path | None = None
    """A file whose rows must not come out."""
    model: str | None = None
    check: str | None = None
    """The second model; None is the encoder for labels, and nobody for answers."""
    agreed_only: bool = False
    seed: int = 0


@dataclass
class Tally:
    """What became of the requests."""

    asked: int = 0
    kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])
    """"near-duplicates", "test rows", "empty", "too long", "not agreed" → how many."""
    checked: int = 0
    agreed: int = 0

    @property
    def agreement(self) -> float | None:
        """Share of the rows that the second model holds for right."""
        return self.agreed / self.checked if self.checked else None

    def __str__(self) -> str:
        left = ", ".join(f"{count:,} {why}" for why, count in self.left_out.most_common())
        agreed = "" if self.agreement is None else f" The second model agrees with {self.agreement:.0%}."
        return f"{self.kept:,} rows of {self.asked:,} requests{f'; left out: {left}' if left else ''}.{agreed}"


def labels_of(text: str) -> tuple[str, ...]:
    """Labels as people write them: "billing, repair", or "billing=invoices, refunds; repair=broken phones"."""
    return tuple(filter(None, (each.strip() for each in text.split(";" if "=" in text or ";" in text else ","))))


def synthesize(
    assistant: Assistant, wanted: Wanted, tally: Tally, output: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Rows as they are written, in TRL's format or as texts with a label; `tally` counts along.

    output: a file of JSON lines that each row is added to at once; none of its texts comes again.

    Fewer than wanted where the model repeats itself. Raises BadSettings, BadDataset, ModelNotAvailable, UserError where
    the file cannot be written.
    """
    if wanted.count < 1 or not wanted.description.strip():
        raise BadSettings("Say what the rows are about, and how many there should be.")
    if wanted.agreed_only and not wanted.labels and wanted.check is None:
        raise BadSettings("Nobody is asked for a second opinion.", hint="Name a model for it: --check MODEL.")
    labels = described(wanted.labels) if wanted.labels else {}
    kind = Kind.CLASSIFICATION if labels else Kind.COMPLETION
    samples = _rows(wanted.samples, kind)
    seen = Seen([parts(row, kind)[0] for row in _rows(wanted.tests, kind)])
    written = _rows(output, kind) if output is not None and output.exists() and output.stat().st_size else []
    for row in (*samples, *written):
        seen.add(parts(row, kind)[0])
    if output is not None:
        _require_writable(output)
    draw = random.Random(wanted.seed)  # noqa: S311 - the same each time
    while tally.kept < wanted.count and tally.asked < TRIES * wanted.count:
        names = list(labels) or [""]
        size = min(AT_ONCE, wanted.count - tally.kept, TRIES * wanted.count - tally.asked)
        turn = [names[(tally.asked + place) % len(names)] for place in range(size)]
        prompts = [_request(wanted, labels.get(name, ""), samples, name, draw) for name in turn]
        begin = wanted.seed + len(written) * TRIES + tally.asked
        replies = assistant.replies_to(prompts, wanted.model, TEXT_TOKENS, temperature=TEMPERATURE, seed=begin)
        fresh = [(clean(text), name) for text, name in zip(replies, turn, strict=True)]
        tally.asked += size
        good = [(text, name) for text, name in fresh if _kept(text, seen, tally)]
        rows: list[dict[str, Any]] = (
            [{"text": text, "label": name} for text, name in good]
            if labels
            else list(_answered(assistant, wanted, [text for text, _ in good], begin))
        )
        for row, agreed in zip(rows, _agreed(assistant, wanted, rows), strict=True):
            if agreed is not None:
                tally.checked += 1
                tally.agreed += agreed
            if wanted.agreed_only and agreed is False:
                tally.left_out["not agreed"] += 1
                continue
            tally.kept += 1
            if output is not None:
                _add(output, json.dumps(row, ensure_ascii=False) + "\n")
            yield row


def _require_writable(output: Path) -> None:
    """Raises UserError where no row could be added, before a model has worked for minutes."""
    new = not output.exists()
    _add(output, "")
    if new:
        output.unlink()


def _add(output: Path, line: str) -> None:
    """Write at the end of a file. Raises UserError where that cannot be."""
    try:
        with output.open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        folder = "" if output.parent.is_dir() else f" There is no folder {output.parent}."
        hint = f"Name another file.{folder}"
        raise UserError(f"{output} cannot be written: {error.strerror or error}.", hint=hint) from error


def _kept(text: str, seen: Seen, tally: Tally) -> bool:
    if why := flaw(text) or seen.why(text):
        tally.left_out[why] += 1
        return False
    seen.add(text)
    return True


def _rows(path: Path | None, kind: Kind) -> list[dict[str, Any]]:
    """The rows of a file of that kind. Raises BadDataset, BadSettings."""
    if path is None:
        return []
    report = lint(path)
    if report.format.kind is not kind:
        wanted = "texts with a label" if kind is Kind.CLASSIFICATION else "questions and answers"
        raise BadSettings(f"{path.name} holds {report.format.name}; {wanted} are needed here.")
    return list(cleaned(path, report))


def _request(
    wanted: Wanted, label: str, samples: Sequence[Mapping[str, Any]], name: str, draw: random.Random
) -> list[Message]:
    own = [row for row in samples if not name or row["label"] == name]
    shown = draw.sample(own, min(SHOWN, len(own)))
    kind = Kind.CLASSIFICATION if name else Kind.COMPLETION
    like = "".join(f"\n- {parts(row, kind)[0]}" for row in shown)
    style = draw.choice(STYLES)
    told = wanted.description.strip()
    if name:
        asked = f"The texts are: {told}\nMake up one of them, which belongs under “{label}”, {style}."
        asked += " Write it word for word as its author would, with names and numbers made up."
    else:
        asked = f"There is an assistant: {told}\nMake up one question or task that a person might put to it, {style}."
    like = "".join(f"\n- {parts(row, kind)[0]}" for row in shown)
    examples = f"\nSuch as, but about something else:{like}" if like else ""
    return [Message("user", f"{asked} Give only the text itself, nothing about it.{examples}")]


def _answered(assistant: Assistant, wanted: Wanted, asked: list[str], seed: int) -> Iterator[dict[str, Any]]:
    prompts = [[Message("system", wanted.description.strip()), Message("user", text)] for text in asked]
    answers = assistant.replies_to(prompts, wanted.model, ANSWER_TOKENS, temperature=TEMPERATURE / 2, seed=seed)
    for text, answer in zip(asked, answers, strict=True):
        yield {"prompt": text, "completion": answer.strip()}


def _agreed(assistant: Assistant, wanted: Wanted, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """Whether the second model holds each row for right; None where there is no such model."""
    if not rows:
        return []
    if wanted.labels:
        found = assistant.labels([row["text"] for row in rows], wanted.labels, model=wanted.check)
        return [max(each, key=each.__getitem__) == row["label"] for each, row in zip(found, rows, strict=True)]
    if wanted.check is None:
        return [None] * len(rows)
    asked = "Question: {prompt}\nAnswer: {completion}\n\nIs this a right and fitting answer? Say yes or no."
    prompts = [[Message("user", asked.format_map(row))] for row in rows]
    return [said.strip().lower().startswith("yes") for said in assistant.replies_to(prompts, wanted.check, 4)]
