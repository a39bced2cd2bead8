"""Rows of the assistant's own tasks from where they are published: files of a set of the Hub, or a public set of its
publisher's. The harness fetches those of its tasks itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from assistant.catalogue import HubSource
from assistant.errors import BadDataset, ModelNotAvailable, WeightsCorrupt
from assistant.public_sets import fetch, public_sets
from assistant.weights.hub import hub_reachable
from assistant.weights.hub_cache import hub_cache
from assistant.weights.hub_fetch import endpoint, explain
from eval.local_rows import rows
from eval.row_files import Files
from eval.suite import Suite, SuiteTask


def fetched(chosen: Suite, tasks: Sequence[SuiteTask], files: Files, folder: Path) -> Files:
    """The files with all rows here, but of the harness's tasks. folder: for what is put together of two files.

    Raises BadDataset where rows can neither be found nor fetched.
    """
    found = dict(files)
    for task in tasks:
        if task.published and found[task.name][0] is None:
            found[task.name] = _here(chosen, task, folder), None
    return found


def _here(chosen: Suite, task: SuiteTask, folder: Path) -> Path:
    try:
        if task.public_set:
            return fetch(task.public_set) / public_sets()[task.public_set].file
        files = [_of_hub(chosen, name) for name in task.hub]
    except (ModelNotAvailable, WeightsCorrupt) as error:
        hint = f"{error.hint} Or give the rows as a file: --data FILE.".strip()
        raise BadDataset(f"The rows of {chosen.title} cannot be had: {error.message}", hint=hint) from error
    return files[0] if len(files) == 1 else _paired(task, files, folder)


def _of_hub(chosen: Suite, name: str) -> Path:
    """A file of the suite's set, from the Hub's cache where it is there. Raises what `explain` makes of a failure."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(
                chosen.source,
                name,
                repo_type="dataset",
                revision=chosen.revision,
                cache_dir=hub_cache(),
                endpoint=endpoint(),
                local_files_only=not hub_reachable(),
            )
        )
    except Exception as error:
        raise explain(error, HubSource(f"datasets/{chosen.source}", chosen.revision)) from error


def _paired(task: SuiteTask, files: Sequence[Path], folder: Path) -> Path:
    """A table of pairs of what has the same id in two files, one of each language."""
    source, target = ({str(row["id"]): row["text"] for row in rows(path, "sentences")} for path in files)
    way = {"from": task.options["source"], "to": task.options["target"]}
    pairs = [{**way, "source": text, "target": target[name]} for name, text in source.items() if name in target]
    if not pairs:
        raise BadDataset(f"{files[0].name} and {files[1].name} have no id in common.", hint="Give them with --data.")
    path = folder / f"{task.name}.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), "utf-8")
    return path
