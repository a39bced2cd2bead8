"""`parley translate`: a text, lines, a column of a table, or a document with its structure kept."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.scale import BLOCK_ROWS
from ui.objects import translation_object
from ui.terminal.folders import BlockOption, OnOption, WorkersOption, is_folder, run_folder
from ui.terminal.output import note, write, write_json
from ui.terminal.texts import ColumnOption, InputOption, JsonOption, ModelOption, OutputOption, TextArgument

if TYPE_CHECKING:
    from assistant.tasks.keeping import Losses

app = typer.Typer(add_completion=False)


@app.command()
def translate(
    text: TextArgument = None,
    target: Annotated[str, typer.Option("--to", "-t", help="Language to translate into: a code or a name.")] = "",
    source: Annotated[
        str | None, typer.Option("--from", "-f", help="Language of the text; without it, it is detected.")
    ] = None,
    model: ModelOption = None,
    input: InputOption = None,
    column: ColumnOption = None,
    output: OutputOption = None,
    glossary: Annotated[
        Path | None, typer.Option("--glossary", "-g", help="A file of terms: one, a tab or a comma, its translation.")
    ] = None,
    formality: Annotated[
        str, typer.Option("--formality", help="formal or informal, in languages that tell them apart.")
    ] = "",
    on: OnOption = "",
    workers: WorkersOption = 0,
    block_rows: BlockOption = BLOCK_ROWS,
    as_json: JsonOption = False,
) -> None:
    """Translate a text, or a file: .txt, .md, .srt, .vtt and .docx keep their structure, tables gain columns.

    Examples:

    parley translate "Where is the station?" --to de
    parley translate --input film.srt --output film.fr.srt --to fr
    parley translate --input reviews.csv --column text --output out.csv --to en
    parley translate --input reviews/ --column text --output english/ --to en
    cat lines.txt | parley translate --to es
    """
    from assistant.glossary import read_glossary
    from assistant.languages import code, detect
    from assistant.tasks.keeping import Losses
    from assistant.tasks.translation import Order, words_in_a_sentence
    from assistant.translating import spoken, whole_language
    from ui.terminal.texts import given_text, run_batch, run_lines, use_models

    if not target:
        raise typer.BadParameter("name the language to translate into, for example --to fr", param_hint="--to")
    wanted, given = code(target), code(source) if source else None
    wishes: dict[str, Any] = {"glossary": read_glossary(glossary) if glossary else {}, "formality": formality}
    if is_folder(input, on):
        how = on, workers, block_rows
        run_folder(
            "translation_batch", (input, output, column), how, target=wanted, language=given, model=model, **wishes
        )
        return
    text = given_text(text, input, output, column)
    language = given or ""
    if given is None and text is not None:
        language = detect(text).code
    elif given is None and input is not None and output is not None:
        language = spoken(input, wanted, column)
    with use_models("translate", model, languages=(language, wanted)) as assistant:
        losses = Losses()
        if text is None and (input is not None or output is not None):
            wishes |= {"target": wanted, "language": given, "model": model}
            run_batch(assistant.translation_batch, input, output, column, on_rows=losses.add, **wishes)
            _tell((), losses)
            return
        if text is None:

            def work(texts: list[str]) -> list[dict[str, Any]]:
                nonlocal language
                language = language or whole_language(texts, wanted) or ""
                wishes.setdefault("words", words_in_a_sentence("\n\n".join(texts), language))
                return assistant.translation_columns(
                    texts, target=wanted, source=language or None, model=model, **wishes
                )

            try:
                run_lines(work, as_json=as_json, alone="translation", on_rows=losses.add)
            finally:  # also where some of the lines were refused
                if losses.seen:
                    _tell(assistant.translation_notes(Order(language, wanted, **wishes), model), losses)
            return
        order = assistant.order(text, wanted, given, **wishes)
        if as_json:
            write_json(translation_object(assistant.translation(text, order, model=model)))
            return
        at = 0
        problems: list[str] = []
        for each in assistant.translate(text, order, model=model):
            write(text[at : each.start] + each.text)
            sys.stdout.flush()
            at = each.start + len(each.source)
            problems += each.problems
        write(text[at:].rstrip("\n") + "\n")
        for said in (*assistant.translation_notes(order, model), *problems):
            note(said, style="yellow" if said in problems else "dim")


def _tell(notes: Iterable[str], losses: Losses) -> None:
    """How it was done, and what did not come through."""
    for said in notes:
        note(said, style="dim")
    if told := losses.told():
        note(told, style="yellow")
