"""`parley classify`: texts sorted under labels of your own: with no training, or by a model that you trained."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from assistant.scale import BLOCK_ROWS
from ui.terminal.folders import BlockOption, OnOption, WorkersOption, is_folder, run_folder
from ui.terminal.output import waiting, write, write_json
from ui.terminal.texts import ColumnOption, InputOption, JsonOption, ModelOption, OutputOption, TextArgument, given_text

app = typer.Typer(add_completion=False)


@app.command()
def classify(
    text: TextArgument = None,
    labels: Annotated[
        str, typer.Option("--labels", "-l", help="a,b,c; or with what each means: refund=money back;bug=it crashes")
    ] = "",
    model: ModelOption = None,
    input: InputOption = None,
    column: ColumnOption = None,
    output: OutputOption = None,
    on: OnOption = "",
    workers: WorkersOption = 0,
    block_rows: BlockOption = BLOCK_ROWS,
    as_json: JsonOption = False,
) -> None:
    """Sort texts under labels: intents, topics. A chat model as --model sorts by its own likelihoods; a classifier, as
    `parley train classifier` makes it, has labels of its own.

    Examples:

    parley classify "My parcel never came" --labels "delivery,billing,praise"
    parley classify "Sony Alpha 7 IV, body only" --model 20261125-073000-classifier-products
    parley classify --input mails.csv --column body --output sorted.csv --labels "refund,bug,question"
    """
    from ui.terminal.texts import run_batch, run_lines, use_models

    split = labels.split(";" if "=" in labels and ";" in labels else ",")
    named = [each.strip() for each in split if each.strip()]
    if is_folder(input, on):
        how = on, workers, block_rows
        run_folder("label_batch", (input, output, column), how, labels=named, model=model)
        return
    with use_models("embed", model) as assistant:
        text = given_text(text, input, output, column)
        if text is None and (input is not None or output is not None):
            run_batch(assistant.label_batch, input, output, column, labels=named, model=model)
            return
        if text is None:
            run_lines(partial(assistant.label_columns, labels=named, model=model), as_json=as_json)
            return
        with waiting("Reading …"):
            row = assistant.labels([text], named, model=model)[0]
    ranked = dict(sorted(row.items(), key=lambda pair: -pair[1]))
    if as_json:
        write_json({"label": next(iter(ranked)), "probabilities": ranked})
        return
    for label, probability in ranked.items():
        write(f"{probability:4.0%}  {label}\n")
