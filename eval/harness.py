"""lm-evaluation-harness on Parley's engines, with its own tasks and data from the Hub or from a file."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from assistant.errors import BadDataset, BadSettings, ParleyError, RunError
from assistant.weights.hub import hub_reachable
from eval import groups, ifeval, local_rows
from eval.suite import FOLDER, SuiteTask

BOOTSTRAPS = 1000
"""For the standard error of a figure that is no mean of its samples."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk that is full says."""


@dataclass(frozen=True)
class Given:
    """A task and where its rows come from; None is the Hub."""

    task: SuiteTask
    data: Path | None
    shots_data: Path | None = None
    """Its solved examples, where the rows are in a file."""
    revision: str = ""
    """Of the Hub's set; "" is main, or that there is none."""
    shots: int = 0
    """Solved examples that come first where nobody asks for another number."""


def require() -> None:
    """Raises RunError where the harness is not installed."""
    if find_spec("lm_eval") is None:
        hint = "`PARLEY_EXTRAS=eval make setup` in Parley's folder installs it."
        raise RunError("This suite runs through lm-evaluation-harness, which is not installed.", hint=hint)


def require_examples(given: Given, shots: int | None) -> None:
    """Raises BadDataset where solved examples are asked for and could only come from the rows that are measured on, so
    that a question might stand there with its own answer; BadSettings for a task that shows none. Of sets of the Hub
    that is known once they are fetched."""
    if not shots:
        return
    if not given.task.harness:
        raise BadSettings(f"{given.task.name} shows no solved examples.", hint="Leave out --shots.")
    if given.data is not None and given.shots_data is None:
        hint = "Leave out --shots, or --data." if given.revision else "Leave out --shots."
        raise BadDataset(f"{given.task.name} has no solved examples beside the rows that are measured on.", hint=hint)


def evaluate(
    given: Sequence[Given], model: Any, folder: Path, *, limit: int | None, shots: int | None, chat: bool
) -> dict[str, Any]:
    """Results as the harness's `simple_evaluate` gives them, samples included. folder: for the rows that it reads.

    Raises BadDataset where the Hub's set cannot be had, what require_examples does, and what the model raises.
    """
    from lm_eval import simple_evaluate as decorated
    from lm_eval.tasks import TaskManager

    for each in given:
        require_examples(each, shots)
    names = [each.task.name if each.task.group else str(_config(each, folder, limit, shots)) for each in given]
    paths: list[str | Path] = [_group(each, folder, limit) for each in given if each.task.group]
    if any(each.task.harness.startswith("ifeval/") for each in given):
        ifeval.prepare()
    simple_evaluate: Callable[..., Any] = decorated  # its decorator hides its parameters
    manager = TaskManager(include_defaults=False, include_path=paths)
    with _quiet():
        with _fetching([each.task.name for each in given if each.data is None]):
            loaded: Any = manager.load(names)  # apart from the rest: what fails afterwards is none of the Hub's doing
        for task in loaded["tasks"].values() if shots else ():
            _require_others(task)
        known = {**loaded["tasks"], **loaded.get("groups", {})}
        found = simple_evaluate(
            model=model,
            tasks=[known[each.task.name] for each in given],
            task_manager=manager,
            num_fewshot=shots,
            limit=limit,
            bootstrap_iters=BOOTSTRAPS,
            apply_chat_template=chat,
            log_samples=True,
        )
    assert found is not None  # noqa: S101 - this is the only process
    return dict(found)


def _require_others(task: Any) -> None:
    """Raises BadSettings for a task of the harness that never shows examples, BadDataset where it would take them from
    the rows that are measured on, which it does where a set has no others."""
    config, own = task.config, task.fewshot_cfg
    if config.num_fewshot == 0:
        raise BadSettings(f"{config.task} shows no solved examples.", hint="Leave out --shots.")
    source = own.split or (None if own.samples else config.training_split or config.validation_split)
    if not own.samples and source in (None, config.test_split or config.validation_split):
        hint = "Leave out --shots."
        raise BadDataset(f"{config.task} has no solved examples beside the rows that are measured on.", hint=hint)


def _group(given: Given, folder: Path, limit: int | None) -> Path:
    """A folder with the files of a group of tasks: the harness's own, or ones that read the rows from files."""
    own = _harness_tasks() / given.task.harness
    if given.data is None:
        pinned = given.revision
        return groups.pinned(own, folder / given.task.name, pinned) if pinned else own
    return groups.written(given.task, own, given.data, folder / given.task.name, limit)


def _config(given: Given, folder: Path, limit: int | None, shots: int | None = None) -> Path:
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
            wanted = given.shots if shots is None else shots
            files["train"] = _rows(given.shots_data, given.task, folder, "train", None, wanted)
        config |= {"dataset_path": "json", "dataset_name": None, "custom_dataset": None}
        config["dataset_kwargs"] = {"data_files": files, "cache_dir": str(folder / "cache")}
        config |= {f"{name}_split": None for name in ("training", "validation", "test", "fewshot")}
        config |= {"training_split": "train", "fewshot_split": "train"} if given.shots_data is not None else {}
        config["validation_split" if split == "validation" else "test_split"] = split
    path = folder / f"{given.task.name}.yaml"
    path.write_text(json.dumps(config, indent=1), "utf-8")  # JSON is YAML
    return path


def _rows(path: Path, task: SuiteTask, folder: Path, split: str, limit: int | None, wanted: int = 0) -> str:
    """The file of a split. Raises BadDataset for fewer rows than are wanted."""
    found = local_rows.rows(path, task.reader, limit, task.keep)
    if len(found) < wanted:
        hint = f"Ask for fewer: --shots {len(found)}."
        raise BadDataset(f"{path.name} has {len(found)} solved examples; {wanted} are to be shown.", hint=hint)
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
def _fetching(names: Sequence[str]) -> Generator[None]:
    """What goes wrong while sets of the Hub are fetched as ours. names: of the tasks that read one."""
    hint = "Give the rows as a file: --data FILE."
    if names and not hub_reachable():
        raise BadDataset(f"The rows of {', '.join(names)} are on the Hub, which cannot be reached.", hint=hint)
    try:
        yield
    except (ParleyError, MemoryError):
        raise
    except Exception as error:
        if not names:
            raise
        if _is_full(error):
            hint = "Free some space, or say by HF_HOME where there is more."
            raise RunError(
                f"There is no space left on the disk for the rows of {', '.join(names)}.", hint=hint
            ) from error
        said = " ".join(str(error).split())[:300]
        raise BadDataset(f"The rows of {', '.join(names)} cannot be had: {said}", hint=hint) from error


def _is_full(error: BaseException | None) -> bool:
    """Whether a failure comes from a full disk, which `datasets` foresees and says without a number."""
    while error is not None:
        if isinstance(error, OSError) and (error.errno in FULL or "enough disk space" in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def samples(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Task → its samples, as the harness logs them."""
    return {name: [dict(each) for each in rows] for name, rows in found.get("samples", {}).items()}
