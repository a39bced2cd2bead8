"""`parley compare-models`: one text through a BERT-, a T5- and a GPT-style model, side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ui.terminal.output import note, printable, waiting, write, write_json
from ui.terminal.texts import JsonOption, read_text

app = typer.Typer(add_completion=False)


@app.command("compare-models")
def compare_models(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text.")],
    task: Annotated[str, typer.Option("--task", help="sentiment, translate or summarize.")] = "sentiment",
    target: Annotated[str, typer.Option("--to", "-t", help="Of a translation: the language.")] = "fr",
    source: Annotated[str | None, typer.Option("--from", "-f", help="Its own language; else detected.")] = None,
    reference: Annotated[str, typer.Option("--reference", "-r", help="The right answer, to measure by.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Give one text to three families of models, and see what each makes of it, how fast, with how much memory.

    Example: parley compare-models "The plot drags, but the acting is a joy." --reference positive
    """
    from assistant.languages import code
    from ui.terminal.start import make_assistant

    assistant = make_assistant(None)
    wishes = {"target": code(target), "source": code(source) if source else None, "reference": reference}
    try:
        found = []
        with waiting("Loading …") as say:
            for each in assistant.compare_models(task, read_text(text), **wishes):  # pyright: ignore[reportArgumentType]
                found.append(each)
                say(f"{each.family} is done …")
    finally:
        assistant.close()
    if as_json:
        write_json({"task": task, "models": [asdict(each) for each in found]})
        return
    for each in found:
        write(f"{each.family}  {each.model or '—'}\n")
        if each.reason:
            note(f"  {each.reason}", style="dim")
            continue
        write("".join(f"  {printable(line)}\n" for line in each.answer.splitlines()))
        quality = f" · quality {each.quality:.2f}" if each.quality is not None else ""
        memory = f"about {each.memory_bytes / 1e9:.1f} GB"
        note(f"  {each.seconds:.2f} s · reads {each.tokens} tokens · {memory}{quality}", style="dim")
