"""Training data that comes into being here: where it is kept, and the votes given in chats as such."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant import paths
from assistant.errors import BadDataset
from assistant.exports import TrainingFormat, export_training
from assistant.store import Store
from assistant.whole_files import write_whole

KINDS: tuple[TrainingFormat, ...] = ("preference", "kto")
"""What is made of votes: pairs, or single verdicts where there are more of these."""


def new_file(name: str) -> Path:
    """Where rows of that name may be written, named after the time as well: JSON lines."""
    return paths.datasets_folder() / f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.jsonl"


def votes(store: Store) -> Path:
    """A file with the votes and corrections of all conversations. Raises BadDataset where there are none."""
    rows = max((list(export_training(store, kind)) for kind in KINDS), key=len)
    if not rows:
        hint = "Like or dislike answers in the chat, correct them, or let a question be answered twice."
        raise BadDataset("There are no votes yet.", hint=hint)
    return write_rows("votes", rows)


def write_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A new file of that name with these rows, whole or not at all."""
    path = new_file(name)
    write_whole(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path
