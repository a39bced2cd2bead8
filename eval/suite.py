"""Suites: what is measured, each a YAML file in `eval/suites/`.

A suite has one task or several; most are lm-evaluation-harness's own, so that figures agree with the published ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assistant.errors import UnknownTask

FOLDER = Path(__file__).parent / "suites"
FIRST = "mini"
"""The suite that is offered first."""
NAMED = ("title", "licence", "paper", "source", "split")
"""What no suite may leave out."""
KINDS = {
    "score": "score given texts",
    "generate": "write text",
    "labels": "sort texts under labels",
    "translation": "translate",
    "summary": "summarise",
    "speed": "be timed",
    "judged": "answer open questions",
}
"""What a task asks of a model."""


@dataclass(frozen=True)
class SuiteTask:
    """One task of a suite, with its own figure."""

    name: str
    kind: str
    metric: str
    """The figure that the task is quoted by, as its results name it: "acc_norm,none"."""
    title: str = ""
    """For people; "" is its name."""
    harness: str = ""
    """YAML file of a task, in lm-evaluation-harness's folder of tasks, or in ours where there is one of that name; a
    folder for a group of tasks; "" for a task of the assistant."""
    split: str = "test"
    """The harness's name of what is measured on."""
    reader: str = ""
    """How a file that is no copy of the Hub's rows is read (local_rows.py)."""
    file: str = ""
    """Name of that file, where a folder is given with `--data`; in `eval/suites/` where it comes with Parley."""
    several: bool = False
    """Whether its rows are in several files: of a folder that is given, all that its reader knows."""
    shots_file: str = ""
    """Where examples are shown first: the file that they are taken from."""
    sha256: str = ""
    """Of a file that comes with Parley: other questions would be another suite."""
    chat: bool = False
    """Asked as a conversation, by the model's template, rather than as a text to go on with."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Of one of the assistant's tasks: the languages of a translation."""
    keep: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of a file with rows of several tasks: the values that this one's have."""
    hub: Sequence[str] = ()
    """Of one of the assistant's tasks: the file of the Hub's set with its rows; of a translation, one of each
    language, whose rows have `id` and `text`."""
    public_set: str = ""
    """Of one of the assistant's tasks whose rows are elsewhere: the set that has them (assistant/public_sets.toml)."""

    @property
    def published(self) -> bool:
        """Whether rows of one of the assistant's tasks can be fetched."""
        return bool(self.hub or self.public_set)

    @property
    def group(self) -> bool:
        """Whether it is a group of the harness's tasks, a subset each."""
        return bool(self.harness) and not self.harness.endswith(".yaml")


@dataclass(frozen=True)
class Suite:
    """What is measured together."""

    name: str
    title: str
    asks: str
    """What it asks of a model, in a sentence."""
    ability: str
    licence: str
    paper: str
    source: str
    """Where its rows are published: a set of the Hub ("Rowan/hellaswag") or an address; "Parley"; "yours"."""
    revision: str
    """Of a set of the Hub: the commit that is fetched, or "main", whatever that is at the time; "" of others."""
    split: str
    """The part of the set that is measured on, as its publisher calls it."""
    shots: int
    """Solved examples before each question, where nobody asks for another number."""
    tasks: tuple[SuiteTask, ...]
    rows: int = 0
    """Of the full set; 0 where a person brings it."""
    reading: str = ""
    """What its figures mean, where that is not plain."""
    chance: float | None = None
    """What guessing gets."""

    def __post_init__(self) -> None:
        wrong = [f"{name} is missing" for name in NAMED if not getattr(self, name)]
        if not (self.shots.__class__ is int and self.shots >= 0):
            wrong.append(f"shots is no number of examples: {self.shots!r}")
        if self.on_hub and not re.fullmatch(r"main|[0-9a-f]{40}", self.revision):
            wrong.append(f"revision is no commit of {self.source}, nor main: {self.revision!r}")
        if not self.on_hub and self.revision:
            wrong.append(f"revision {self.revision} is of nothing: {self.source} is no set of the Hub")
        if wrong:
            raise ValueError(f"{self.name}.yaml: {'; '.join(wrong)}")

    @property
    def on_hub(self) -> bool:
        """Whether its rows can be fetched from the Hub."""
        return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", self.source))

    @property
    def shipped(self) -> bool:
        """Whether its data come with Parley."""
        return all(task.file and (FOLDER / task.file).is_file() for task in self.tasks)


def facts(about: Suite) -> dict[str, str]:
    """What a person should know of a suite before its figures: name of a fact → the fact."""
    revision = f" at {about.revision[:12]}" if about.revision else ""
    rows = "comes with Parley" if about.shipped else f"{about.source}{revision}, {about.rows:,} rows"
    told = {"rows": "yours" if about.source == "yours" else rows}
    told |= {} if about.shipped or about.source == "yours" else {"split": about.split}
    told["figure"] = ", ".join(dict.fromkeys(task.metric.partition(",")[0] for task in about.tasks))
    return {**told, "examples first": str(about.shots), "licence": about.licence, "paper": about.paper}


@cache
def suites() -> Mapping[str, Suite]:
    """Every suite by its name, what comes with Parley first."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return {suite.name: suite for suite in sorted(found, key=lambda suite: (suite.name != FIRST, not suite.shipped))}


@cache
def titles() -> Mapping[str, str]:
    """Task → what it is called."""
    return {task.name: task.title or suite.title for suite in suites().values() for task in suite.tasks}


def suite(name: str) -> Suite:
    """Raises UnknownTask."""
    if name not in suites():
        raise UnknownTask(f"There is no suite {name!r}.", hint=f"There are {', '.join(suites())}.")
    return suites()[name]


def _read(path: Path) -> Suite:
    stored: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    split = stored.get("split", "")
    tasks = tuple(SuiteTask(**{"split": split, **each}) for each in stored.pop("tasks"))
    return Suite(name=path.stem, tasks=tasks, **stored)
