"""lm-evaluation-harness on Parley's engines, with its own tasks and data from the Hub or from a file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset, ParleyError, RunError
from assistant.weights.hub import hub_reachable
from eval import groups, ifeval, local_rows
from eval.suite import FOLDER, SuiteTask

BOOTSTRAPS = 1000
"""For the standard error of a figure that is no mean of its samples."""


@dataclass(frozen=True)
class Given:
    """A task and where its rows come from; None is the Hub."""

    task: SuiteTask
    data: Path | None
    shots_data: Path | None = None
    revision: str = ""
    """Of the Hub's set; "" is main."""


def require() -> None:
    """Raises RunError where the harness is not installed."""
    if find_spec("lm_eval") is None:
        hint = "`pip install 'parley[eval]'` installs it."
        raise RunError("This suite runs through lm-evaluation-harness, which is not installed.", hint=hint)


def evaluate(
    given: Sequence[Given], model: Any, folder: Path, *, limit: int | None, shots: int | None, chat: bool
) -> dict[str, Any]:
    """Results as the harness's `simple_evaluate` gives them, samples included. folder: for the rows that it reads.

    Raises BadDataset where the Hub's set cannot be had, and what the model raises.
    """
    from lm_eval import simple_evaluate as decorated
    from lm_eval.tasks import TaskManager

    tasks = [each.task.name if each.task.group else str(_config(each, folder, limit)) for each in given]
    paths: list[str | Path] = [_group(each, folder, limit, shots) for each in given if each.task.group]
    if any(each.task.harness.startswith("ifeval/") for each in given):
        ifeval.prepare()
    simple_evaluate: Callable[..., Any] = decorated  # its decorator hides its parameters
    manager = TaskManager(include_defaults=False, include_path=paths)
    with _quiet(), _mapped([each.task.name for each in given if each.data is None]):
        found = simple_evaluate(
            model=model,
            tasks=tasks,
            task_manager=manager,
            num_fewshot=shots,
            limit=limit,
            bootstrap_iters=BOOTSTRAPS,
            apply_chat_template=chat,
            log_samples=True,
        )
    assert found is not None  # noqa: S101 - this is the only process
    return dict(found)


def _group(given: Given, folder: Path, limit: int | None, shots: int | None) -> Path:
    """A folder with the files of a group of tasks: the harness's own, or ones that read the rows from files."""
    own = _harness_tasks() / given.task.harness
    if given.data is None:
        pinned = given.revision
        return groups.pinned(own, folder / given.task.name, pinned) if pinned else own
    if shots:
        hint = "Leave out --shots, or --data."
        raise BadDataset(f"{given.task.name} has no solved examples in files of one's own.", hint=hint)
    return groups.written(given.task, own, given.data, folder / given.task.name, limit)


def _config(given: Given, folder: Path, limit: int | None) -> Path:
    """A YAML file of the harness's that takes its task and, where there is a file, reads the rows from it."""
    own = FOLDER / given.task.harness
    base = own if own.is_file() else _harness_tasks() / given.task.harness
    config: dict[str, Any] = {"include": str(base), "task": given.task.name}
    if given.data is None and given.revision:
        config["dataset_kwargs"] = {"revision": given.revision}
    if given.data is not None:
        split = given.task.split
        files = {split: _rows(given.data, given.task, folder, split, limit)}
        if given.shots_data is not None:
            files["train"] = _rows(given.shots_data, given.task, folder, "train", None)
        config |= {"dataset_path": "json", "dataset_name": None, "custom_dataset": None}
        config["dataset_kwargs"] = {"data_files": files, "cache_dir": str(folder / "cache")}
        config |= {f"{name}_split": None for name in ("training", "validation", "test", "fewshot")}
        config |= {"training_split": "train", "fewshot_split": "train"} if given.shots_data is not None else {}
        config["validation_split" if split == "validation" else "test_split"] = split
    path = folder / f"{given.task.name}.yaml"
    path.write_text(json.dumps(config, indent=1), "utf-8")  # JSON is YAML
    return path


def _rows(path: Path, task: SuiteTask, folder: Path, split: str, limit: int | None) -> str:
    found = local_rows.rows(path, task.reader, limit, task.keep)
    made = folder / f"{task.name}.{split}.jsonl"
    made.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return str(made)


def _harness_tasks() -> Path:
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


@contextmanager
def _quiet() -> Generator[None]:
    import datasets

    datasets.disable_progress_bars()
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _mapped(fetched: Sequence[str]) -> Generator[None]:
    """What goes wrong with data sets of the Hub as ours. fetched: the tasks that read one."""
    hint = "Give the rows as a file: --data FILE."
    if fetched and not hub_reachable():
        raise BadDataset(f"The rows of {', '.join(fetched)} are on the Hub, which cannot be reached.", hint=hint)
    try:
        yield
    except ParleyError:
        raise
    except Exception as error:
        if not fetched:
            raise
        said = " ".join(str(error).split())[:300]
        raise BadDataset(f"The rows of {', '.join(fetched)} cannot be had: {said}", hint=hint) from error


def samples(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Task → its samples, as the harness logs them."""
    return {name: [dict(each) for each in rows] for name, rows in found.get("samples", {}).items()}
