"""Public data sets, from a server of the test's own."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assistant import public_sets as sets
from assistant.errors import BadDataset, ModelNotAvailable, WeightsCorrupt
from assistant.public_sets import PublicSet, fetch, public_sets

LINES = b'{"prompt": "a"}\n' * 40
Publish = Callable[..., PublicSet]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publish]:
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("content-length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def put(file: str, data: bytes | None, content: bytes, size: int = 0) -> PublicSet:
        if data is not None:
            files[f"/{file}"] = data
        url = f"http://127.0.0.1:{server.server_address[1]}/{file}"
        made = PublicSet("mine", "Mine", "MIT", url, hashlib.sha256(content).hexdigest(), size or len(content), "tests")
        monkeypatch.setattr(sets, "public_sets", lambda: {"mine": made})
        return made

    yield put
    server.shutdown()
    server.server_close()


def zipped(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(**files: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return data.getvalue()


@pytest.mark.parametrize(
    ("file", "data", "content"),
    [
        ("rows.jsonl", LINES, LINES),
        ("rows.jsonl.gz", gzip.compress(LINES, mtime=0), LINES),
        ("rows.jsonl.bz2", bz2.compress(LINES), LINES),
    ],
)
def test_one_file(file: str, data: bytes, content: bytes, publish: Publish) -> None:
    publish(file, data, content)
    told: list[int] = []
    folder = fetch("mine", tell=lambda done, total: told.append(done))
    assert (folder / "rows.jsonl").read_bytes() == LINES and told[-1] == len(LINES)
    publish(file, b"gone", content)
    assert fetch("mine") == folder  # it is there: nothing is fetched


@pytest.mark.parametrize(("file", "pack"), [("some.zip", zipped), ("some.tar.gz", tarred)])
def test_archives_leave_their_files_and_nothing_outside(
    file: str, pack: Callable[..., bytes], publish: Publish, tmp_path: Path
) -> None:
    data = pack(**{"folder/a.txt": b"a", "../../b.txt": b"b", file: b"itself"})
    publish(file, data, data)
    folder = fetch("mine", tmp_path / "sets")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": b"a", "b.txt": b"b"}
    assert not list(tmp_path.glob("b.txt")) and not list((tmp_path / "sets").glob(".*"))


@pytest.mark.parametrize(
    ("file", "data", "error", "said"),
    [
        pytest.param("rows.jsonl", b"other", WeightsCorrupt, "is not the file", id="another file"),
        pytest.param("rows.jsonl", None, ModelNotAvailable, "cannot be fetched: Not Found", id="gone"),
        pytest.param("rows.jsonl", LINES * 3, WeightsCorrupt, "far more than it should", id="too large"),
        pytest.param(
            "rows.jsonl.gz", gzip.compress(LINES, mtime=0)[:-9], WeightsCorrupt, "gives a broken file", id="cut short"
        ),
        pytest.param("rows.jsonl.gz", LINES, WeightsCorrupt, "gives a broken file", id="not packed"),
    ],
)
def test_what_cannot_be_had_leaves_nothing(
    file: str, data: bytes | None, error: type[Exception], said: str, publish: Publish, tmp_path: Path
) -> None:
    publish(file, data, LINES)
    with pytest.raises(error, match=said):
        fetch("mine", tmp_path / "sets")
    assert not list((tmp_path / "sets").iterdir())


def test_an_archive_that_is_none(publish: Publish, tmp_path: Path) -> None:
    publish("some.zip", b"no zip", b"no zip")
    with pytest.raises(WeightsCorrupt, match="cannot be unpacked"):
        fetch("mine", tmp_path)
    assert not list(tmp_path.glob("mine*"))


def test_nobody_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = PublicSet("mine", "Mine", "MIT", "http://127.0.0.1:9/x.jsonl", "", 1, "tests")
    monkeypatch.setattr(sets, "public_sets", lambda: {"mine": made})
    with pytest.raises(ModelNotAvailable, match="cannot be fetched"):
        fetch("mine", tmp_path)
    with pytest.raises(BadDataset, match="no data set 'other'"):
        fetch("other", tmp_path)


@pytest.mark.parametrize("each", public_sets().values(), ids=public_sets())
def test_each_set_says_what_it_is(each: PublicSet) -> None:
    assert each.url.startswith("https://") and each.title and each.licence and each.use.endswith(".")
    assert each.sha256 == "" or len(each.sha256) == 64
    assert each.bytes > 1000
    assert each.sha256 or each.name.startswith("tatoeba")
