"""`parley ask`: a question about a document, answered with the sentences that the answer rests on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ui.objects import answer_object
from ui.terminal.output import note, waiting, write, write_json
from ui.terminal.piped import piped_text
from ui.terminal.texts import JsonOption, ModelOption

app = typer.Typer(add_completion=False)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="The document; without it, what is piped in.")
    ] = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a document. "Not in the text." is an answer, and leads to exit code 1.

    Examples:

    parley ask "When does the contract end?" --input contract.pdf
    cat article.txt | parley ask "Who won?"
    """
    from assistant.documents import read_document
    from ui.terminal.texts import use_models

    if input is None and (sys.stdin is None or sys.stdin.isatty()):
        raise typer.BadParameter("name a document, or pipe a text in", param_hint="--input")
    text = read_document(input).text if input is not None else piped_text() or ""
    with use_models("ask", model) as assistant, waiting("Reading …"):
        found = assistant.ask(question, text, model=model)
    if as_json:
        write_json(answer_object(found))
    else:
        write(found.text + "\n")
        for each in found.quotes:
            note(f"“{' '.join(each.text.split())}”", style="dim")
        for said in found.notes:
            note(said, style="yellow")
    if not found.found:
        raise typer.Exit(1)
