"""The Hugging Face Hub."""

from __future__ import annotations

import threading
from pathlib import Path

from assistant.catalogue import HubSource, ModelEntry
from assistant.errors import ModelNotAvailable
from assistant.progress import Meter
from assistant.shelf import Installed


def hub_reachable() -> bool:
    return False


def require_reachable(entry: ModelEntry) -> None:
    raise ModelNotAvailable(f"{entry.key} needs the Hugging Face Hub.")


def cached(entry: ModelEntry) -> Installed | None:
    return None


def pull(entry: ModelEntry, source: HubSource, meter: Meter, cancel: threading.Event) -> Path:
    raise AssertionError


def remove(entry: ModelEntry) -> int:
    return 0
