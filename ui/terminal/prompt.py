"""Where a person types: several lines, a history that lasts, completion of commands and names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style

Words = Callable[[], Iterable[str]]
STYLE = Style.from_dict({"prompt": "bold", "bottom-toolbar": "noreverse ansibrightblack"})


class Prompt:
    """Reads what a person types. Enter sends, Alt-Enter or Ctrl-J makes a new line, a paste keeps its lines.

    commands: name with its slash → what it does. values: name → the words that may follow, None for a path.
    status: a short text that stands below the line.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        values: Mapping[str, Words | None],
        *,
        history: Path | None,
        status: Callable[[], str],
    ) -> None:
        if history is not None:
            history.touch(mode=0o600)  # what a person types is theirs alone
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            key_bindings=_keys(),
            history=FileHistory(str(history)) if history is not None else InMemoryHistory(),
            completer=SlashCompleter(commands, values),
            complete_while_typing=Condition(lambda: self._session.default_buffer.text.startswith("/")),
            prompt_continuation="  ",
            bottom_toolbar=status,
            enable_open_in_editor=True,
            style=STYLE,
        )

    def read(self, *, default: str = "") -> str:
        """One message. Raises EOFError on Ctrl-D in an empty line, KeyboardInterrupt on Ctrl-C."""
        return self._session.prompt([("class:prompt", "> ")], default=default).strip("\n")


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.apply_completion(buffer.complete_state.current_completion)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


class SlashCompleter(Completer):
    """Completes commands after a slash, and what may follow each."""

    def __init__(self, commands: Mapping[str, str], values: Mapping[str, Words | None]) -> None:
        self._commands = commands
        self._values = values
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the text before the cursor may go on with."""
        typed = document.text_before_cursor
        if not typed.startswith("/") or "\n" in typed:
            return
        command, space, rest = typed.partition(" ")
        if not space:
            for name, summary in self._commands.items():
                if name.startswith(command):
                    yield Completion(name, start_position=-len(command), display_meta=summary)
        elif command in self._values:
            words = self._values[command]
            if words is None:
                yield from self._paths.get_completions(Document(rest), complete_event)
            else:
                for word in words():
                    if word.startswith(rest):
                        yield Completion(word, start_position=-len(rest))
