"""The chat that goes on, in a real terminal: a pty with `parley chat` behind it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from assistant.store import Store

ESCAPES = re.compile(r"\x1b(\[[?\d;]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")
ENTER, CONTROL_C, CONTROL_D, ALT_ENTER = "\r", "\x03", "\x04", "\x1b\r"


class Terminal:
    """A program in a terminal of its own; `seen` is everything that it showed, without colours and movements."""

    def __init__(self, command: list[str], environment: dict[str, str], *, rows: int = 30, columns: int = 100) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.raw = ""
        self._read = 0
        self.status: int | None = None

    @property
    def seen(self) -> str:
        return ESCAPES.sub("", self.raw).replace("\r", "")

    def send(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def wait_for(self, text: str, seconds: float = 15) -> str:
        """Read until `text` is seen after what was waited for last; everything since then."""
        end = time.monotonic() + seconds
        while text not in self.seen[self._read :]:
            if time.monotonic() > end or not self._more():
                raise AssertionError(f"no {text!r} in {self.seen[self._read :]!r}")
        before = self._read
        self._read = self.seen.index(text, before) + len(text)
        return self.seen[before : self._read]

    def end(self) -> int:
        """Read to the end of the program; its exit code."""
        while self._more():
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def kill(self) -> None:
        """End the program where it still runs."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.descriptor)

    def _more(self) -> bool:
        if not select.select([self.descriptor], [], [], 10)[0]:
            return False
        try:
            piece = os.read(self.descriptor, 65536)
        except OSError:  # the other side is closed
            return False
        self.raw += piece.decode(errors="replace")
        return bool(piece)


@pytest.fixture
def chat(program) -> Iterator[Callable[..., Terminal]]:
    """Start `parley chat` in a terminal: chat("--raw", FAKE_REPLY="…")."""
    command, environment = program
    started: list[Terminal] = []

    def start(*words: str, **settings: str) -> Terminal:
        terminal = Terminal([*command, "chat", *words], environment | settings)
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.kill()


def say(terminal: Terminal, text: str) -> str:
    """Type a line and wait for the facts under the reply."""
    terminal.send(text + ENTER)
    return terminal.wait_for("first after")


def test_a_conversation(chat):
    terminal = chat()
    terminal.wait_for("Ctrl-D leaves")
    assert "You said: hello" in say(terminal, "hello")
    terminal.send("two" + ALT_ENTER + "lines" + ENTER)
    assert "You said: two\nlines" in terminal.wait_for("first after")
    terminal.send(CONTROL_D)
    assert terminal.end() == 0
    (kept,) = Store().conversations()
    assert [m.content for m in Store().get(kept.id).path()][::2] == ["hello", "two\nlines"]


def test_control_c_stops_the_reply_and_keeps_it(chat):
    terminal = chat(FAKE_REPLY="word " * 2000, FAKE_SECONDS_PER_TOKEN="0.02")
    terminal.wait_for("Ctrl-D leaves")
    terminal.send("go" + ENTER)
    terminal.wait_for("word word word")
    terminal.send(CONTROL_C)
    assert "stopped" in terminal.wait_for("stopped")
    terminal.send("half typed" + CONTROL_C)
    terminal.send("/title kept" + ENTER + CONTROL_D)
    assert terminal.end() == 0
    (kept,) = Store().conversations()
    assert kept.title == "kept"
    reply = Store().get(kept.id).path()[-1]
    assert reply.status == "stopped" and 2 < len(reply.content.split()) < 1000


def test_markdown_is_rendered_and_raw_is_not(chat):
    terminal = chat(FAKE_REPLY="**bold** \x1b]0;owned\x07")
    terminal.wait_for("Ctrl-D leaves")
    assert "**" not in say(terminal, "x").split("> x")[-1]
    assert "\x1b]0;owned" not in terminal.raw
    terminal = chat("--raw", FAKE_REPLY="**bold**")
    terminal.wait_for("Ctrl-D leaves")
    assert "**bold**" in say(terminal, "x")


def test_branches_votes_and_corrections(chat):
    terminal = chat()
    terminal.wait_for("Ctrl-D leaves")
    say(terminal, "first")
    terminal.send("/vote +" + ENTER)
    terminal.wait_for("Kept.")
    terminal.send("/regenerate" + ENTER)
    terminal.wait_for("first after")
    terminal.send("/edit" + ENTER)
    terminal.wait_for("> first")
    terminal.send(" and more" + ENTER)
    assert "You said: first and more" in terminal.wait_for("first after")
    terminal.send("/branches" + ENTER)
    shown = terminal.wait_for("/branches N steps")
    assert "   1  question  first  " in shown and "*  2  question  first and more" in shown
    terminal.send("/branches 1" + ENTER)
    terminal.wait_for("You said: first\n")
    terminal.send("/correct" + ENTER)
    terminal.wait_for("> You said: first")
    terminal.send(" indeed" + ENTER)
    terminal.wait_for("Kept:")
    terminal.send("/quit" + ENTER)
    assert terminal.end() == 0
    (kept,) = Store().conversations()
    messages = list(Store().get(kept.id).messages.values())
    assert [m.vote for m in messages if m.vote] == [1]
    assert [m.correction for m in messages if m.correction] == ["You said: first indeed"]
    assert len(messages) == 5


def test_commands_that_change_settings(chat):
    terminal = chat()
    terminal.wait_for("Ctrl-D leaves")
    terminal.send("/set temperature 0.3" + ENTER)
    assert "* temperature     0.3" in terminal.wait_for("puts it back")
    terminal.send("/set temperature 9" + ENTER)
    terminal.wait_for("must be between 0 and 5")
    terminal.send("/system Be brief." + ENTER)
    terminal.wait_for("System prompt: Be brief.")
    terminal.send("/model nosuch" + ENTER)
    terminal.wait_for("There is no model called")
    terminal.send("/nosuch" + ENTER)
    terminal.wait_for("There is no command /nosuch")
    terminal.send("//etc/hosts what is it?" + ENTER)
    terminal.wait_for("You said: /etc/hosts")
    terminal.send("/exit" + ENTER)
    assert terminal.end() == 0
    (kept,) = Store().conversations()
    settings = Store().get(kept.id).settings
    assert settings["sampling"] == {"temperature": 0.3} and settings["system_prompt"] == "Be brief."


def test_lists_searches_opens_and_saves(chat, tmp_path):
    terminal = chat()
    terminal.wait_for("Ctrl-D leaves")
    say(terminal, "about apples")
    terminal.send("/new" + ENTER)
    terminal.wait_for("A new conversation.")
    say(terminal, "about pears")
    terminal.send("/list" + ENTER)
    assert "about apples" in terminal.wait_for("/open N goes on")
    terminal.send("/search apples" + ENTER)
    terminal.wait_for("/open N opens")
    terminal.send("/open 1" + ENTER)
    terminal.wait_for("You said: about apples")
    terminal.send(f"/save {tmp_path}/talk.md" + ENTER)
    terminal.wait_for("Saved in")
    terminal.send("/help" + ENTER)
    terminal.wait_for("/regenerate")
    terminal.send(CONTROL_D)
    assert terminal.end() == 0
    assert "about apples" in (tmp_path / "talk.md").read_text()


def test_goes_on_with_the_last_conversation(chat, fake, parley):
    parley("chat", "earlier question")
    terminal = chat("--continue")
    assert "You said: earlier question" in terminal.wait_for("You said: earlier question")
    say(terminal, "later")
    terminal.send(CONTROL_D)
    assert terminal.end() == 0
    (kept,) = Store().conversations()
    assert len(Store().get(kept.id).path()) == 4


def test_offers_to_fetch_a_model(chat, models):
    for file in (models / "smollm2-135m-instruct").iterdir():
        file.unlink()
    terminal = chat()
    terminal.wait_for("Fetch it now (")
    terminal.send("n" + ENTER)
    assert terminal.end() == 1
    assert "parley models pull smollm2-135m-instruct" in terminal.seen
