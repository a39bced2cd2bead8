"""Import Gradio without its type stubs: it writes one for each component at every start, which takes as long as all
else that the import does."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def no_stubs() -> Generator[None]:
    """Inside the block, Gradio is told that a component has no source file; it then leaves its stub alone."""
    real = inspect.getfile

    def getfile(object: object) -> str:
        frame = inspect.currentframe()
        caller = frame.f_back if frame else None
        if caller and caller.f_globals.get("__name__") == "gradio.component_meta":
            raise OSError
        return real(object)  # pyright: ignore[reportArgumentType]

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = real
