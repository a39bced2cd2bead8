"""`parley summarize`: a text or a document in a few sentences, each with what supports it; or a column of summaries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.scale import BLOCK_ROWS
from ui.objects import summary_object
from ui.terminal.folders import BlockOption, OnOption, WorkersOption, is_folder, run_folder
from ui.terminal.output import note, waiting, write, write_json
from ui.terminal.piped import piped_text
from ui.terminal.texts import ColumnOption, InputOption, JsonOption, ModelOption, OutputOption, TextArgument

if TYPE_CHECKING:
    from assistant.tasks.summary import Summary

app = typer.Typer(add_completion=False)


@app.command()
def summarize(
    text: TextArgument = None,
    sentences: Annotated[int | None, typer.Option("--sentences", "-n", min=1, help="How many sentences.")] = None,
    share: Annotated[
        float | None, typer.Option("--share", help="Or which share of the text's: 0.1 is a tenth.")
    ] = None,
    way: Annotated[
        str | None, typer.Option("--way", help="extractive (key sentences) or abstractive (written anew).")
    ] = None,
    model: ModelOption = None,
    input: InputOption = None,
    column: ColumnOption = None,
    output: OutputOption = None,
    on: OnOption = "",
    workers: WorkersOption = 0,
    block_rows: BlockOption = BLOCK_ROWS,
    as_json: JsonOption = False,
) -> None:
    """Summarise a text or a document; sentences that nothing in it supports are marked.

    With --output, --input is a table or lines, and each row is summarised; without, it is one document.

    Examples:

    parley summarize --input report.pdf -n 5
    parley summarize --input reviews.csv --column text --output out.csv -n 1
    cat article.txt | parley summarize --way extractive
    """
    from assistant.tasks.summary import Length
    from ui.terminal.texts import run_batch, use_models

    length = Length(sentences or (None if share is not None else 3), share)
    if is_folder(input, on):
        how = on, workers, block_rows
        run_folder("summary_batch", (input, output, column), how, model=model, way=way, length=length)
        return
    with use_models("summarize", model, way=way) as assistant:
        if output is not None:
            run_batch(assistant.summary_batch, input, output, column, model=model, way=way, length=length)
            return
        whole = _text(text, input)
        with waiting("Reading …") as say:
            found = assistant.summarize(
                whole,
                length,
                way=way,
                model=model,
                on_part=lambda done, total: say(f"Reading part {done + 1} of {total} …") if total > 1 else None,
            )
    if as_json:
        write_json(summary_object(found))
    else:
        _show(found)


def _text(text: str | None, path: Path | None) -> str:
    """The argument, the document, or what is piped in."""
    from assistant.documents import read_document

    if path is not None:
        return read_document(path).text
    if text is not None:
        return text
    if sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter("give a text, pipe one in, or use --input", param_hint="TEXT")
    return piped_text() or ""


def _show(found: Summary) -> None:
    write(found.text + "\n")
    parts = f" from {found.parts} parts" if found.parts > 1 else ""
    note(f"{found.way}{parts}, {found.model}", style="dim")
    for said in found.notes:
        note(said, style="yellow")
    for each in found.sentences:
        if each.supported is False:
            note(f"Nothing in the text says this: {each.text}", style="yellow")
