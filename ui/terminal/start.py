"""From a command line to a loaded model: the assistant, and the way out when there is no model here yet."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assistant.errors import ModelNotAvailable
from ui.terminal.output import note, waiting

if TYPE_CHECKING:
    from assistant.catalogue import ModelEntry
    from assistant.engines.protocol import Engine
    from assistant.service import Assistant
    from ui.terminal.session import Session


def make_assistant(database: Path | None) -> Assistant:
    """The assistant over a database (the person's own where None); tests put one with a fake engine in its place."""
    from assistant.service import Assistant
    from assistant.store import Store

    return Assistant(store=Store(database) if database else None)


@contextmanager
def open_assistant(*, save: bool = True) -> Generator[Assistant]:
    """An assistant that is closed afterwards; without `save`, its conversations are gone then."""
    if save:
        assistant = make_assistant(None)
        try:
            yield assistant
        finally:
            assistant.close()
        return
    from assistant.store import Store

    own = Store()
    note_about_person = own.preference("note")
    own.close()
    with TemporaryDirectory(prefix="parley-") as folder:
        assistant = make_assistant(Path(folder) / "parley.db")
        try:
            assistant.store.set_preference("note", note_about_person)
            yield assistant
        finally:
            assistant.close()


def load(session: Session, *, ask: bool = False) -> Engine:
    """The session's model in memory, with a sign of life on stderr while it loads.

    ask: where its weights are not here, offer to fetch them. Raises ModelNotAvailable when they stay away.
    """
    name = session.settings.model or session.assistant.default_model()
    try:
        with waiting(f"Loading {name} …"):
            return session.load()
    except ModelNotAvailable as error:
        if not (ask and _fetch(session, name, error)):
            raise
    return load(session)


def _fetch(session: Session, name: str, error: ModelNotAvailable) -> bool:
    """Offer to fetch the model; whether it is here now."""
    from assistant.engines.remote import Remote

    entry = session.assistant.find(name)
    return not isinstance(entry, Remote) and fetch([entry], error)


def fetch(entries: Sequence[ModelEntry], error: ModelNotAvailable) -> bool:
    """Offer to fetch what is missing; whether it is here now."""
    import sys

    from ui.terminal.prompt import agrees

    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty() and all(entry.sources for entry in entries)):
        return False
    note(error.message)
    if not agrees(f"Fetch it now ({sum(entry.download_bytes for entry in entries) / 1e6:,.0f} MB)?"):
        return False
    from ui.terminal.pulling import pull_with_progress

    for entry in entries:
        pull_with_progress(entry)
    return True
