"""The SQLite file of the store: how it is opened, locked, migrated, and what its failures mean.

Every foreign error of the database leaves here as StoreFailed (`failures`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from assistant.errors import StoreFailed
from assistant.schema import HEAD, REVISIONS

BUSY_SECONDS = 30.0
"""How long a write waits for another process's; each lasts milliseconds."""

_PARLEY_HOME = "PARLEY_HOME names another folder to keep conversations in."
FAILURES: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": ("The disk is full: {path} cannot grow.", "Free some space and try again; nothing saved is lost."),
    "SQLITE_READONLY": ("{path} cannot be written: the file or its folder is read-only.", _PARLEY_HOME),
    "SQLITE_PERM": ("{path} may not be opened.", f"Check its permissions. {_PARLEY_HOME}"),
    "SQLITE_AUTH": ("{path} may not be opened.", f"Check its permissions. {_PARLEY_HOME}"),
    "SQLITE_CANTOPEN": ("{path} cannot be opened.", f"Check that the folder exists and may be written. {_PARLEY_HOME}"),
    "SQLITE_IOERR": (
        "Reading or writing {path} failed on the disk itself.",
        "Check that the disk is healthy and has free space; network folders often cannot hold a database.",
    ),
    "SQLITE_BUSY": (
        "{path} is locked by another program.",
        "Close the other program that has it open (a second Parley may stay open), then try again.",
    ),
    "SQLITE_LOCKED": ("{path} is locked by another program.", "Try again in a moment."),
    "SQLITE_CORRUPT": (
        "{path} is damaged.",
        "Move it aside and put a backup in its place; `sqlite3 FILE .recover` saves what can be read. "
        "Parley starts with an empty history where the file is missing.",
    ),
    "SQLITE_NOTADB": (
        "{path} is not a database.",
        "Move it aside and put a backup in its place. Parley starts with an empty history where the file is missing.",
    ),
    "SQLITE_TOOBIG": ("The text is too large for {path}.", "Attach or send less at once."),
}
"""SQLite's primary error codes, what each means to a person, and what to do."""


def failure(error: sqlite3.Error, path: Path) -> StoreFailed:
    """What an error of SQLite means. Extended codes (SQLITE_IOERR_WRITE) count as their primary one."""
    name: str = getattr(error, "sqlite_errorname", "")
    primary = "_".join(name.split("_")[:2])
    message, hint = FAILURES.get(primary, ("{path} refused: {error}.", ""))
    return StoreFailed(message.format(path=path, error=error), hint=hint)


@contextmanager
def failures(path: Path) -> Generator[None]:
    """Raise StoreFailed for what goes wrong inside."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        raise failure(error.orig, path) from error
    except sqlite3.Error as error:
        raise failure(error, path) from error
    except UnicodeEncodeError as error:
        raise StoreFailed("The text has characters that cannot be stored.", hint="Remove half emoji.") from error


def open_database(path: Path) -> Engine:
    """An engine over an up-to-date database, created or migrated where need be.

    Transactions are ours: `engine.connect()` reads from one snapshot, `engine.execution_options(writes=True).connect()`
    takes the write lock at once, so that it waits for its turn instead of failing half-way.

    Raises StoreFailed where the file is damaged, not ours, from a newer Parley, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailed(f"{path.parent} cannot be created: {error.strerror}.", hint=_PARLEY_HOME) from error
    engine = _engine(path)
    try:
        with failures(path):
            if revision(engine, path) != HEAD:
                migrate(path)
            _write_ahead(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _engine(path: Path, *, foreign_keys: bool = True) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS},
        max_overflow=-1,  # a thread that waits for a connection is worse than one more connection
    )

    def connected(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # Python's sqlite3 then starts and ends no transaction by itself
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous = FULL")  # what is committed outlives a power cut
        connection.execute("PRAGMA secure_delete = ON")  # what is purged is gone from the file

    def began(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", began)
    return engine


def _write_ahead(engine: Engine) -> None:
    """Turn write-ahead logging on; SQLite keeps it in the file, and does not wait for others while it changes it."""
    with closing(engine.raw_connection()) as connection:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            cursor = connection.cursor()
            try:
                if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    cursor.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def revision(engine: Engine, path: Path) -> str | None:
    """Of the schema in the file; None where the file is new and empty.

    Raises StoreFailed where the file belongs to a newer Parley or to another program.
    """
    with engine.connect() as connection:
        try:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        except DBAPIError as error:
            if "no such table" not in str(error.orig):
                raise
            if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
                raise StoreFailed(
                    f"{path} is a database of another program.", hint=f"Move it aside. {_PARLEY_HOME}"
                ) from error
            return None
    if found is not None and found not in REVISIONS:
        raise StoreFailed(
            f"{path} was written by a newer Parley (schema {found}, this one knows {HEAD}); it was left as it is.",
            hint="Update Parley, or name another folder in PARLEY_HOME.",
        )
    return found


def migrate(path: Path) -> None:
    """Bring the file to this Parley's schema in one transaction, after copying an older one to `backup_path`.

    Other processes wait; whoever comes second finds the work done.
    """
    from alembic import command
    from alembic.config import Config

    engine = _engine(path, foreign_keys=False)  # rebuilding a table with them on would delete what refers to it
    try:
        with engine.execution_options(writes=True).connect() as connection, connection.begin():
            before = revision(engine, path)
            if before == HEAD:
                return
            if before is not None:
                back_up(path, backup_path(path, before))
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def backup_path(path: Path, revision: str) -> Path:
    """Where the copy of a database at `revision` goes before it is migrated."""
    return path.with_name(f"{path.stem}.schema-{revision}{path.suffix}")


def back_up(path: Path, copy: Path) -> None:
    """Copy a database that others may have open, write-ahead log included; never leaves half a copy."""
    partial = copy.with_name(copy.name + ".partial")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as source, closing(sqlite3.connect(partial)) as target:
        source.backup(target)
    partial.replace(copy)
