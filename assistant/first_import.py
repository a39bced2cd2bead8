"""Libraries that import one another as they are first used are imported by one thread at a time.

transformers, PEFT and diffusers import most of themselves late, and each puts another module in its own place as it
does. A thread that imports one of them while another thread is at it is given a module of which half is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

_importing = threading.RLock()
_imported: set[str] = set()


@contextmanager
def alone(what: str) -> Generator[None]:
    """Run what first imports such a library while nothing else does; also a decorator.

    what: a name for that; where it has gone well once, nobody waits any more."""
    if what in _imported:
        yield
        return
    with _importing:
        yield
    _imported.add(what)
