"""The chat that goes on until Ctrl-D: reads a message or a command, shows the reply as it grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assistant import paths
from assistant.errors import ParleyError, UserError
from ui.terminal.markdown import MarkdownStream
from ui.terminal.output import printable, show_error
from ui.terminal.prompt import Prompt, keys_kept
from ui.terminal.session import Session, pieces, stopped_by_interrupt
from ui.terminal.start import load

if TYPE_CHECKING:
    from assistant.conversation import StoredMessage
    from assistant.replies import Reply

WELCOME = (
    "/help lists the commands, Ctrl-C stops a reply, Ctrl-D leaves. Small models are often wrong: check what matters."
)

ALIASES = {"exit": "quit", "q": "quit", "?": "help"}


class Chat:
    """The screen and the keyboard of one session. `listed` holds the ids that /list or /search showed last."""

    def __init__(self, session: Session, *, plain: bool, save: bool) -> None:
        from ui.terminal.commands import COMMANDS, completions

        self.session = session
        self.console = Console(highlight=False)
        self.plain = plain or self.console.is_dumb_terminal
        self.listed: list[str] = []
        self._commands = COMMANDS
        self._prompt = Prompt(
            {f"/{name}": command.summary for name, command in COMMANDS.items()},
            completions(self),
            history=paths.home() / "prompt_history" if save else None,
            status=self._status,
        )

    def run(self) -> None:
        """Talk until the person leaves."""
        with keys_kept():
            self._run()

    def _run(self) -> None:
        self.say(f"Parley with {load(self.session, ask=True).model}. {WELCOME}")
        if self.session.conversation_id is not None:
            self.show_end()
        while True:
            try:
                self._obey(self.read())
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            except ParleyError as error:
                show_error(error)

    def read(self, *, default: str = "") -> str:
        """What the person types next; `default` stands there already, to be changed."""
        return self._prompt.read(default=default)

    def _obey(self, text: str) -> None:
        """Run a command or ask the model. Raises EOFError when the person wants to leave."""
        if not text.startswith("/") or text.startswith("//"):
            if text.strip():
                self.ask(text.removeprefix("/"))
            return
        name, _, words = text[1:].partition(" ")
        name = ALIASES.get(name.strip(), name.strip())
        if name not in self._commands:
            raise UserError(
                f"There is no command /{name}.", hint="/help lists them; // at the start sends a text with a slash."
            )
        self._commands[name].run(self, words.strip())

    def ask(self, text: str) -> None:
        """Ask the next question and show the answer."""
        load(self.session, ask=True)
        self.show(self.session.ask(text))

    def show(self, replies: Sequence[Reply]) -> None:
        """Show replies while they grow, one after the other; Ctrl-C ends them and keeps what is there."""
        with stopped_by_interrupt(list(replies)):
            for reply in replies:
                if len(replies) > 1:
                    self.say(f"── {reply.model}")
                self._show_one(reply)

    def _show_one(self, reply: Reply) -> None:
        stream = MarkdownStream(self.console, plain=self.plain)
        stream.status("…")
        try:
            for piece in pieces(reply):
                stream.feed(piece)
        finally:
            stream.finish()
        self.say(_facts(reply))

    def show_end(self) -> None:
        """Print the conversation's title and its last question and answer, as they were."""
        conversation = self.session.conversation()
        branch = conversation.path()
        self.say(f"── {conversation.title}" + (f" ({len(branch)} messages)" if len(branch) > 2 else ""))
        for message in branch[-2:]:
            self.show_message(message)

    def show_message(self, message: StoredMessage) -> None:
        """Print a message that has been written."""
        if message.role == "user":
            self.console.print(Text(f"> {printable(message.content)}", style="bold"))
        else:
            stream = MarkdownStream(self.console, plain=self.plain)
            stream.feed(message.correction or message.content)
            stream.finish()
        self.console.print()

    def table(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Print rows in columns: the first one bold, the last one wraps."""
        table = Table.grid(padding=(0, 2))
        for row in rows:
            if not table.columns:
                for number in range(len(row)):
                    last = number == len(row) - 1
                    table.add_column(no_wrap=not last, overflow="fold", style="bold" if number == 0 else "")
            table.add_row(*(Text(printable(cell)) for cell in row))
        self.console.print(table)

    def say(self, text: str) -> None:
        """A remark of Parley's own."""
        self.console.print(Text(printable(text), style="dim"))

    def _status(self) -> str:
        session = self.session
        attached = f" · {len(session.attachments)} attached" if session.attachments else ""
        return f"{session.settings.model or session.assistant.default_model()}{attached}"


def _facts(reply: Reply) -> str:
    """The line under a reply: what it cost and how it ended."""
    facts: list[str] = []
    if usage := reply.usage:
        facts = [f"{usage.completion_tokens} tokens", f"first after {usage.time_to_first_token:.2f} s"]
        if usage.tokens_per_second:
            facts.insert(1, f"{usage.tokens_per_second:.0f} tokens/s")
        if usage.finish == "length":
            facts.append("cut at max_tokens or the end of the context")
    if reply.status == "stopped":
        facts.append("stopped")
    if reply.left_out:
        facts.append(f"the oldest {reply.left_out} messages no longer fit and were left out")
    return " · ".join(facts) + "\n"
