from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, event

from assistant import database, schema
from assistant.database import FAILURES, backup_path, failure, failures
from assistant.errors import StoreFailed
from assistant.store import Store

MIGRATIONS = Path(database.__file__).parent / "migrations"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "with space, % and ?" / "parley.db"


def sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return [row for statement in statements for row in connection.execute(statement).fetchall()]


def test_the_list_of_revisions_is_that_of_the_migrations() -> None:
    walked = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert tuple(script.revision for script in walked)[::-1] == schema.REVISIONS


def test_the_migrations_make_the_tables_that_the_code_names(path: Path) -> None:
    Store(path).close()
    with create_engine(URL.create("sqlite", database=str(path))).connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": not_the_full_text_tables})
        assert compare_metadata(context, schema.metadata) == []
    (row,) = sql(path, "SELECT sql FROM sqlite_master WHERE name = 'messages'")
    assert f"number >> {schema.PLACE_BITS} = conversation" in str(row[0])


def not_the_full_text_tables(name: str | None, kind: str, parents: object) -> bool:
    return "_text" not in (name or "")


def test_an_up_to_date_database_opens_without_alembic(path: Path) -> None:
    Store(path).close()
    code = "import sys; from pathlib import Path; from assistant.store import Store; Store(Path(sys.argv[1])).close()"
    code += "; assert 'alembic' not in sys.modules, 'alembic was imported'"
    subprocess.run([sys.executable, "-c", code, path], check=True, cwd=MIGRATIONS.parents[1])


def test_a_failed_migration_leaves_no_trace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", fails)
        with pytest.raises(RuntimeError):
            Store(path)
    assert sql(path, "SELECT count(*) FROM sqlite_master") == [(0,)]
    Store(path).close()


def test_an_older_database_is_copied_before_it_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(path)
    store.create(title="old and dear")
    with monkeypatch.context() as patched:  # as if this Parley had a second migration and the file only the first
        patched.setattr(database, "REVISIONS", ("0001", "0002"))
        patched.setattr(database, "HEAD", "0002")
        database.migrate(path)  # the store is still open: its write-ahead log must be in the copy
    store.close()
    copy = backup_path(path, "0001")
    assert copy.name == "parley.schema-0001.db"
    assert [line.title for line in Store(copy).conversations()] == ["old and dear"]
    assert not list(path.parent.glob("*.partial"))


def test_a_database_from_a_newer_parley_is_left_alone(path: Path) -> None:
    Store(path).close()
    sql(path, "PRAGMA journal_mode = DELETE", "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(StoreFailed, match=r"newer Parley \(schema 9999.*Update Parley"):
        Store(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["parley.db"]


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    sql(path, "CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreFailed, match="another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is a letter to my aunt, not a database" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreFailed, match=r"is not a database.*Move it aside") as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_damaged_page_is_told_when_it_is_read(path: Path) -> None:
    store = Store(path)
    ids = [store.create(title="x" * 500) for _ in range(200)]
    store.close()
    pages = bytearray(path.read_bytes())
    pages[4096 * 3 :] = random.Random(0).randbytes(len(pages) - 4096 * 3)
    path.write_bytes(pages)
    with pytest.raises(StoreFailed, match=r"is damaged.*Move it aside"):
        opened = Store(path)
        for conversation_id in ids:
            opened.get(conversation_id)


def test_a_folder_in_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        Store(path)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StoreFailed, match=r"cannot be created.*PARLEY_HOME"):
        Store(tmp_path / "home" / "parley.db")


def test_processes_that_open_a_new_database_together_all_succeed(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=open_and_write, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(Store(path).conversations()) == 3


def open_and_write(path: Path) -> None:
    store = Store(path)
    store.create()
    store.close()


@pytest.fixture
def pragma() -> Iterator[list[str]]:
    """Statements run on each new connection, to bring about what a full or read-only disk does."""
    statements: list[str] = []

    def connected(connection: sqlite3.Connection, record: object) -> None:
        for statement in statements:
            connection.execute(statement)

    event.listen(Engine, "connect", connected)
    yield statements
    event.remove(Engine, "connect", connected)


def test_a_full_disk_is_told_and_loses_nothing(path: Path, pragma: list[str]) -> None:
    pragma.append("PRAGMA max_page_count = 60")
    store = Store(path)
    conversation_id = store.create()
    saved = 0
    with pytest.raises(StoreFailed, match=r"The disk is full.*Free some space") as caught:
        for _ in range(1000):
            store.add_message(conversation_id, parent_id=None, role="user", content="word " * 200)
            saved += 1
    assert isinstance(caught.value.__cause__, Exception)
    assert saved > 0
    assert len(store.get(conversation_id).messages) == saved


def test_a_read_only_file_is_told_and_still_read(path: Path, pragma: list[str]) -> None:
    Store(path).close()
    pragma.append("PRAGMA query_only = ON")
    store = Store(path)
    with pytest.raises(StoreFailed, match="read-only"):
        store.create()
    assert store.conversations() == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        Store(path)


def test_a_database_locked_by_another_program_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    store = Store(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match="locked by another program"):
            store.create()
    assert store.create()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SQLITE_FULL", "disk is full"),
        ("SQLITE_READONLY", "read-only"),
        ("SQLITE_READONLY_DBMOVED", "read-only"),
        ("SQLITE_PERM", "may not be opened"),
        ("SQLITE_AUTH", "may not be opened"),
        ("SQLITE_CANTOPEN", "cannot be opened"),
        ("SQLITE_CANTOPEN_ISDIR", "cannot be opened"),
        ("SQLITE_IOERR", "failed on the disk"),
        ("SQLITE_IOERR_WRITE", "failed on the disk"),
        ("SQLITE_BUSY", "locked"),
        ("SQLITE_BUSY_SNAPSHOT", "locked"),
        ("SQLITE_LOCKED", "locked"),
        ("SQLITE_CORRUPT", "damaged"),
        ("SQLITE_CORRUPT_VTAB", "damaged"),
        ("SQLITE_NOTADB", "not a database"),
        ("SQLITE_TOOBIG", "too large"),
        ("SQLITE_MISUSE", "library routine"),
    ],
)
def test_every_error_of_sqlite_has_a_meaning(name: str, says: str) -> None:
    error = sqlite3.OperationalError("library routine called out of sequence")
    error.sqlite_errorname = name
    told = failure(error, Path("/data/parley.db"))
    assert says in told.message
    assert "/data/parley.db" in told.message
    assert told.hint or name == "SQLITE_MISUSE"


def test_every_meaning_is_that_of_a_code_that_sqlite_has() -> None:
    assert all(hasattr(sqlite3, name) for name in FAILURES)


def test_raw_and_wrapped_errors_pass_the_same_edge(path: Path) -> None:
    with pytest.raises(StoreFailed) as caught, failures(path):
        raise sqlite3.DatabaseError("raw")
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    with pytest.raises(KeyError), failures(path):
        raise KeyError("not the database's")
