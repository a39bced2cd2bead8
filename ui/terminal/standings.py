"""`parley eval votes` and `leaderboard`: which of one's own models is the better."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.terminal.output import note, printable, write_json

AsJson = Annotated[bool, typer.Option("--json", help="Print what a program can read.")]


def votes(as_json: AsJson = False) -> None:
    """Say how strong models are by your blind votes (on the page, under Evaluate), on Elo's scale.

    Example: parley eval votes
    """
    from dataclasses import asdict

    from eval.arena import Votes, strengths

    found = strengths(Votes().all())
    if as_json:
        write_json([asdict(each) for each in found])
        return
    if not found:
        note("No vote yet. `parley ui`, Evaluate, Vote blind between models.", style="dim")
    for each in found:
        interval = f"{each.low:.0f} to {each.high:.0f}"
        typer.echo(f"{each.elo:>6.0f}  {interval:>14}  {each.votes:>5,} votes  {printable(each.model)}")


def leaderboard(as_json: AsJson = False) -> None:
    """List every model that was measured, the best first: its size, its speed and memory where those were measured too,
    and each figure with half of its interval.

    Example: parley eval leaderboard
    """
    from dataclasses import asdict

    from assistant.run import State
    from assistant.runs import Runs
    from assistant.service import Assistant
    from eval.leaderboard import about, parameters_of
    from eval.leaderboard import leaderboard as placed
    from eval.report import figure_text, named
    from eval.results import read
    from eval.runner import KIND

    done = [run for run in Runs() if run.kind == KIND and run.status().state is State.FINISHED]
    places = placed((read(run.folder) for run in done), parameters_of(Assistant()))
    if as_json:
        write_json([asdict(place) for place in places])
        return
    if not places:
        note("Nothing is measured yet: `parley eval run --model NAME`.", style="dim")
    for number, place in enumerate(places, 1):
        facts = ", ".join(about(place))
        typer.echo(f"{number:>2}  {printable(place.model)}{f'  ({facts})' if facts else ''}")
        for task, figure in place.figures.items():
            typer.echo(f"      {named(task):<22} {figure.metric:<16} {figure_text(figure)}  ({figure.samples:,})")
