"""The text commands over a folder or a bucket: `--input reviews/ --output rated/`, with `--on ray` on a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.errors import BadSettings
from ui.terminal.output import note

if TYPE_CHECKING:
    from assistant.catalogue import ModelEntry
    from assistant.engines.remote import Remote
    from assistant.scale.blocks import Spread
    from assistant.service import Assistant

MODELS: dict[str, Callable[[Assistant, Mapping[str, Any]], ModelEntry | Remote]] = {
    "sentiment_batch": lambda assistant, _: assistant.task_model("sentiment"),
    "label_batch": lambda assistant, _: assistant.task_model("embed"),
    "summary_batch": lambda assistant, settings: assistant.summary_model(settings["way"], None),
}
"""Which model does what, where nobody names one; a translator goes by each file's language."""
OnOption = Annotated[
    str, typer.Option("--on", help="For a folder or a bucket: here, ray, or HOST:PORT of a Ray cluster.")
]
WorkersOption = Annotated[int, typer.Option("--workers", min=0, help="Workers on Ray; 0: as many as it holds.")]
BlockOption = Annotated[int, typer.Option("--block-rows", min=1, help="Rows of a folder's files that are done as one.")]


def address(path: Path) -> str:
    """A path as it was typed: pathlib takes one of the two slashes from s3://."""
    return re.sub(r"^([a-z][a-z0-9+.-]+):/(?=[^/])", r"\1://", str(path))


def _absolute(path: Path) -> str:
    """A path from the root, since workers stand elsewhere; an address. Raises BadSettings."""
    named = address(path)
    if "://" not in named:
        return str(path.expanduser().resolve())
    if named.startswith("file://") or "?" in named:
        hint = "A folder goes by its path; AWS_ENDPOINT_URL names another S3."
        raise BadSettings(f"{named} cannot be used as an address.", hint=hint)
    return named


def is_folder(source: Path | None, on: str) -> bool:
    """Whether the work goes over a folder, block by block."""
    return bool(on) or (source is not None and (source.is_dir() or "://" in address(source)))


def run_folder(
    method: str, files: tuple[Path | None, Path | None, str | None], how: tuple[str, int, int], **settings: Any
) -> None:
    """Work through every file of a folder; Ctrl-C keeps the blocks that are done.

    method: what of the assistant does it to a file. files: --input, --output, --column. how: --on, --workers,
    --block-rows.
    """
    from assistant.scale.blocks import Here, Job, run
    from ui.terminal.start import make_assistant
    from ui.terminal.texts import shown

    (source, output, column), (on, workers, block_rows) = files, how
    if source is None or output is None:
        raise BadSettings("A folder goes in and a folder comes out.", hint="Give both --input and --output.")
    spread: Spread = Here(partial(make_assistant, None)) if on in ("", "here") else _cluster(on, workers)
    named = settings.get("model")
    if named is not None and Path(named).expanduser().is_dir():
        settings["model"] = str(Path(named).expanduser().resolve())
    elif named is None and method in MODELS:  # the same on every machine, and after a model more was fetched
        assistant = make_assistant(None)
        settings["model"] = MODELS[method](assistant, settings).key
        assistant.close()
    job = Job(method, _absolute(source), _absolute(output), column, settings, block_rows)
    with shown() as tell:
        last = run(job, spread, on_progress=tell)
    note(f"{last.done - last.rejected:,} rows → {job.target}")
    if last.rejected:
        note(f"{last.rejected:,} rows could not be used: the files named .rejected say why.", style="yellow")


def _cluster(on: str, workers: int) -> Spread:
    if on != "ray" and not re.fullmatch(r"[^:/]+:\d+|ray://.+", on):
        raise BadSettings(f"--on is here, ray or a cluster's address, not {on}.")
    from assistant.scale.on_ray import OnRay, connect

    connect("" if on == "ray" else on)
    return OnRay(workers)
