"""What a model has answered so far, on disk: a run that is killed or paused asks no question twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eval import json_lines


def key(*asked: Any) -> str:
    """What an answer is found by."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:24]


class Answers:
    """Answers in a file of JSON lines, one {"key", "value"} each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        for stored in json_lines.read(path):
            with suppress(KeyError, TypeError):
                self._known[stored["key"]] = stored["value"]

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def __len__(self) -> int:
        return len(self._known)

    def add(self, found: Mapping[str, Any]) -> None:
        """Keep answers. Raises OSError where they cannot be written."""
        json_lines.append(self._path, ({"key": key, "value": value} for key, value in found.items()))
        self._known.update(found)
