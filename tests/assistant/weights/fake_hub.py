"""The part of the Hugging Face Hub's HTTP interface that a download uses, with repositories held in memory."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repo:
    """A repository: its files, or the error that it answers with instead."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    status: int = 200
    code: str = ""
    """The Hub's X-Error-Code."""


class FakeHub(ThreadingHTTPServer):
    """Serves `repos`. Files named in `slow` stop half-way until `go` is set; `served` counts requests by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Repo] = {}
        self.slow: set[str] = set()
        self.silent = False
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


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.served[f"{self.command} {path}"] += 1
        if self.server.silent:
            self.server.go.wait(30)
        if path == "/":
            self._send(b"")
            return
        path = path.removeprefix("/datasets").replace("/api/datasets/", "/api/models/")
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)(?:/[^?]*)?", path)
        api = api or re.fullmatch(r"/api/models/([^/]+/[^/]+)(/?)(())", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        match = api or file
        repo = self.server.repos.get(match[1]) if match else None
        if match is None or repo is None:
            self._fail(404, "RepoNotFound")
        elif repo.status != 200:
            self._fail(repo.status, repo.code)
        elif match[3 if api else 2] not in ("main", COMMIT, ""):
            self._fail(404, "RevisionNotFound")
        elif api:
            self._send(json.dumps(self._listing(match[1], repo, tree=match[2] == "tree")).encode())
        elif match[3] in repo.files:
            self._send(repo.files[match[3]], etag=True, slow=match[3] in self.server.slow)
        else:
            self._fail(404, "EntryNotFound")

    def _listing(self, name: str, repo: Repo, *, tree: bool) -> object:
        if tree:
            return [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in repo.files.items()
            ]
        siblings = [{"rfilename": path, "size": len(content)} for path, content in repo.files.items()]
        return {"id": name, "sha": COMMIT, "siblings": siblings, "tags": ["license:mit"], "gated": False}

    def _fail(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, body: bytes, *, etag: bool = False, slow: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        if etag:
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.end_headers()
        if self.command == "HEAD":
            return
        if slow:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.half_way.set()
            self.server.go.wait(30)
            body = body[len(body) // 2 :]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
