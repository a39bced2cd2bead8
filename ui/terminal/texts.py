"""What the text commands (sentiment, translate, summarize, classify) share: options, models at hand, batches, lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.errors import BadDocument, BadSettings, ModelNotAvailable
from ui.terminal.output import LINE_SECONDS, error_console, json_line, note, write

if TYPE_CHECKING:
    from assistant.batches import Batch, BatchProgress
    from assistant.service import Assistant

TextArgument = Annotated[
    str | None, typer.Argument(metavar="TEXT", help="The text; without it, each line of what is piped in.")
]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Catalogue key, Hub id or folder.")]
InputOption = Annotated[
    Path | None, typer.Option("--input", "-i", help="A .csv, .tsv, .jsonl or .parquet file, or one text a line.")
]
ColumnOption = Annotated[str | None, typer.Option("--column", "-c", help="The column that holds the texts.")]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one a line.")]

LINES_AT_A_TIME = 64
"""Piped lines that are worked on together; a program that writes slowly waits for as many, or for the end."""


def read_text(text: str) -> str:
    """The text of an argument. Raises BadDocument where there is none."""
    if not text.strip():
        raise BadDocument("The text is empty.", hint="Give at least one sentence.")
    return text


def given_text(text: str | None, source: Path | None, output: Path | None, column: str | None = None) -> str | None:
    """The text that is worked on as a whole: the argument, or the document that --input names where there is no
    --output. None for lines that are piped in, and for tables. Raises BadParameter for a column of no file."""
    from assistant.documents import read_document
    from assistant.tables import NO_TABLES, format_of

    if column is not None and source is None:
        raise typer.BadParameter("--column goes with --input: lines and a text have no columns", param_hint="--column")
    if text is not None or source is None or output is not None:
        return None if text is None else read_text(text)
    whole = format_of(source) in ("lines", "document") or source.suffix.lower() in NO_TABLES
    return read_document(source).text if whole else None


@contextmanager
def use_models(task: str, model: str | None, **wishes: Any) -> Generator[Assistant]:
    """An assistant whose models for `task` are here: those that are not are fetched where a person agrees.

    wishes: as `Assistant.missing` takes them. Raises ModelNotAvailable where they stay away.
    """
    from ui.terminal.start import fetch, make_assistant

    assistant = make_assistant(None)
    try:
        while True:
            try:
                assistant.require_task(task, model, **wishes)
                break
            except ModelNotAvailable as error:
                missing = assistant.missing(task, model, **wishes)
                if not (missing and fetch(missing, error)):
                    raise
        yield assistant
    finally:
        assistant.close()


def run_batch(
    make: Callable[..., Batch],
    source: Path | None,
    output: Path | None,
    column: str | None,
    *,
    on_rows: Callable[[Iterable[Mapping[str, Any]]], object] = lambda _: None,
    **settings: Any,
) -> None:
    """Work through a file with a bar on stderr; Ctrl-C keeps what is done. on_rows: as Batch has it."""
    if source is None or output is None:
        raise BadSettings("A file goes in and a file comes out.", hint="Give both --input and --output.")
    batch = make(source, output, column=column, **settings)
    batch.on_rows = on_rows
    with shown() as batch.on_progress:
        last = batch.run()
    for said in batch.notes:
        note(said, style="dim")
    note(f"{last.done - last.rejected:,} rows → {output}")
    if last.rejected:
        note(f"{last.rejected:,} rows could not be used: {batch.rejected_path} says why.", style="yellow")


@contextmanager
def shown() -> Generator[Callable[[BatchProgress], object]]:
    """Shows how far a batch is, as it is told: a bar on a terminal, now and then a line elsewhere."""
    from time import monotonic

    console = error_console()
    if not console.is_terminal:
        last = monotonic()

        def tell(progress: BatchProgress) -> None:
            nonlocal last
            if monotonic() - last < LINE_SECONDS:
                return
            last = monotonic()
            left = f", {progress.eta_seconds:,.0f} s left" if progress.eta_seconds is not None else ""
            note(f"{progress.done:,} of {progress.total:,} rows, {progress.rows_per_second:,.0f}/s{left}")

        yield tell
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda now: bar.update(task, total=now.total, completed=now.done)


def run_lines(
    work: Callable[..., Sequence[Mapping[str, Any]]],
    *,
    as_json: bool,
    alone: str | None = None,
    on_rows: Callable[[Iterable[Mapping[str, Any]]], object] = lambda _: None,
    **settings: Any,
) -> None:
    """Lines in, lines out: what the work adds, a tab and the line; with `as_json` one object a line.

    alone: the one column that is written in the place of all that. on_rows: hears what each line has become.
    """
    from assistant.rejections import REJECTED, set_apart
    from assistant.table_output import line_cell

    if sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter("give a text, pipe lines in, or use --input", param_hint="TEXT")
    lines = (_decoded(line) for line in sys.stdin.buffer)
    refused = 0
    while chunk := list(islice(lines, LINES_AT_A_TIME)):
        texts = [line for line in chunk if line.strip()]
        added = iter(set_apart(partial(work, **settings), texts) if texts else ())
        for line in chunk:
            values: Mapping[str, Any] = next(added) if line.strip() else {}
            on_rows([values])
            why = values.get(REJECTED)
            refused += why is not None
            if as_json:
                sys.stdout.write(json_line({"text": line, **(values if why is None else {"rejected": why})}))
            else:
                cells = [values[alone]] if alone and alone in values else [*values.values(), line]
                write("\t".join(map(line_cell, cells)) + "\n" if values and why is None else "\n")
            if why is not None:
                note(f"{line[:40]!r}: {why}", style="yellow")
        sys.stdout.flush()
    if refused:
        raise typer.Exit(1)


def _decoded(line: bytes) -> str:
    """A line of what is piped in, without its end: UTF-8, or the encoding that it seems to be in."""
    from assistant.documents import text_encoding

    ended = line.rstrip(b"\r\n")
    try:
        return ended.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ended.decode(text_encoding(ended, "The piped text"))
