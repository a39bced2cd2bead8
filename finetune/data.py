"""Rows to train on and rows to be measured on, out of a person's files."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset
from finetune.formats import METHODS, Format, Kind
from finetune.lint import Report, cleaned, lint
from finetune.settings import Settings

FEWEST_TO_SPLIT = 20
"""Rows below which none is set apart: each is needed to learn from."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """In TRL's format. report: what the lint found in the file that is trained on."""

    train: Sequence[Row]
    test: Sequence[Row]
    report: Report

    @property
    def said(self) -> str:
        """For the log and the page."""
        left = self.report.rows - len(self.report.kept)
        without = f", {left:,} left out (see the lint)" if left else ""
        return f"{len(self.train):,} rows to train on, {len(self.test):,} to be measured on{without}."


def read(settings: Settings, method: str) -> Rows:
    """The rows of a run; which are set apart depends on the seed alone. A test file's rows are never trained on.

    Raises BadDataset where a file cannot be read, has no usable row or teaches something else.
    """
    tests = Path(settings.test).expanduser() if settings.test else None
    path = Path(settings.data).expanduser()
    report = lint(path, tests=tests)
    require(report, method, path)
    train = list(cleaned(path, report))
    draw = random.Random(settings.seed)  # noqa: S311 - the same each time
    left: list[Row] = []
    if settings.max_rows is not None and settings.max_rows < len(train):
        train = draw.sample(train, len(train))
        train, left = train[: settings.max_rows], train[settings.max_rows :]
    if tests is not None:
        of_tests = lint(tests)
        require(of_tests, method, tests)
        return Rows(train, list(cleaned(tests, of_tests)), report)
    if left:  # nobody trains on them
        return Rows(train, left[: settings.most_tested] if settings.test_share else [], report)
    count = min(settings.most_tested, int(len(train) * settings.test_share)) if len(train) >= FEWEST_TO_SPLIT else 0
    apart = frozenset(draw.sample(range(len(train)), count))
    return Rows(
        [row for place, row in enumerate(train) if place not in apart],
        [train[place] for place in sorted(apart)],
        report,
    )


def suits(shape: Format, method: str, path: Path) -> None:
    """Raises BadDataset where rows of this format are not for the method."""
    methods = METHODS[shape.kind]
    if method not in methods:
        wanted = " or ".join(kind.value for kind in Kind if method in METHODS[kind])
        raise BadDataset(
            f"{path.name} was read as {shape.name} ({', '.join(shape.columns)}), "
            f"which is for {' or '.join(methods)}, not for {method}.",
            hint=f"{method} needs rows of the kind: {wanted}.",
        )


def require(report: Report, method: str, path: Path) -> None:
    """Raises BadDataset where the rows of a file are not for the method, or none is left."""
    suits(report.format, method, path)
    if not report.kept:
        worst = report.findings[0]
        raise BadDataset(
            f"No row of {path.name} can be trained on: {worst.said} (row {worst.rows[0]:,}).",
            hint=f"`parley data lint {path}` lists what is wrong.",
        )
