"""`parley data lint`: what is wrong with a file of training data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.terminal.output import json_line, note, printable, write_file, write_json

if TYPE_CHECKING:
    from finetune.lint import Report

MOST_LABELS = 12
"""Labels that are shown with their rows."""


def lint_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV, JSON, JSON lines or Parquet.")],
    tests: Annotated[
        Path | None, typer.Option("--test", metavar="FILE", help="Rows of this file must not be trained on.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the good rows here, in TRL's format.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Look through training data before a run: what it teaches, which rows cannot be used and why, duplicates,
    contradictions, leaked test rows, personal data, wrong encodings, uneven labels, other languages.

    Examples:

    parley data lint rows.jsonl --test test.jsonl

    parley data lint titles.csv --output clean.jsonl
    """
    from finetune.lint import cleaned, lint

    report = lint(file, tests=tests)
    if output is not None:
        write_file(output, map(json_line, cleaned(file, report)))
    if as_json:
        write_json(_packed(report))
    else:
        for line in _lines(report):
            typer.echo(printable(line))
    if output is not None:
        note(f"{len(report.kept):,} rows in {output}.", style="dim")


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
        numbers = ", ".join(f"{number:,}" for number in each.rows)
        rows = f"{'row' if each.count == 1 else 'rows'} {numbers}{' …' if each.count > len(each.rows) else ''}"
        mark = "left out" if each.dropped else "look at"
        lines.append(f"{mark:>8}  {each.count:>7,}  {each.about}: {each.said} ({rows})")
    return lines if report.findings else [*lines, "Nothing was found."]
