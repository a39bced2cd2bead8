"""What is wrong with a file of training data, before a night is spent on it: each finding with the rows it is about.

Some findings are of rows that cannot or should not be trained on, which a cleaned copy leaves out; the others are for a
person to look at.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset
from assistant.languages import detect_all, name
from assistant.tables import BadRow, rows
from finetune.formats import METHODS, Format, Kind, recognised
from finetune.labels import findings as label_findings
from finetune.labels import spellings
from finetune.messages import BadTrainingRow
from finetune.personal_data import personal_data

LOOKED_AT = 200
"""Rows by which the format is told, and rows whose language is."""
LONG = "more than {:,} tokens: the rest would be cut off"
OTHER_LANGUAGES = 0.05
"""Share of rows in another language than most from which it is told."""

MOJIBAKE = re.compile("Ã[\u0080-¿]|â€[\u0080-\u2122]|\ufffd")
"""UTF-8 that was read as Latin-1 or Windows-1252, or letters that were lost."""


@dataclass(frozen=True)
class Finding:
    """Something about several rows. `rows` are all of their numbers in the file, from 1."""

    about: str
    """"empty", "duplicates" …: one word or two."""
    said: str
    count: int
    rows: tuple[int, ...]
    dropped: bool = False
    """Whether a cleaned copy leaves these rows out."""


@dataclass(frozen=True)
class Report:
    """What a file holds. `kept` are the numbers of the rows that a cleaned copy has."""

    format: Format
    rows: int
    kept: tuple[int, ...]
    findings: tuple[Finding, ...]
    labels: Mapping[str, int]
    """Label → rows that are kept; empty where rows have none."""
    spellings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Label → a more frequent one that it looks like."""

    @property
    def methods(self) -> tuple[str, ...]:
        """What can be trained on it."""
        return METHODS[self.format.kind]

    def beside(self, finding: Finding) -> Report:
        """The same with one more finding in its place."""
        return replace(self, findings=_in_order([*self.findings, finding]))


def too_long(numbers: Sequence[int], most: int) -> Finding:
    """Of rows with more tokens than a run reads."""
    return Finding("too long", LONG.format(most), len(numbers), tuple(numbers))


class _Findings:
    """Findings as they come up, each row once in each."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
        self.dropped: set[int] = set()
        self.seen = 0
        """Rows of the file so far."""

    def add(self, about: str, said: str, number: int, *, drop: bool = False) -> None:
        self._rows[about, said, drop].append(number)
        if drop:
            self.dropped.add(number)

    def listed(self) -> tuple[Finding, ...]:
        found = [
            Finding(about, said, len(numbers), tuple(numbers), drop)
            for (about, said, drop), numbers in self._rows.items()
        ]
        return _in_order(found)


def _in_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """What leaves rows out before the rest, what many rows have before what few have."""
    return tuple(sorted(found, key=lambda each: (not each.dropped, -each.count)))


def lint(
    path: Path, *, tests: Path | None = None, count: Callable[[str], int] | None = None, most: int | None = None
) -> Report:
    """Look at every row of a file.

    tests: a file whose rows must not be trained on. count, most: tokens of a text, and the tokens that a row may have.
    Raises BadDataset for a file that cannot be read, is empty or teaches nothing that is known.
    """
    shape = format_of(path)
    findings = _Findings()
    good: dict[int, str] = {}
    labels: dict[int, str] = {}
    answers: dict[str, str] = {}
    for number, row in _new_rows(path, shape, findings, _questions(tests) if tests else frozenset()):
        question, answer = parts(row, shape.kind)
        if count is not None and most is not None and any(count(text) > most for text in texts(row, shape.kind)):
            findings.add("too long", LONG.format(most), number)
        if shape.kind is Kind.CLASSIFICATION and answers.setdefault(_plain(question), answer) != answer:
            findings.add("contradictions", "another label than an equal text before it", number)
        for about, said in _oddities(row, f"{question}\n{answer}", shape.kind):
            findings.add(about, said, number, drop=about == "says nothing")
        good[number] = question
        if "label" in row:
            labels[number] = str(row["label"])
    kept = tuple(each for each in good if each not in findings.dropped)
    counted = Counter(labels[each] for each in kept if each in labels)
    alike = spellings(counted)
    of_labels = label_findings(good, labels, counted, alike)
    for about, said, numbers in chain(of_labels, _foreign({each: good[each] for each in kept})):
        for each in numbers:
            findings.add(about, said, each)
    return Report(shape, findings.seen, kept, findings.listed(), dict(counted.most_common()), alike)


def format_of(path: Path) -> Format:
    """The format of a file, by its beginning. Raises BadDataset."""
    seen = list(islice(rows(path), LOOKED_AT))
    if first := [row for row in seen if not isinstance(row, BadRow)]:
        return recognised(first)
    hint = "Give at least one good row: `parley data lint --help` says which files are read."
    if not seen:
        raise BadDataset(f"{path.name} is empty.", hint=hint)
    reason = next(row.reason for row in seen if isinstance(row, BadRow))
    raise BadDataset(f"No row of {path.name} can be used: {reason} (row 1).", hint=hint)


def cleaned(path: Path, report: Report) -> Iterator[dict[str, Any]]:
    """The rows that are kept, in TRL's format."""
    kept = frozenset(report.kept)
    for number, row in enumerate(rows(path), 1):
        if number in kept and not isinstance(row, BadRow):
            yield report.format.convert(row)


def _new_rows(
    path: Path, shape: Format, findings: _Findings, leaked: Collection[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers and rows that can be trained on, each once; of the others, what is wrong."""
    seen: set[str] = set()
    for number, row in enumerate(rows(path), 1):
        findings.seen = number
        if isinstance(row, BadRow):
            findings.add("unusable", row.reason, number, drop=True)
            continue
        try:
            converted = shape.convert(row)
        except BadTrainingRow as error:
            findings.add("unusable", str(error), number, drop=True)
            continue
        question, answer = map(_plain, parts(converted, shape.kind))
        if f"{question}\n{answer}" in seen:
            findings.add("duplicates", "the same as an earlier row", number, drop=True)
        elif question in leaked:
            findings.add("leaks", "stands in the test file too", number, drop=True)
        else:
            seen.add(f"{question}\n{answer}")
            yield number, converted


def parts(row: Mapping[str, Any], kind: Kind) -> tuple[str, str]:
    """(what is asked, what is learnt) of a converted row, as texts."""
    match kind:
        case Kind.CONVERSATION:
            return _said(row["messages"][:-1]), _said(row["messages"][-1:])
        case Kind.PROMPT:
            return _said(row["prompt"]), ""
        case Kind.COMPLETION | Kind.UNPAIRED:
            return _said(row["prompt"]), _said(row["completion"])
        case Kind.PREFERENCE:
            return _said(row["prompt"]), f"{_said(row['chosen'])}\n{_said(row['rejected'])}"
        case Kind.CLASSIFICATION:
            return row["text"], row["label"]
        case Kind.PAIR:
            return row["source"], row["target"]
        case Kind.TEXT:
            return row["text"], ""


def texts(row: Mapping[str, Any], kind: Kind) -> tuple[str, ...]:
    """The texts of a converted row that a model reads one by one: each has the tokens of a row for itself."""
    match kind:
        case Kind.PREFERENCE:
            return tuple(f"{_said(row['prompt'])}\n{_said(row[side])}" for side in ("chosen", "rejected"))
        case Kind.PAIR:
            return row["source"], row["target"]
        case Kind.CLASSIFICATION:
            return (row["text"],)
        case _:
            return ("\n".join(filter(None, parts(row, kind))),)


def _said(messages: Iterable[Mapping[str, str]]) -> str:
    return "\n".join(message["content"] for message in messages)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _questions(path: Path) -> frozenset[str]:
    shape = format_of(path)
    usable = _new_rows(path, shape, _Findings(), ())
    return frozenset(_plain(parts(row, shape.kind)[0]) for _, row in usable)


def _oddities(row: Mapping[str, Any], whole: str, kind: Kind) -> Iterable[tuple[str, str]]:
    """(about, said) of one row."""
    if kind is Kind.PREFERENCE and _plain(_said(row["chosen"])) == _plain(_said(row["rejected"])):
        yield "says nothing", "chosen and rejected are the same"
    if kind is Kind.PAIR and _plain(row["source"]) == _plain(row["target"]):
        yield "unchanged", "the target is the source"
    if MOJIBAKE.search(whole):
        yield "encoding", "letters were lost or read in the wrong encoding"
    for what in personal_data(whole):
        yield "personal data", f"what looks like {what}"


def _foreign(texts: Mapping[int, str]) -> Iterable[tuple[str, str, Sequence[int]]]:
    """Rows in another language than most, by a sample over the whole file."""
    step = max(1, len(texts) // LOOKED_AT)
    sample = [number for number in list(texts)[::step] if len(texts[number]) >= 40]
    found = detect_all([texts[number] for number in sample])
    for language, count in Counter(found).most_common()[1:]:
        if count > OTHER_LANGUAGES * len(sample):
            numbers = [number for number, each in zip(sample, found, strict=True) if each == language]
            yield "languages", f"in {name(language)}, of a sample of {len(sample)}", numbers
