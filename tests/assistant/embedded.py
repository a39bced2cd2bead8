"""The embedded weights for tests marked `model`: where they are, or a skip that says what is missing."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from assistant import sources
from assistant.catalogue import Catalogue, ModelEntry


def embedded(key: str) -> tuple[ModelEntry, Path]:
    """The entry and its file or folder; skips the test where it has not been fetched."""
    entry = Catalogue.load()[key]
    path = sources.locate(entry)
    if path is None:
        pytest.skip(f"{key} is not here: parley models pull {key}")
    return entry, path


class LlamaCpp:
    """llama.cpp's own server, asked directly: what our engines are compared with."""

    def __init__(self, path: Path) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = 2048
        params.n_parallel = 1
        params.verbosity = -1
        self.server = xllamacpp.Server(params)
        self.address: str = self.server.listening_address

    def ask(self, path: str, **body: Any) -> Any:
        """The server's answer to a POST."""
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
