"""`parley data fetch`: public data sets from their publishers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.terminal.output import note, waiting, write_json


def fetch(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which set; none lists them.")] = None,
    into: Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Else Parley's own folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a program can read.")] = False,
) -> None:
    """Fetch a public data set that our models were trained or measured on, and check its sha256.

    Examples:

    parley data fetch

    parley data fetch hellaswag --into rows
    """
    from dataclasses import asdict

    from assistant.public_sets import fetch as fetched
    from assistant.public_sets import public_sets

    if name is None:
        if as_json:
            write_json([asdict(each) for each in public_sets().values()])
        else:
            for each in public_sets().values():
                typer.echo(
                    f"{each.name:<18}  {each.bytes / 1e6:>5.1f} MB  {each.licence:<13}  {each.title}. {each.use}"
                )
        return
    with waiting("fetching") as saying:
        folder = fetched(name, into, lambda done, total: saying(f"{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"))
    found = public_sets()[name]
    if as_json:
        write_json({"folder": str(folder), "files": sorted(path.name for path in folder.iterdir()), **asdict(found)})
        return
    if not found.sha256:
        note("Its publisher changes it now and then: these may be other rows than those used here.", style="dim")
    note(f"{found.licence}. {found.use}", style="dim")
    typer.echo(folder)
