"""The button of the lab's page that takes a person's own text, table or pictures to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from assistant.run import Run
from assistant.runs import Runs
from demos.architectures import ARCHITECTURES
from ui import lab, lab_own
from ui.web.events import QUICK, told
from ui.web.lab_training import SETS

BROUGHT = "(your own)"
"""Of the data that can be chosen, what was brought; no file is called so by anyone."""


class OwnData:
    """The button, made inside the current row, and what was brought with it."""

    def __init__(self) -> None:
        self.files = gr.State(list[str]())
        self._button = gr.UploadButton("Bring your own …", file_count="multiple", size="md", elem_id="lab-own")

    def wire(self, which: gr.Radio, data: gr.Dropdown) -> None:
        """which: the architecture; data: where what is brought is chosen at once."""
        self._button.upload(told(_brought), [which, self._button], [self.files, data], **QUICK)


def _brought(name: str, files: list[str]) -> list[Any]:
    learns = ARCHITECTURES[name].learns
    lab_own.check(learns, files)
    said = Path(files[0]).name if len(files) == 1 else f"{len(files):,} files"
    return [files, gr.update(choices=[*SETS[learns], (f"Yours: {said}", BROUGHT)], value=BROUGHT)]


def create(runs: Runs, name: str, given: dict[str, Any], files: list[str]) -> Run:
    """A training that is ready to start; one on what was brought has a copy of it. Raises ParleyError."""
    if given.get("data") != BROUGHT or not files:
        return lab.create(runs, name, given)
    with lab_own.laid(ARCHITECTURES[name].learns, files) as place:
        return lab.create(runs, name, {**given, "data": str(place)}, keep=True)
