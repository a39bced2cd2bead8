"""`parley chat`: one answer to a prompt or a pipe, or a conversation that goes on."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.errors import EngineFailed
from ui.terminal.output import write, write_json
from ui.terminal.piped import piped_text
from ui.terminal.sampling import sampling_options

if TYPE_CHECKING:
    from assistant.engines.protocol import Engine
    from assistant.replies import Reply
    from ui.terminal.session import Session

app = typer.Typer(add_completion=False)


def _model_names(incomplete: str) -> list[str]:
    """Completion of --model in the shell."""
    from assistant.catalogue import Catalogue

    return [entry.key for entry in Catalogue.load() if "chat" in entry.tasks and entry.key.startswith(incomplete)]


@app.command()
@sampling_options
def chat(
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="The question; without it, what is piped in, or a chat.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Catalogue key, Hub id, folder or file.", autocompletion=_model_names),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="auto, llamacpp, transformers or openai.")] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="System prompt.")] = None,
    preset: Annotated[str | None, typer.Option(help="A part to play, with a system prompt of its own.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="A document to ask about; repeatable.")
    ] = None,
    continue_: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the last conversation.")] = False,
    resume: Annotated[str | None, typer.Option(metavar="ID", help="Go on with this conversation.")] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the conversation.")] = True,
    raw: Annotated[bool, typer.Option("--raw", help="Show replies as they are, not as Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object with the answer and what it cost.")] = False,
    *,
    sampling: dict[str, Any],
) -> None:
    """Chat in the terminal; with a prompt or a pipe, give one answer.

    Examples:

    parley chat
    parley chat "Why is the sky blue?" --temperature 0.2
    cat report.md | parley chat "Summarise this in three points"
    """
    if (continue_ or resume) and not save:
        raise typer.BadParameter("a conversation that goes on is kept; leave out --no-save", param_hint="--no-save")
    if continue_ and resume:
        raise typer.BadParameter("--continue and --resume exclude each other", param_hint="--resume")
    piped = piped_text()
    talk = prompt is None and piped is None
    if talk and (as_json or not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())):
        raise typer.BadParameter("give a prompt, or pipe a text in", param_hint="PROMPT")

    from ui.terminal.session import Session, find_conversation, last_conversation
    from ui.terminal.start import open_assistant

    with open_assistant(save=save) as assistant:
        session = Session(assistant)
        if continue_ or resume:
            session.open(find_conversation(assistant.store, resume) if resume else last_conversation(assistant.store))
        given = {"model": model, "engine": engine, "preset": preset, "system_prompt": system}
        session.change(sampling=sampling, **{name: value for name, value in given.items() if value is not None})
        for path in file or ():
            session.attach(path)
        if talk:
            from ui.terminal.interactive import Chat

            Chat(session, plain=raw, save=save).run()
        else:
            _answer(session, _framed(prompt, piped), as_json=as_json)


def _framed(prompt: str | None, piped: str | None) -> str:
    """The prompt, and after it the piped text in a frame that keeps the two apart."""
    if prompt is None or piped is None:
        return prompt or piped or ""
    return f"{prompt}\n\n<input>\n{piped.strip()}\n</input>"


def _answer(session: Session, text: str, *, as_json: bool) -> None:
    """Ask once, and put the answer on stdout as it comes (as one JSON object: when it is whole)."""
    from ui.terminal.session import pieces, stopped_by_interrupt
    from ui.terminal.start import load

    session.settings = replace(session.settings, beside=None)
    engine = load(session)
    reply = session.ask(text)[0]
    ends_with = ""
    with stopped_by_interrupt([reply]) as stopped:
        try:
            for piece in pieces(reply):
                if not as_json:
                    write(piece)
                    ends_with = piece[-1]
        finally:
            if ends_with not in ("", "\n"):
                write("\n")
    if stopped:
        raise KeyboardInterrupt
    if as_json:
        write_json(_result(reply, engine))


def _result(reply: Reply, engine: Engine) -> dict[str, Any]:
    """The object that --json prints; seconds count from the request to the last token, without loading."""
    if reply.usage is None:
        raise EngineFailed(f"{reply.model} ended its reply without saying what it cost.")
    return {
        "text": reply.text,
        "model": reply.model,
        "engine": engine.name,
        "prompt_tokens": reply.usage.prompt_tokens,
        "completion_tokens": reply.usage.completion_tokens,
        "seconds": reply.usage.seconds,
        "time_to_first_token": reply.usage.time_to_first_token,
    }
