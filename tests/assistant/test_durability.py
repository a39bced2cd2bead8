"""What a killed process leaves behind, and whose replies a new one may touch."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from assistant.errors import StoreFailed
from assistant.ownership import Owner
from assistant.store import Store

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from assistant.store import Store

store = Store(Path(sys.argv[1]))
conversation_id, parent = store.create(), None
for number in range(1_000_000):
    question = store.add_message(conversation_id, parent_id=parent, role="user", content=f"question {number}")
    reply = store.add_message(
        conversation_id, parent_id=question.id, role="assistant", content="", status="streaming", model="m"
    )
    text = f"reply {number} " * 50
    for end in range(0, len(text), 200):
        store.checkpoint(reply.id, text[:end])
    store.finish_message(reply.id, content=text, status="complete", usage={"completion_tokens": number})
    parent = reply.id
    print(reply.id, number, flush=True)
"""

STREAMER = """
import sys
from pathlib import Path
from assistant.store import Store

store = Store(Path(sys.argv[1]))
reply = store.add_message(store.create(), parent_id=None, role="assistant", content="", status="streaming")
store.checkpoint(reply.id, "half a rep")
print(reply.id, flush=True)
sys.stdin.readline()
store.finish_message(reply.id, content="half a reply, and the rest", status="complete")
"""


@contextmanager
def running(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not there")
@pytest.mark.parametrize("round_number", range(3))
def test_a_killed_writer_loses_nothing_it_had_finished(tmp_path: Path, round_number: int) -> None:
    path = tmp_path / "parley.db"
    with running(WRITER, path) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(4)]  # however busy the machine is
        time.sleep(random.Random(round_number).uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        printed = [line for line in [*first, *process.stdout] if line.endswith("\n")]

    store = Store(path)
    assert len(printed) > 3
    for line in printed:
        message_id, number = line.split()
        kept = store.message(message_id)
        assert (kept.status, kept.usage) == ("complete", {"completion_tokens": int(number)})
        assert kept.content == f"reply {number} " * 50
    assert store.recover() in (0, 1)
    assert store.recover() == 0
    (line,) = store.conversations()
    assert {message.status for message in store.get(line.id).messages.values()} <= {"complete", "interrupted"}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO messages_text (messages_text, rank) VALUES ('integrity-check', 1)")


def test_the_replies_of_a_running_process_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    with running(STREAMER, path) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        message_id = process.stdout.readline().strip()
        store = Store(path)
        assert store.recover() == 0
        assert store.message(message_id).status == "streaming"
        process.stdin.write("\n")
        process.stdin.flush()
        process.wait()
        assert store.message(message_id).content == "half a reply, and the rest"


def test_the_replies_of_a_dead_process_keep_what_had_come(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    with running(STREAMER, path) as process:
        assert process.stdout is not None
        message_id = process.stdout.readline().strip()
        process.kill()
    store = Store(path)
    assert store.recover() == 1
    assert (store.message(message_id).status, store.message(message_id).content) == ("interrupted", "half a rep")


def test_the_replies_of_this_process_are_those_of_its_open_stores(tmp_path: Path) -> None:
    writer, other = Store(tmp_path / "parley.db"), Store(tmp_path / "parley.db")
    reply = writer.add_message(writer.create(), parent_id=None, role="assistant", content="", status="streaming")
    assert writer.recover() == other.recover() == 0
    writer.close()
    assert other.recover() == 1
    assert other.message(reply.id).status == "interrupted"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no zombies")
def test_a_killed_process_whose_parent_has_not_looked_owns_nothing() -> None:
    child = subprocess.Popen(["sleep", "60"])
    owner = f"{child.pid}:{psutil.Process(child.pid).create_time():.2f}:token"
    assert Owner.alive(owner)
    os.kill(child.pid, signal.SIGKILL)
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not Owner.alive(owner)
    child.wait()


def test_a_process_number_that_was_given_again_owns_nothing() -> None:
    parent = psutil.Process(os.getppid())
    assert Owner.alive(f"{parent.pid}:{parent.create_time():.2f}:token")
    assert not Owner.alive(f"{parent.pid}:{parent.create_time() - 60:.2f}:token")


@pytest.mark.parametrize("text", [None, "", "x", "1:2", "a:b:c", "1:nan:x", f"{2**80}:1:x", "-5:1.0:x"])
def test_an_owner_that_cannot_be_read_is_gone(text: str | None) -> None:
    assert not Owner.alive(text)


def test_a_locked_database_keeps_what_was_acknowledged_and_tells_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.database.BUSY_SECONDS", 0.3)
    path = tmp_path / "parley.db"
    store = Store(path)
    conversation = store.create()
    kept: list[str] = []
    told = 0
    for number in range(20):
        with closing(sqlite3.connect(path, check_same_thread=False)) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            released = threading.Timer(0.05, other.execute, ["ROLLBACK"]) if number % 2 else None
            if released is not None:
                released.start()
            try:
                store.add_message(conversation, parent_id=None, role="user", content=f"question {number}")
                kept.append(f"question {number}")
            except StoreFailed as error:
                assert "locked by another program" in str(error)
                told += 1
            if released is not None:
                released.join()
    assert (len(kept), told) == (10, 10)
    store.close()
    with closing(Store(path)) as again:
        assert sorted(each.content for each in again.get(conversation).messages.values()) == sorted(kept)
