"""`parley runs`: list, watch, pause, resume, stop, compare and delete training and evaluation runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ui.amounts import span
from ui.terminal.output import note, printable, write_json
from ui.terminal.watching import follow, packed, say_end

if TYPE_CHECKING:
    from assistant.run import Run
    from assistant.runs import Runs

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Watch, pause, resume, compare and delete runs.")


def _ids(incomplete: str) -> list[str]:
    """Completion of an id in the shell."""
    from assistant.runs import Runs

    return [run.id for run in Runs() if incomplete in run.id]


Id = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a part of it, or last.", autocompletion=_ids)]
AsJson = Annotated[bool, typer.Option("--json", help="Print what a program can read.")]


def _found(name: str) -> tuple[Runs, Run]:
    """Every run, and the one of that name. Raises RunNotFound."""
    from assistant.runs import Runs

    runs = Runs()
    return runs, runs.find(name)


@app.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """List runs, the newest first.

    Example: parley runs list
    """
    from assistant.runs import Runs

    runs = list(Runs())
    if as_json:
        write_json([packed(run) for run in runs])
        return
    if not runs:
        note("No run yet. `parley train sft data=rows.jsonl` begins one.", style="dim")
    for run in runs:
        status = run.status()
        far = f"{status.step:,}/{status.steps:,}" if status.steps else ""
        typer.echo(f"{status.state.value:<11}  {far:>11}  {span(status.seconds):>8}  {run.id}  {printable(run.title)}")


@app.command()
def watch(name: Id = "last") -> None:
    """Follow a run until it ends; Ctrl-C pauses it.

    Example: parley runs watch last
    """
    runs, run = _found(name)
    follow(runs, run)
    say_end(run)


@app.command()
def pause(name: Id = "last") -> None:
    """Write a checkpoint and end the process; `resume` goes on from there.

    Example: parley runs pause last
    """
    runs, run = _found(name)
    runs.pause(run)
    note(f"{run.id} pauses after this step.", style="dim")


@app.command()
def resume(
    name: Id = "last",
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it and return.")] = False,
) -> None:
    """Go on with a run that was paused, stopped, killed or failed, from its last checkpoint.

    Example: parley runs resume last
    """
    runs, run = _found(name)
    runs.start(run)
    if not detach:
        follow(runs, run)
        say_end(run)


@app.command()
def stop(name: Id = "last") -> None:
    """End a run with what it has: its model is written.

    Example: parley runs stop last
    """
    runs, run = _found(name)
    runs.stop(run)
    note(f"{run.id} stops.", style="dim")


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, or parts of them.", autocompletion=_ids)],
    as_json: AsJson = False,
) -> None:
    """Set runs beside each other: settings that differ, and the last of each figure.

    Example: parley runs compare 20261125-073000 20261125-081653
    """
    from assistant.runs import Runs
    from ui.terminal.watching import beside

    runs = Runs()
    rows = beside([runs.find(name) for name in names])
    if as_json:
        write_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", *(row["id"] for row in rows), box=None)
    for name in dict.fromkeys(name for row in rows for name in row if name != "id"):
        table.add_row(name, *(printable(_shown(row.get(name))) for row in rows))
    Console(soft_wrap=True).print(table)


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command()
def log(name: Id = "last") -> None:
    """Show the end of what a run's process and its libraries said.

    Example: parley runs log last
    """
    typer.echo(printable(_found(name)[1].log()))


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, or parts of them.", autocompletion=_ids)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs with their checkpoints and models.

    Example: parley runs delete 20261125-073000
    """
    from assistant.runs import Runs
    from ui.terminal.model_facts import size

    runs = Runs()
    for run in [runs.find(name) for name in names]:
        if not yes:
            typer.confirm(f"Delete {run.id} ({run.title})?", abort=True, err=True)
        note(f"{run.id} is deleted, {size(runs.delete(run))} freed.", style="dim")
