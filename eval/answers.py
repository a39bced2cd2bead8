"""What a model has answered so far, on disk: a run that is killed or paused asks no question twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def key(*asked: Any) -> str:
    """What an answer is found by."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:24]


class Answers:
    """Answers in a file of JSON lines, one {"key", "value"} each; a line that a kill cut short is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        text = path.read_text("utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                stored = json.loads(line)
                self._known[stored["key"]] = stored["value"]
        self._torn = bool(text) and not text.endswith("\n")

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def __len__(self) -> int:
        return len(self._known)

    def add(self, found: Mapping[str, Any]) -> None:
        """Keep answers. Raises OSError where they cannot be written."""
        lines = "".join(json.dumps({"key": key, "value": value}) + "\n" for key, value in found.items())
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + lines if self._torn else lines)
        self._torn = False
        self._known.update(found)
