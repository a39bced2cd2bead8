"""Streams and exit codes of every command: results on stdout, all else on stderr.

0    done
1    failed: a model, a file's contents, the machine or the network stood in the way
2    used wrongly: the command line must change before it can work (`USED_WRONGLY`, and typer's own usage errors)
130  stopped by Ctrl-C
141  the reader of the pipe left (`parley … | head`), as for a program ended by SIGPIPE

Text that a model or a file wrote goes through `printable`: it must not drive the terminal.
"""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import BadSettings, ParleyError, UnknownConversation, UnknownModel, UnknownTask, UserError
from assistant.whole_files import write_whole

if TYPE_CHECKING:
    from rich.console import Console

USED_WRONGLY = (UnknownModel, UnknownTask, UnknownConversation, BadSettings)
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR}
"""What the system says where a file may not be had."""
LINE_SECONDS = 5.0
"""Where stderr is no terminal, long work tells how far it is this often."""

# C0 controls have a picture of their own in Unicode; C1 controls (8-bit escape sequences) have none. A carriage return
# alone would overwrite its line, and before a line feed it says nothing.
_VISIBLE: dict[int, int | None] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"},
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    0x0D: None,
    0x7F: 0x2421,
}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def printable(text: str) -> str:
    """`text` with every control character but newline and tab replaced by a visible sign."""
    return text.translate(_VISIBLE)


def write(text: str) -> None:
    """Put a piece of a result on stdout at once."""
    sys.stdout.write(printable(text))
    sys.stdout.flush()


def json_line(value: Any) -> str:
    """One JSON object on one line; json.dumps alone leaves some control characters as they are, and writes numbers that
    are none (NaN, infinity), which JSON does not know: they are null."""
    try:
        told = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        told = json.dumps(_known_to_json(value), ensure_ascii=False)
    return told.translate(_JSON_ESCAPES) + "\n"


def _known_to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known_to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_known_to_json(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(value: Any) -> None:
    """Put one JSON object on stdout."""
    sys.stdout.write(json_line(value))


def note(text: str, style: str = "") -> None:
    """Say something on stderr that is no result."""
    from rich.text import Text

    error_console().print(Text(printable(text), style=style))


def error_console() -> Console:
    """The console of stderr; it does not wrap lines, so that a log keeps them whole."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def waiting(text: str) -> Generator[Callable[[str], None]]:
    """Show a spinner on stderr while something slow goes on; nothing where stderr is no terminal.

    What it gives changes the words beside the spinner.
    """
    console = error_console()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(printable(text)) as status:
        yield lambda now: status.update(printable(now))


def show_error(error: ParleyError) -> None:
    """Say on stderr what happened and what to do about it."""
    from rich.text import Text

    console = error_console()
    console.print(Text.assemble(("parley: ", "bold red"), printable(error.message)))
    if error.hint:
        console.print(Text(printable(error.hint), style="dim"))


@contextmanager
def exit_codes() -> Generator[None]:
    """End the program as the list above says when what runs inside fails or is stopped."""
    try:
        yield
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not at the interpreter's end
    except ParleyError as error:
        show_error(error)
        raise SystemExit(2 if isinstance(error, USED_WRONGLY) else 1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        _drop_stdout()
        raise SystemExit(141) from None
    except OSError as error:
        if error.filename is not None:
            if not _of_the_machine(error):
                raise
            hint = "Parley keeps its things there; PARLEY_HOME names another folder."
            show_error(ParleyError(f"{error.filename} cannot be used: {error.strerror}.", hint=hint))
            raise SystemExit(1) from None
        _drop_stdout()
        show_error(ParleyError(f"The output cannot be written: {error.strerror or error}."))
        raise SystemExit(1) from None


def _of_the_machine(error: OSError) -> bool:
    """Whether it is no mistake of ours: a file of Parley's own that this person, or this disk, does not let it have."""
    from assistant import paths

    return error.errno in REFUSED and Path(str(error.filename)).absolute().is_relative_to(paths.home().absolute())


def _drop_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain of the pipe."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a file whole or not at all. Raises UserError where the path cannot be written."""
    try:
        write_whole(path, pieces)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", hint="Name another file.") from error
