"""Weights in Python's pickle format, which can name code to run when they are read: not loaded unless asked for."""

from __future__ import annotations

import os
from pathlib import Path

from assistant.errors import WeightsCorrupt

ALLOWED = "PARLEY_ALLOW_PICKLE"


def refuse_pickles(path: Path, *, known: bool) -> None:
    """Raise WeightsCorrupt for a folder whose weights are pickled only. known: it stands in the catalogue, where
    somebody has looked at it. torch reads them with its restricted unpickler in any case."""
    if known or os.environ.get(ALLOWED) == "1" or not path.is_dir():
        return
    if any(path.glob("*.bin")) and not any(path.glob("*.safetensors")):
        raise WeightsCorrupt(
            f"The weights in {path.name} are pickled: such files can name code to run.",
            hint=f"Take a revision with safetensors, convert them where you trust them, or set {ALLOWED}=1.",
        )
