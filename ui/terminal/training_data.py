"""`parley data lint` and `mask`: what is wrong with a file of training data, and what would be learnt of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.amounts import rows as named
from ui.terminal.output import json_line, note, printable, write_file, write_json

if TYPE_CHECKING:
    from finetune.lint import Report
    from finetune.masks import Counts, Masked

MOST_LABELS = 12
"""Labels that are shown with their rows."""


def lint_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, TSV, JSON, JSON lines or Parquet, or org/name:split of the Hub.")
    ],
    tests: Annotated[
        Path | None, typer.Option("--test", metavar="FILE", help="Rows of this file must not be trained on.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the good rows here, in TRL's format.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(min=1, help="Tell rows of more tokens than this.")] = None,
    model: Annotated[str, typer.Option(help="Whose tokens those are.")] = "smollm2-135m-instruct",
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Look through training data before a run: what it teaches, which rows cannot be used and why, duplicates,
    contradictions, leaked test rows, personal data, wrong encodings, uneven labels, other languages.

    Examples:

    parley data lint rows.jsonl --test test.jsonl

    parley data lint titles.csv --output clean.jsonl

    parley data lint rows.jsonl --max-length 512 --model qwen2.5-coder-1.5b-instruct
    """
    from finetune.hub_data import located
    from finetune.lint import cleaned, lint

    path = located(file)
    count = None
    if max_length is not None:
        from finetune.masking import token_counter

        count = token_counter(model)
    report = lint(path, tests=tests, count=count, most=max_length)
    if output is not None:
        write_file(output, map(json_line, cleaned(path, report)))
    if as_json:
        write_json(_packed(report))
    else:
        for line in _lines(report):
            typer.echo(printable(line))
    if output is not None:
        note(f"{len(report.kept):,} rows in {output}.", style="dim")


MARKS = {"trained": ("⟦", "⟧", "green"), "ignored": ("", "", "dim"), "cut": ("⟨cut: ", "⟩", "red strike")}
"""What becomes of a token → what stands around it in a file, and its style on a terminal."""


def mask_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Rows for sft.")],
    model: Annotated[str, typer.Option(help="Whose template and tokens.")] = "smollm2-135m-instruct",
    rows: Annotated[int, typer.Option(min=0, help="How many are shown.")] = 3,
    first: Annotated[int, typer.Option(min=1, help="The row of the file that is the first shown.")] = 1,
    max_length: Annotated[int, typer.Option(min=1, help="Tokens that a row may have.")] = 1024,
    train_on_prompts: Annotated[bool, typer.Option(help="What is asked is learnt too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Show what a run would learn of each row: tokens that are trained, only read, or cut off.

    Example: parley data mask rows.jsonl --max-length 512
    """
    from finetune.hub_data import located
    from finetune.masking import look
    from finetune.masks import Part

    seen = look(located(file), model, max_length=max_length, everything=train_on_prompts)
    shown = [each for each in seen.rows if each[0] >= first][:rows]
    if as_json:
        packed = [[{"text": text, "part": part.value} for text, part in row.spans(max_length)] for _, row in shown]
        tokens = {part.value: seen.counts.tokens[part] for part in Part}
        write_json({"tokens": tokens, **_counts(seen.counts), "shown": packed})
        return
    _show(shown, max_length)
    tokens, whole = seen.counts.tokens, max(1, sum(seen.counts.tokens.values()))
    shares = ", ".join(f"{part.value} {tokens[part]:,} ({tokens[part] / whole:.0%})" for part in Part)
    note(f"{seen.counts.rows:,} rows, {whole:,} tokens: {shares}. The longest row has {seen.counts.longest:,}.")
    cut, unlearnt = seen.counts.cut, seen.counts.unlearnt
    if cut:
        note(f"{len(cut):,} rows are longer than {max_length:,} tokens and lose their end ({named(cut)}).")
    if unlearnt:
        away = len(seen.counts.cut_away)
        why = f"; the answers of {away:,} lie beyond {max_length:,} tokens" if away else ""
        note(f"Nothing is learnt of {len(unlearnt):,} rows ({named(unlearnt)}){why}.", style="bold red")


def _show(shown: list[tuple[int, Masked]], max_length: int) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for number, row in shown:
        text = Text(f"row {number:,}\n", style="bold")
        for piece, part in row.spans(max_length):
            before, after, style = MARKS[part.value]
            said = printable(piece) if console.is_terminal else f"{before}{printable(piece)}{after}"
            text.append(said, style=style)
        console.print(text)


def _counts(counts: Counts) -> dict[str, Any]:
    """cut, unlearnt: numbers of rows in the file."""
    listed = {"unlearnt": list(counts.unlearnt), "cut": list(counts.cut)}
    return {"rows": counts.rows, "longest": counts.longest, **listed}


def _packed(report: Report) -> dict[str, Any]:
    return {
        "format": report.format.name,
        "kind": report.format.kind,
        "columns": list(report.format.columns),
        "methods": list(report.methods),
        "rows": report.rows,
        "kept": len(report.kept),
        "labels": dict(report.labels),
        "findings": [asdict(each) for each in report.findings],
    }


def _lines(report: Report) -> list[str]:
    shape = report.format
    read = f"Read as {shape.name} ({', '.join(shape.columns)}), for {' or '.join(report.methods)}."
    lines = [f"{report.rows:,} rows, {len(report.kept):,} to train on. {read}"]
    if report.labels:
        shown = list(report.labels.items())[:MOST_LABELS]
        more = f" and {len(report.labels) - len(shown)} more" if len(report.labels) > len(shown) else ""
        lines.append("Labels: " + ", ".join(f"{label} {count:,}" for label, count in shown) + more)
    for each in report.findings:
        mark = "left out" if each.dropped else "look at"
        lines.append(f"{mark:>8}  {each.count:>7,}  {each.about}: {each.said} ({named(each.rows)})")
    return lines if report.findings else [*lines, "Nothing was found."]
