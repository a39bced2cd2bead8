"""Where the page keeps what people upload, and what an event may name of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from assistant import paths

FOLDER = "GRADIO_TEMP_DIR"
"""Gradio's name for it, read when it is imported."""
CHECKED_SECONDS, KEPT_SECONDS = 3600, 24 * 3600
"""How often old files are looked for, and how old they get."""


def keep_private() -> None:
    """Have uploads and results in a folder of our own that nobody else on the machine reads. Before gradio's import."""
    folder = paths.home() / "uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault(FOLDER, str(folder))


def refuse_others(inputs: Any) -> None:
    """Raise gradio's Error where an event names a file that was not uploaded: one of the server's, or an address.

    Gradio looks at that only for an app that it has launched by itself, and ours is mounted (gradio 6.31,
    processing_utils._check_allowed).
    """
    from gradio.exceptions import Error
    from gradio.utils import get_upload_folder
    from gradio_client.utils import is_file_obj, traverse

    folder = Path(get_upload_folder()).resolve()

    def look(named: dict[str, Any]) -> dict[str, Any]:
        if not Path(named["path"]).resolve().is_relative_to(folder):
            raise Error("That file was not uploaded here.")
        return named

    traverse(inputs, look, is_file_obj)
