"""Where a person types: several lines, a history that lasts, completion of commands and names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style

try:
    import termios
except ImportError:  # Windows has none, and echoes less
    termios = None

Words = Callable[[], Iterable[str]]
STYLE = Style.from_dict({"prompt": "bold", "bottom-toolbar": "noreverse ansibrightblack"})


@contextmanager
def keys_kept() -> Generator[None]:
    """Between prompts, what is typed is not echoed into the reply; it waits, as typed, for the next prompt. Ctrl-C
    still interrupts."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[0] &= ~termios.ICRNL
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


class Prompt:
    """Reads what a person types. Enter sends, Alt-Enter (or Esc, Enter) makes a new line, a paste keeps its lines.

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


def agrees(question: str) -> bool:
    """Ask a question; whether the answer is yes, as Enter alone means."""
    answer: str = PromptSession[str]().prompt(f"{question} [Y/n] ")
    return answer.strip().lower() in ("", "y", "yes")


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
    @keys.add("escape", "c-j")  # what Enter is when it was typed before the prompt was there; alone, it sends too
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
