"""`parley eval`: suites on models, comparisons that know noise from change, a gate, and reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.terminal import standings
from ui.terminal.output import note, printable, write, write_file, write_json

if TYPE_CHECKING:
    from assistant.run import Run
    from eval.results import Results

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure models, and say whether a change is real.")
FLIPS = 3
"""Samples that are shown of a comparison."""

AsJson = Annotated[bool, typer.Option("--json", help="Print what a program can read.")]
Where = Annotated[
    str, typer.Argument(metavar="RESULTS", help="A run's id or a part of it, its folder, or results.json.")
]


@app.command()
def suites(
    name: Annotated[str | None, typer.Argument(help="One of them, in full: rows, paper, how to read it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the suites: what each asks, how many rows it has, and under what licence.

    Examples:

    parley eval suites

    parley eval suites hellaswag
    """
    from dataclasses import asdict

    from eval.suite import facts, suite
    from eval.suite import suites as known

    if name is not None:
        about = suite(name)
        if as_json:
            write_json(asdict(about))
            return
        typer.echo(f"{about.title}: {about.asks}")
        for fact, said in {**facts(about), "reading": about.reading}.items():
            if said:
                typer.echo(f"  {fact:<15} {said}")
        return
    if as_json:
        write_json([asdict(suite) for suite in known().values()])
        return
    for each in known().values():
        rows = "comes with Parley" if each.shipped else f"{each.rows:,} rows, {each.licence}"
        typer.echo(f"{each.name:<14}  {each.ability:<13}  {each.asks} ({rows})")


@app.command()
def run(
    model: Annotated[
        list[str], typer.Option("--model", "-m", help="A model, or a run's id; several, each with --model, in turn.")
    ],
    suite: Annotated[str, typer.Option("--suite", "-s", help="`parley eval suites` lists them.")] = "mini",
    data: Annotated[
        str | None, typer.Option("--data", metavar="PATH", help="A file with the rows, or a folder.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="The first so many rows of each task.")] = None,
    shots: Annotated[int | None, typer.Option("--shots", help="Examples before each question.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="llamacpp or transformers, for what is written.")] = "auto",
    quantisation: Annotated[str | None, typer.Option("--quantisation", help="4bit or 8bit, by bitsandbytes.")] = None,
    against: Annotated[str | None, typer.Option("--against", help="For chat: the model to be compared with.")] = None,
    judge: Annotated[str | None, typer.Option("--judge", help="For chat: the model that judges both.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A copy of results.json.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Tables and plots: report.html or report.md.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it and return.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model on a suite, in a process of its own. Ctrl-C pauses it; `parley runs resume` goes on.

    Examples:

    parley eval run --model smollm2-135m-instruct

    parley eval run --model smollm2-135m-instruct --suite hellaswag --data hellaswag_val_full.txt --limit 1000

    parley eval run -m smollm2-135m-instruct -m smollm2-360m-instruct-gguf --suite speed --report speed.html
    """
    from assistant.errors import BadSettings
    from assistant.runs import Runs
    from eval.results import read
    from eval.row_files import told
    from eval.runner import Evaluation, create, omitted
    from ui.terminal.measuring import several
    from ui.terminal.watching import follow, refuse_failure, say_end

    runs = Runs()
    how: dict[str, Any] = {"engine": engine, "quantisation": quantisation, "against": against, "judge": judge}
    asked = [Evaluation(model=each, suite=suite, data=data, limit=limit, shots=shots, **how) for each in model]
    if detach and (report is not None or len(asked) > 1):
        hint = (
            "Leave out --detach, or start one model at a time and set them beside each other with `parley eval report`."
        )
        raise BadSettings("Nobody waits for what is started with --detach.", hint=hint)
    if len(asked) > 1:
        if output is not None:
            raise BadSettings("--output takes the results of one model.", hint="--report takes those of several.")
        several(asked, report, as_json=as_json)
        return
    made = create(runs, asked[0])
    for line in told(omitted(asked[0])):
        note(line, style="dim")
    runs.start(made)
    if detach:
        note(f"{made.id} has begun. `parley runs watch {made.id}` follows it.", style="dim")
        typer.echo(made.id)
        return
    follow(runs, made)
    refuse_failure(made)
    file = made.folder / "results.json"
    if file.exists() and output is not None:
        write_file(output, [file.read_text("utf-8")])
    if file.exists() and report is not None:
        write_report(report, [read(made.folder)])
    if file.exists() and as_json:
        write(file.read_text("utf-8"))
    elif file.exists():
        for line in table(made):
            typer.echo(line)
    else:
        say_end(made)


def table(run: Run) -> list[str]:
    """The figures of an evaluation, a line each."""
    from eval.results import read

    return [
        f"{figure.task:<22} {figure.metric:<24} {figure.value:>8.4g}"
        + (f" ± {1.96 * figure.error:.2g}" if figure.error else "")
        + f"  ({figure.samples:,})"
        for figure in read(run.folder).figures()
    ]


@app.command()
def compare(
    before: Where,
    after: Annotated[list[str], typer.Argument(metavar="RESULTS...", help="The same, one or several.")],
    as_json: AsJson = False,
    flips: Annotated[int, typer.Option("--flips", help="Samples shown on which the two differ.")] = FLIPS,
) -> None:
    """Say of each figure whether the difference is real, noise, or needs more samples. Of several, each is set beside
    the first, and has to be so much the surer.

    Examples:

    parley eval compare 20261125-073000 last

    parley eval compare base.json first-try.json second-try.json
    """
    from dataclasses import asdict

    from eval.compare import compare_all

    found = compare_all([results(name) for name in (before, *after)])
    if as_json:
        write_json([asdict(each) for each in found])
        return
    for each in found:
        typer.echo(f"{each.task} {each.metric.partition(',')[0]}: {each.before:.4g} → {each.after:.4g}. {each.told()}")
        for flip in each.flips[:flips]:
            typer.echo(f"  {'+' if flip.change > 0 else '-'} {_short(flip.asked)}")
            typer.echo(
                f"    right {_short(flip.right)!r}, before {_short(flip.before)!r}, after {_short(flip.after)!r}"
            )


@app.command()
def gate(
    baseline: Annotated[str, typer.Option("--baseline", metavar="RESULTS", help="What may not be fallen behind.")],
    candidate: Annotated[str, typer.Option("--candidate", metavar="RESULTS", help="What wants to pass.")],
    max_drop: Annotated[float, typer.Option("--max-drop", help="Of a figure from 0 to 1.")] = 0.01,
    as_json: AsJson = False,
) -> None:
    """Exit with 1 where a figure of the candidate is worse than the baseline's by more than it may be.

    Example: parley eval gate --baseline main.json --candidate branch.json --max-drop 0.01
    """
    from dataclasses import asdict

    from assistant.errors import BadSettings
    from eval.gate import drops

    if max_drop < 0:
        raise BadSettings(f"--max-drop must be 0 or more, not {max_drop}.", hint="0.01 is one point of accuracy.")
    found = list(drops(results(baseline), results(candidate), max_drop))
    if as_json:
        write_json({"passed": not found, "max_drop": max_drop, "drops": [asdict(drop) for drop in found]})
    else:
        for drop in found:
            typer.echo(drop.told())
        note("It falls behind." if found else f"Passed: nothing is worse by more than {max_drop:g}.")
    if found:
        raise typer.Exit(1)


app.command()(standings.votes)
app.command()(standings.leaderboard)


@app.command()
def report(
    names: Annotated[list[str], typer.Argument(metavar="RESULTS...", help="Runs, folders or files of results.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="report.html or report.md; else Markdown here.")
    ] = None,
) -> None:
    """Set evaluations beside each other in one file; those of the same suite are compared with the first.

    Example: parley eval report 20261125-073000 last --output report.html
    """
    from eval.report import markdown

    found = [results(name) for name in names]
    if output is None:
        write(markdown(found, differences(found)))
    else:
        write_report(output, found)


def write_report(path: Path, found: list[Results]) -> None:
    """A report of evaluations in a file: HTML with plots, or Markdown, by its name."""
    from eval.report import html, markdown

    made = html if path.suffix.lower() in (".html", ".htm") else markdown
    write_file(path, [made(found, differences(found))])
    note(f"{path} is written.")


def differences(found: list[Results]) -> list[Any]:
    """What is to be said of evaluations that share questions; nothing of others."""
    from assistant.errors import BadDataset
    from eval.compare import compare_all

    try:
        return compare_all(found)
    except BadDataset:
        return []


def results(name: str) -> Results:
    """What a person named: a file or a folder, or a run. Raises BadDataset, RunNotFound."""
    from assistant.runs import Runs
    from eval.results import read

    path = Path(name).expanduser()
    return read(path if path.exists() else Runs().find(name).folder)


def _short(text: str) -> str:
    return printable(" ".join(text.split())[-100:])
