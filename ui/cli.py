"""The `parley` command. A sub-command's module is imported when it runs, so that `parley --help` answers at once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ui.terminal.output import exit_codes


@dataclass(frozen=True)
class Subcommand:
    """Where a sub-command lives (a module with a Typer app named `app`), and its line in the list of commands."""

    module: str
    summary: str


SUBCOMMANDS = {
    "chat": Subcommand("ui.terminal.chat", "Chat in the terminal; with a prompt or a pipe, one answer."),
    "sentiment": Subcommand(
        "ui.terminal.sentiment", "Read the sentiment of a text, sentence by sentence, or of a file."
    ),
    "translate": Subcommand("ui.terminal.translate", "Translate a text, a column, subtitles or a document."),
    "summarize": Subcommand("ui.terminal.summarize", "Summarise a text or a document, or each row of a file."),
    "ask": Subcommand("ui.terminal.ask", "Ask a document, and see what the answer rests on."),
    "classify": Subcommand("ui.terminal.classify", "Sort texts under labels of your own, with or without training."),
    "compare-models": Subcommand(
        "ui.terminal.compare_models", "One text through a BERT-, a T5- and a GPT-style model."
    ),
    "models": Subcommand("ui.terminal.models", "List, explain, fetch and remove models."),
    "data": Subcommand("ui.terminal.data", "Votes and conversations out and in, training data looked through."),
    "train": Subcommand("ui.terminal.train", "Tune a model on your own data."),
    "runs": Subcommand("ui.terminal.runs", "Watch, pause, resume, compare and delete runs."),
    "eval": Subcommand("ui.terminal.evaluate", "Measure models on suites, and say whether a change is real."),
    "lab": Subcommand("ui.terminal.lab", "See RNN, transformer, GAN, VAE and diffusion learn and make."),
    "export": Subcommand("ui.terminal.export", "Write a tuned model as files: merged safetensors, or a GGUF."),
    "serve": Subcommand("ui.terminal.serve", "Serve the API for other programs, in OpenAI's protocol."),
    "accounts": Subcommand("ui.terminal.accounts", "Who may log in to the page: add, list, password, remove."),
    "keys": Subcommand("ui.terminal.keys", "Make, list and revoke keys of the API."),
    "doctor": Subcommand("ui.terminal.doctor", "Look at the machine and the set-up, and say what is wrong."),
}


class LazyGroup(TyperGroup):
    """Lists the commands of `SUBCOMMANDS` from their summaries; one that is run is imported first."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, subcommand in SUBCOMMANDS.items():
            self.commands[name] = TyperCommand(name, help=subcommand.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in SUBCOMMANDS:
            command = typer.main.get_command(import_module(SUBCOMMANDS[name].module).app)
            command.name = name
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        with exit_codes():
            return super().invoke(ctx)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # A traceback of typer's own shows the values of local variables: keys and private text.
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"parley {version('parley')}")
        raise typer.Exit


@app.callback()
def parley(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Parley: a chat and text assistant that runs on your own machine.

    Example: parley chat "Why is the sky blue?"
    """


@app.command()
def ui(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 7860,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    auth: Annotated[
        str, typer.Option(help="login, none, or auto: a login as soon as other machines can reach the page.")
    ] = "auto",
    https: Annotated[bool, typer.Option("--https", help="A proxy before it speaks TLS: cookies want it.")] = False,
) -> None:
    """Open the page in the browser.

    Example: parley ui --port 8080 --no-browser
    """
    from ui.web.uploads import keep_private

    keep_private()
    from ui.web.app import launch

    launch(host=host, port=port, open_browser=browser, auth=auth, https=https)


def main() -> None:
    """Run the command line. A character that the terminal cannot show is written as its escape, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="parley")
