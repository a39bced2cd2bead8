"""What is piped or redirected into a command, as text: UTF-8, an old encoding, a PDF or a Word file."""

from __future__ import annotations

import os
import select
import stat
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ui.terminal.output import note

PIPE_PATIENCE_SECONDS = 2.0
"""A pipe that stays silent longer is mentioned on stderr: a script may have left its own input open by mistake."""


def piped_text() -> str | None:
    """The text of what is piped or redirected into the program, None where nothing is. Raises BadDocument."""
    if sys.stdin is None or sys.stdin.closed:
        return None
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        mode = stat.S_IFIFO  # no file behind it, as in a test
    else:
        if stat.S_ISCHR(mode):  # a terminal, or /dev/null
            return None
        if (
            os.name == "posix"
            and stat.S_ISFIFO(mode)
            and not select.select([sys.stdin], [], [], PIPE_PATIENCE_SECONDS)[0]
        ):
            note("Waiting for the end of the piped text; </dev/null if there is none.", style="dim")
    return _text_of(sys.stdin.buffer.read())


def _text_of(data: bytes) -> str | None:
    """UTF-8 text as it is; a PDF, a Word file or an old encoding as a document is read."""
    with suppress(UnicodeDecodeError):
        text = data.decode("utf-8-sig")
        if "\0" not in text:
            return text if text.strip() else None
    from assistant.documents import read_document

    with TemporaryDirectory(prefix="parley-") as folder:
        path = Path(folder) / "piped"
        path.write_bytes(data)
        return read_document(path, "The piped text").text
