"""The lab's modules, imported as they are first needed: diffusers and torch take seconds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

alone: Callable[[str], AbstractContextManager[Any]] = nullcontext
"""What a module's first import runs in, by its name. A program whose other threads import transformers, too, which
diffusers imports, puts its lock here: two threads at it break both."""


def module(name: str) -> Any:
    """The lab's module of that name."""
    with alone(f"demos.{name}"):
        return import_module(f"demos.{name}")
