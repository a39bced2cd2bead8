"""The button of the lab's page that takes a person's own text, table or pictures to learn from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import BadSettings
from assistant.run import Run
from assistant.runs import Runs
from demos.architectures import ARCHITECTURES
from ui import lab, lab_own
from ui.web.events import QUICK, told
from ui.web.lab_training import SETS
from ui.web.text_page import status_html

BROUGHT = "(your own)"
"""Of the data that can be chosen, what was brought; no file is called so by anyone."""


class OwnData:
    """The button, made inside the current row, what is said of it, and what was brought with it."""

    def __init__(self) -> None:
        self.files = gr.State(list[str]())
        self._read = gr.State(("", list[str]()))
        self._button = gr.UploadButton("Bring your own …", file_count="multiple", size="md", elem_id="lab-own")
        self._status = gr.HTML(apply_default_css=False, elem_id="lab-own-status")

    def wire(self, which: gr.Radio, data: gr.Dropdown, go: gr.Button) -> None:
        """which: the architecture; data: where what is brought is chosen at once; go: begins a training, and is held
        until everything has been read."""
        shown = [self._status, self._button, go]

        def reading(on: bool) -> list[Any]:
            said = status_html("Reading what you brought …") if on else ""
            return [said, *[gr.update(interactive=not on)] * 2]

        begun = self._button.upload(partial(reading, True), None, shown, **QUICK)
        read = begun.then(told(_read), [which, self._button], [self._read], **QUICK)
        taken = read.success(told(_taken), [which, self._read], [self.files, data], **QUICK)
        for ended in (read.failure, taken.success, taken.failure):
            ended(partial(reading, False), None, shown, **QUICK)


def _read(name: str, files: list[str]) -> tuple[str, list[str]]:
    lab_own.check(ARCHITECTURES[name].learns, files)
    return name, files


def _taken(name: str, read: tuple[str, list[str]]) -> list[Any]:
    """name: of the architecture that is chosen by now."""
    before, files = read
    learns = ARCHITECTURES[name].learns
    if ARCHITECTURES[before].learns != learns:
        said = f"What you brought is for the {ARCHITECTURES[before].title}, and another architecture is chosen by now."
        raise BadSettings(said, hint="Bring it again where you want it.")
    said = Path(files[0]).name if len(files) == 1 else f"{len(files):,} files"
    return [files, gr.update(choices=[*SETS[learns], (f"Yours: {said}", BROUGHT)], value=BROUGHT)]


def create(runs: Runs, name: str, given: dict[str, Any], files: list[str]) -> Run:
    """A training that is ready to start; one on what was brought has a copy of it. Raises ParleyError."""
    if given.get("data") != BROUGHT or not files:
        return lab.create(runs, name, given)
    with lab_own.laid(ARCHITECTURES[name].learns, files) as place:
        return lab.create(runs, name, {**given, "data": str(place)}, keep=True)
