"""A disk that is really full (a small file system of its own), and a lock that is never given back: what was
acknowledged is kept, and the rest is told."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from assistant import database
from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Message
from assistant.errors import StoreFailed
from assistant.service import Assistant
from assistant.settings import ChatSettings
from assistant.store import Store
from tests.ui.api.conftest import Start
from ui.api.keys import Keys
from ui.api.logs import audit_to

TIMES = 20
MODEL = "smollm2-135m-instruct"
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
TEXT = "word " * 2000
"""10 kB."""
LEFT_BYTES = 200_000
"""Room that is left when a disk begins to be full: some writes still succeed."""


class Disk:
    """A file system of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, left_bytes: int = 0) -> None:
        """Take all room but so much."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
            file.truncate(max(0, file.tell() - left_bytes))

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of a few megabytes needs Linux and the right to mount one (root)")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_conversations_keep_what_was_acknowledged_twenty_times(disk: Disk) -> None:
    path = disk.folder / "parley.db"
    kept: dict[str, list[str]] = {}
    for turn in range(TIMES):
        store = Store(path)
        conversation = store.create(title=f"turn {turn}")
        kept[conversation] = []
        disk.fill(LEFT_BYTES)
        with pytest.raises(StoreFailed, match=r"full|failed on the disk"):
            for number in range(1000):
                text = f"{turn} {number} {TEXT}"
                store.add_message(conversation, parent_id=None, role="user", content=text)
                kept[conversation].append(text)
        with pytest.raises(StoreFailed):
            store.add_message(conversation, parent_id=None, role="user", content=TEXT * 10)  # told as often as asked
        assert [message.content for message in store.get(conversation).messages.values()] == kept[conversation]
        disk.free()
        store.add_message(conversation, parent_id=None, role="user", content="room again")
        kept[conversation].append("room again")
        store.close()
        if turn % 5 == 4:  # the small disk holds a few turns
            store = Store(path)
            for id, texts in kept.items():
                assert [message.content for message in store.get(id).messages.values()] == texts
                store.delete(id)
            store.purge()
            store.close()
            path.unlink()
            kept.clear()


def test_a_lock_is_told_and_everything_else_kept_twenty_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "parley.db"
    store = Store(path)
    conversation = store.create()
    kept: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for turn in range(TIMES):
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreFailed, match="locked by another program"):
                store.add_message(conversation, parent_id=None, role="user", content=f"refused {turn}")
            assert [message.content for message in store.get(conversation).messages.values()] == kept, "reading goes on"
            other.execute("ROLLBACK")
            store.add_message(conversation, parent_id=None, role="user", content=f"kept {turn}")
            kept.append(f"kept {turn}")
    store.close()
    assert [message.content for message in Store(path).get(conversation).messages.values()] == kept


def test_a_reply_that_ends_on_a_full_disk_says_so_and_stays_readable(disk: Disk) -> None:
    full = threading.Event()

    def reply(messages: Sequence[Message]) -> str:
        disk.fill()
        full.set()
        return TEXT * 40  # more than the log of the database has room for

    store = Store(disk.folder / "parley.db")
    assistant = Assistant(store=store, open_engine=lambda *_, **__: FakeEngine(reply))
    for _ in range(TIMES):
        conversation = store.create()
        settings = ChatSettings(model=MODEL, sampling={"max_tokens": 100_000})
        (written,) = assistant.send(conversation, "Hello", settings=settings)
        assert written.wait(30) and full.is_set()
        assert written.status == "failed" and written.text.split() == (TEXT * 40).split()
        assert isinstance(written.error, StoreFailed) and written.error.hint
        disk.free()
        full.clear()
        assert [message.role for message in store.get(conversation).messages.values()] == ["user", "assistant"]
        store.delete(conversation)
        store.purge()
    assistant.close()


def test_the_api_answers_with_the_keys_that_it_has(disk: Disk, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_HOME", str(disk.folder))
    _, secret = Keys().create("before")
    audit_to(disk.folder / "logs" / "api.jsonl")
    server = start(keys=True)
    with server.http(secret) as client:
        for turn in range(TIMES):
            disk.fill()
            with pytest.raises(StoreFailed, match="cannot be written"):
                Keys().create(f"during {turn}")
            assert client.post("/v1/chat/completions", json=ASK).status_code == 200
            assert client.post("/v1/chat/completions", json={**ASK, "stream": True}).text.endswith("data: [DONE]\n\n")
            disk.free()
        assert [key.name for key in Keys().list()] == ["before"]
        _, after = Keys().create("after")
    with server.http(after) as client:
        assert client.post("/v1/chat/completions", json=ASK).status_code == 200
    lines = (disk.folder / "logs" / "api.jsonl").read_text("utf-8").splitlines()
    assert '"route": "/v1/chat/completions"' in lines[-1], "what is logged after it is whole again"
