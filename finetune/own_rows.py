"""Training data that comes into being here: where it is kept, and the votes given in chats as such."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from assistant import paths
from assistant.errors import BadDataset
from assistant.exports import export_training
from assistant.store import Store
from assistant.whole_files import write_whole

Votes = Literal["preference", "kto"]
"""What is made of votes: pairs of a better and a worse answer, or a verdict on each answer."""
NAMES: dict[Votes, str] = {"preference": "pairs", "kto": "verdicts"}


def new_file(name: str) -> Path:
    """Where rows of that name may be written, named after the time as well: JSON lines."""
    return paths.datasets_folder() / f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.jsonl"


def votes(store: Store, kind: Votes) -> Path:
    """A file with the votes and corrections of all conversations. Raises BadDataset where there are none."""
    rows = list(export_training(store, kind))
    if not rows:
        hint = "Like or dislike answers in the chat."
        if kind == "preference":
            hint = "Correct an answer, or let a question be answered twice, and like the one and dislike the other."
        raise BadDataset(f"There are no {NAMES[kind]} among your votes yet.", hint=hint)
    return write_rows(f"voted-{NAMES[kind]}", rows)


def write_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A new file of that name with these rows, whole or not at all."""
    path = new_file(name)
    write_whole(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path
