"""`parley sentiment`: how a text feels, sentence by sentence, or a column added to a file of reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.scale import BLOCK_ROWS
from ui.objects import sentiment_object
from ui.terminal.folders import BlockOption, OnOption, WorkersOption, is_folder, run_folder
from ui.terminal.output import note, waiting, write_json
from ui.terminal.texts import ColumnOption, InputOption, JsonOption, ModelOption, OutputOption, TextArgument, given_text

if TYPE_CHECKING:
    from assistant.tasks.sentiment import Analysis

app = typer.Typer(add_completion=False)

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 60
"""Of the course through a text or a table; a longer one has several sentences or rows a bar."""
FEW = 6
"""Sentences of a text whose course is not seen at a glance."""
COLOURS = {"positive": "green", "neutral": "dim", "negative": "red"}


@app.command()
def sentiment(
    text: TextArgument = None,
    model: ModelOption = None,
    input: InputOption = None,
    column: ColumnOption = None,
    output: OutputOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the words that carried each decision.")] = False,
    emotions: Annotated[bool, typer.Option("--emotions", help="Also show a finer profile of feelings.")] = False,
    on: OnOption = "",
    workers: WorkersOption = 0,
    block_rows: BlockOption = BLOCK_ROWS,
    as_json: JsonOption = False,
) -> None:
    """Say whether a text is positive, neutral or negative, as a whole and sentence by sentence.

    Examples:

    parley sentiment "The plot drags, but the acting is a joy." --explain
    parley sentiment --input reviews.csv --column text --output rated.csv
    parley sentiment --input s3://shop/reviews --output s3://shop/rated --on ray
    cat lines.txt | parley sentiment
    """
    from assistant.tasks.sentiment import Moods
    from ui.terminal.texts import run_batch, run_lines, use_models

    if is_folder(input, on):
        how = on, workers, block_rows
        run_folder("sentiment_batch", (input, output, column), how, model=model)
        return
    with use_models("sentiment", model) as assistant:
        text = given_text(text, input, output, column)
        if text is None and (input is not None or output is not None):
            moods = Moods()
            run_batch(assistant.sentiment_batch, input, output, column, on_rows=moods.add, model=model)
            note(f"{course(moods.values)}  {_percent(moods.shares())}")
            return
        if text is None:
            run_lines(assistant.sentiment_columns, model=model, as_json=as_json)
            return
        with waiting("Reading …"):
            found = assistant.sentiment(text, model=model, explain=explain)
            feelings = assistant.emotions([text])[0] if emotions else None
    if as_json:
        write_json(sentiment_object(found, feelings))
    else:
        _show(found, feelings)


def course(values: Sequence[float]) -> str:
    """Feeling through a text or a table as bars of one line: low for negative, half high for neutral.

    values: each from -1 to 1.
    """
    group = -(-len(values) // MOST_BARS)
    means = [sum(some) / len(some) for at in range(0, len(values), group or 1) if (some := values[at : at + group])]
    return "".join(BARS[min(len(BARS) - 1, int((mean + 1) / 2 * len(BARS)))] for mean in means)


def _percent(shares: Mapping[str, float]) -> str:
    return " · ".join(f"{name} {share:.0%}" for name, share in shares.items())


def _show(found: Analysis, feelings: Mapping[str, float] | None) -> None:
    """The whole first, then each sentence with its words shaded by what they did."""
    from rich.console import Console
    from rich.text import Text

    from ui.terminal.output import printable

    console = Console(highlight=False, soft_wrap=True)
    whole = found.whole
    console.print(Text.assemble((whole.label, f"bold {COLOURS[whole.label]}"), f"  {_percent(whole.probabilities)}"))
    if len(found.sentences) >= FEW:
        console.print(course([each.value for each in found.sentences]))
    if len(found.sentences) > 1 or found.carriers:
        for each in found.sentences:
            line = Text(printable(" ".join(each.text.split())))
            for word in found.carriers:
                if 0 <= word.start - each.start < len(each.text) and abs(word.weight) >= 0.05:
                    style = f"bold {COLOURS[each.label]}" if word.weight > 0 else "underline"
                    begin = len(printable(" ".join(each.text[: word.start - each.start].split())))
                    begin += begin > 0 and each.text[word.start - each.start - 1].isspace()
                    line.stylize(style, begin, begin + len(word.text))
            said = f"{each.label:<8} {each.probabilities[each.label]:>4.0%}  "
            console.print(Text.assemble((said, COLOURS[each.label]), line))
    if feelings:
        for name, share in sorted(feelings.items(), key=lambda pair: -pair[1])[:5]:
            console.print(f"{name:<10} {'█' * round(30 * share)} {share:.0%}")
    if len(found.sentences) == 1 and not found.carriers:
        note("--explain shows which words carried the decision.", style="dim")
