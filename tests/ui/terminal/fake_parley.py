"""`parley` with an engine that holds no model; run as a program by the tests of pipes, signals and the terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.engines.fake import FakeEngine
from assistant.service import Assistant
from assistant.store import Store
from assistant.weights.shelf import Manifest, StoredFile
from ui.terminal import start

MODEL = "smollm2-135m-instruct"


def put_model(models: Path, key: str = MODEL) -> None:
    """Make a folder of models look as if the model had been fetched."""
    folder = models / key
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF")
    Manifest(key, "gguf", ".", {"model.gguf": StoredFile(4, "")}, "a test", datetime.now(UTC)).write(folder)


def maker(reply: Any = None, seconds_per_token: float = 0.0) -> Callable[[Path | None], Assistant]:
    """What to put in the place of `start.make_assistant`; without `reply`, the engine says what was asked."""

    def open_engine(choice: Any, entry: Any, path: Any, **_: Any) -> FakeEngine:
        said = {} if reply is None else {"reply": reply}
        return FakeEngine(**said, model=entry.key, seconds_per_token=seconds_per_token)

    def make(database: Path | None) -> Assistant:
        return Assistant(store=Store(database) if database else None, open_engine=open_engine)

    return make


if __name__ == "__main__":
    start.make_assistant = maker(os.environ.get("FAKE_REPLY"), float(os.environ.get("FAKE_SECONDS_PER_TOKEN", "0")))
    from ui.cli import main

    main()
