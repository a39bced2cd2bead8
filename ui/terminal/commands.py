"""The slash commands of the interactive chat: a table of what each is called, takes, says and does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from assistant.errors import UserError
from assistant.settings import presets
from ui.terminal import revisions
from ui.terminal.output import printable, write_file
from ui.terminal.sampling import HELP, read_setting
from ui.terminal.session import SHORT_ID, find_conversation

if TYPE_CHECKING:
    from ui.terminal.interactive import Chat

LISTED = 20


@dataclass(frozen=True)
class Command:
    """One slash command; `run` gets the chat and the words after the name."""

    run: Callable[[Chat, str], None]
    words: str
    summary: str


def _help(chat: Chat, _: str) -> None:
    chat.table((f"/{name} {command.words}", command.summary) for name, command in COMMANDS.items())
    chat.say("Enter sends, Alt-Enter or Esc Enter makes a new line, Ctrl-X Ctrl-E opens your editor, Ctrl-D leaves.")


def _new(chat: Chat, _: str) -> None:
    chat.session.conversation_id = None
    chat.session.attachments.clear()
    chat.say("A new conversation.")


def _list(chat: Chat, words: str) -> None:
    found = chat.session.assistant.store.conversations(query=words, limit=LISTED)
    chat.listed = [summary.id for summary in found]
    chat.table(
        (
            f"{_mark(summary.id == chat.session.conversation_id)}{number:>3}",
            summary.updated.astimezone().strftime("%Y-%m-%d %H:%M"),
            summary.id[:SHORT_ID],
            summary.title or "(no title)",
        )
        for number, summary in enumerate(found, start=1)
    )
    chat.say("/open N goes on with one." if found else "No conversations.")


def _open(chat: Chat, words: str) -> None:
    if words.isdigit() and 1 <= int(words) <= len(chat.listed):
        chosen = chat.listed[int(words) - 1]
    else:
        chosen = find_conversation(chat.session.assistant.store, words)
    chat.session.open(chosen)
    chat.show_end()


def _search(chat: Chat, words: str) -> None:
    hits = chat.session.assistant.store.search(words, limit=LISTED)
    chat.listed = [hit.conversation_id for hit in hits]
    for number, hit in enumerate(hits, start=1):
        line = Text(f"{number:>4}  {printable(hit.title)}: ", style="bold")
        for part, piece in enumerate(hit.snippet.replace("\x03", "\x02").split("\x02")):
            line.append(
                printable(" ".join(piece.split(" "))).replace("\n", " "), "bold yellow" if part % 2 else "not bold"
            )
        chat.console.print(line)
    chat.say("/open N opens the conversation." if hits else f"Nothing holds {words!r}.")


def _title(chat: Chat, words: str) -> None:
    conversation = chat.session.conversation()
    if not words:
        chat.say(conversation.title)
        return
    chat.session.assistant.store.rename(conversation.id, words)


def _model(chat: Chat, words: str) -> None:
    from assistant import sources

    assistant = chat.session.assistant
    if words:
        chat.session.change(model=words)
        chat.say(f"{words} answers from now on.")
        return
    current = chat.session.settings.model or assistant.default_model()
    here = [entry for entry in assistant.catalogue if "chat" in entry.tasks and sources.locate(entry)]
    chat.table((f"{_mark(entry.key == current)} {entry.key}", entry.title) for entry in here)
    chat.say("/model NAME changes it; `parley models list` shows what can be fetched.")


def _preset(chat: Chat, words: str) -> None:
    if words:
        chat.session.change(preset=words)
    current = chat.session.settings.preset
    chat.table((f"{_mark(preset.key == current)} {preset.key}", preset.title) for preset in presets().values())


def _system(chat: Chat, words: str) -> None:
    if words:
        chat.session.change(system_prompt=None if words == "default" else words)
    chat.say(f"System prompt: {chat.session.settings.instructions}")


def _set(chat: Chat, words: str) -> None:
    if words:
        name, value = read_setting(words)
        chat.session.change(sampling={name: value})
    settings = chat.session.settings
    preset = presets()[settings.preset].sampling if settings.preset in presets() else {}
    in_force = asdict(chat.session.assistant.sampling(settings.model, preset, settings.sampling))
    chat.table(
        (f"{_mark(name in settings.sampling)} {name}", str(value), HELP[name]) for name, value in in_force.items()
    )
    chat.say("/set NAME VALUE changes one (marked *), /set NAME default puts it back.")


def _mark(chosen: bool) -> str:
    return "*" if chosen else " "


def _attach(chat: Chat, words: str) -> None:
    if words:
        chat.session.attach(Path(words))
    for attachment in chat.session.attachments:
        chat.say(f"{attachment.name}: {len(attachment.text):,} characters, goes with the next question")


def _save(chat: Chat, words: str) -> None:
    from assistant.exports import export_conversation

    if not words:
        raise UserError("Name a file.", hint="/save talk.md or /save talk.json")
    path = Path(words).expanduser()
    if path.exists():
        raise UserError(f"{path} exists already.", hint="Name another file.")
    form: Literal["json", "markdown"] = "json" if path.suffix.lower() == ".json" else "markdown"
    write_file(path, [export_conversation(chat.session.assistant.store, chat.session.conversation().id, form)])
    chat.say(f"Saved in {path}.")


def _quit(chat: Chat, _: str) -> None:
    raise EOFError


COMMANDS: dict[str, Command] = {
    "help": Command(_help, "", "show the commands"),
    "new": Command(_new, "", "begin a new conversation"),
    "list": Command(_list, "[WORDS]", "show the last conversations (that hold the words)"),
    "open": Command(_open, "N", "go on with a conversation: its number in the list, or its id"),
    "search": Command(_search, "WORDS", "search in all conversations"),
    "title": Command(_title, "TEXT", "name the conversation"),
    "model": Command(_model, "[NAME]", "show the models that are here, or change to one"),
    "preset": Command(_preset, "[NAME]", "show the parts that the assistant can play, or choose one"),
    "system": Command(_system, "[TEXT]", "show the system prompt, or write another (default: back to the preset's)"),
    "set": Command(_set, "[NAME VALUE]", "show the sampling settings, or change one: /set temperature 0.3"),
    "regenerate": Command(revisions.regenerate, "", "answer the last question again, beside the old reply"),
    "edit": Command(revisions.edit, "", "ask the last question in other words, in a branch beside it"),
    "branches": Command(revisions.branches, "[N]", "show the versions of questions and replies, or step to one"),
    "vote": Command(revisions.vote, "+ | -", "like or dislike the last reply (kept for training)"),
    "correct": Command(revisions.correct, "", "write what the last reply should have been (kept for training)"),
    "attach": Command(_attach, "FILE", "add a document to the next question"),
    "save": Command(_save, "FILE", "write the conversation to a .md or .json file"),
    "quit": Command(_quit, "", "leave"),
}


def completions(chat: Chat) -> Mapping[str, Callable[[], Iterable[str]] | None]:
    """What may follow each command, for those where it can be listed; None for a path."""
    return {
        "/model": lambda: [entry.key for entry in chat.session.assistant.catalogue if "chat" in entry.tasks],
        "/preset": presets,
        "/set": lambda: HELP,
        "/vote": lambda: ("+", "-"),
        "/attach": None,
        "/save": None,
    }
