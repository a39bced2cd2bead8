"""`parley keys`: who may use the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ui.terminal.output import note, write, write_json

app = typer.Typer(no_args_is_help=True, add_completion=False)
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, or what for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do: chat, texts, embeddings, metrics. Without it, all.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="How long it is valid; without it, until it is revoked.")] = None,
    a_minute: Annotated[int, typer.Option(min=0, help="Requests that it may make in a minute; 0 is any number.")] = 0,
    at_once: Annotated[int, typer.Option(min=0, help="Requests that it may have open; 0 is any number.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is printed once and kept only as its hash.

    Example: parley keys create notebook --scope chat --days 90
    """
    from ui.api.keys import SCOPES, Keys

    key, secret = Keys().create(name, scopes=scope or SCOPES, days=days, a_minute=a_minute, at_once=at_once)
    if as_json:
        write_json({"key": secret, **_shown(key)})
        return
    write(secret + "\n")
    note(f"Key {key.id} for {key.name}: keep it now, it cannot be shown again.", style="dim")


@app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """List the keys: what each may do and until when.

    Example: parley keys list
    """
    from rich.console import Console
    from rich.table import Table

    from ui.api.keys import SCOPES, Keys
    from ui.terminal.output import printable

    keys = Keys().list()
    if as_json:
        write_json([_shown(key) for key in keys])
        return
    if not keys:
        note("There are no keys. `parley keys create NAME` makes one.")
        return
    table = Table("id", "name", "may", "made", "until", "a minute", "state", box=None)
    for key in keys:
        pace = str(key.a_minute or "any")
        made, until = key.created[:10], (key.expires or "–")[:10]
        table.add_row(
            key.id,
            printable(key.name),
            "all" if set(key.scopes) == set(SCOPES) else ", ".join(key.scopes),
            made,
            until,
            pace,
            key.state,
        )
    Console(highlight=False).print(table)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="Its id, or its name.")]) -> None:
    """Make a key worthless at once, also for a server that is running.

    Example: parley keys revoke notebook
    """
    from ui.api.keys import Keys

    gone = Keys().revoke(key)
    note(f"{gone.id} ({gone.name}) lets nobody in any more.")


def _shown(key: Any) -> dict[str, Any]:
    """A key without its hash."""
    return {name: value for name, value in asdict(key).items() if name != "digest"} | {"state": key.state}
