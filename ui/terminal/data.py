"""`parley data`: votes and conversations out, conversations in, training data looked through."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.errors import BadDocument
from ui.terminal.fetching import fetch
from ui.terminal.output import json_line, note, printable, write_file, write_json
from ui.terminal.synthesize import synthesize
from ui.terminal.training_data import lint_file, mask_file

if TYPE_CHECKING:
    from assistant.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False)

STDIN = Path("-")


class Format(StrEnum):
    """What an export is for: the first three are TRL's formats for training, the others hold one conversation."""

    PREFERENCE = "preference"
    KTO = "kto"
    SFT = "sft"
    JSON = "json"
    MARKDOWN = "markdown"


@app.callback()
def data() -> None:
    """Take votes and conversations out, bring conversations in, look through training data.

    Example: parley data export --format preference --output votes.jsonl
    """


@app.command("export")
def export(
    format: Annotated[
        Format,
        typer.Option("--format", help="For training: preference, kto or sft; one conversation: json or markdown."),
    ],
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="The conversation to export as json or markdown.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; else stdout.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="With sft: branches without a vote or a correction too.")
    ] = False,
) -> None:
    """Write votes and corrections as training data (JSON lines), or one conversation as a file.

    Examples:

    parley data export --format kto --output votes.jsonl
    parley data export --conversation 3f2a --format markdown
    """
    one = format in (Format.JSON, Format.MARKDOWN)
    if one and conversation is None:
        raise typer.BadParameter(f"--format {format} needs --conversation ID", param_hint="--conversation")
    if not one and conversation is not None:
        raise typer.BadParameter("one conversation is exported as json or markdown", param_hint="--format")
    if everything and format is not Format.SFT:
        raise typer.BadParameter("only --format sft can take everything", param_hint="--all")

    with _store() as store:
        if conversation is not None:
            _put([_conversation(store, conversation, format)], output)
            return
        counted = Counted(_rows(store, format, everything))
        _put(counted, output)
    if counted.count == 0:
        note("Nothing to export: vote on replies or correct them first.", style="dim")
    elif output is not None:
        note(f"{counted.count} rows in {output}.", style="dim")


@app.command("import")
def bring_in(
    files: Annotated[list[Path], typer.Argument(help="Files with conversations; - reads stdin.", allow_dash=True)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one object with the new ids.")] = False,
) -> None:
    """Take in conversations: Parley's JSON or Markdown, ChatGPT's conversations.json, Open WebUI's export.

    Prints the id of each. A file is taken in whole or not at all.

    Example: parley data import conversations.json
    """
    from assistant.exports import import_conversations

    ids: list[str] = []
    with _store() as store:
        for file in files:
            ids += import_conversations(store, _stdin() if file == STDIN else file)
        if as_json:
            write_json({"conversations": ids})
            return
        titles = {summary.id: summary.title for summary in store.conversations(limit=-1)}
    for conversation_id in ids:
        typer.echo(f"{conversation_id}  {printable(titles.get(conversation_id, ''))}")


app.command("lint")(lint_file)
app.command("mask")(mask_file)
app.command("synthesize")(synthesize)
app.command("fetch")(fetch)


class Counted(Iterable[str]):
    """Lines that count themselves as they go by."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            yield line


@contextmanager
def _store() -> Generator[Store]:
    from assistant.store import Store

    store = Store()
    try:
        yield store
    finally:
        store.close()


def _rows(store: Store, format: Format, everything: bool) -> Iterator[str]:
    from assistant.exports import TrainingFormat, export_training

    names: dict[Format, TrainingFormat] = {
        Format.PREFERENCE: "preference",
        Format.KTO: "kto",
        Format.SFT: "sft",
    }
    for row in export_training(store, names[format], everything=everything):
        yield json_line(row)


def _conversation(store: Store, name: str, format: Format) -> str:
    from assistant.exports import export_conversation
    from ui.terminal.session import find_conversation

    text = export_conversation(store, find_conversation(store, name), "json" if format is Format.JSON else "markdown")
    return text if text.endswith("\n") else text + "\n"


def _put(pieces: Iterable[str], output: Path | None) -> None:
    if output is not None:
        write_file(output, pieces)
        return
    for piece in pieces:
        sys.stdout.write(printable(piece) if sys.stdout.isatty() else piece)


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadDocument("What is piped in is not UTF-8 text.") from error
