"""A model that was trained, written as files from its run's card: which form, how far it is, where it lies."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import gradio as gr

from assistant.placement import gb
from assistant.run import Run
from assistant.runs import Runs
from assistant.service import Assistant
from finetune.export import FORMS, USUAL_TYPE, Form, export, suggested
from finetune.gguf_export import TYPES
from ui.web.events import QUICK, told
from ui.web.working import steps, waiting_html

FOLDER = "exports"
"""In the run's folder: what is written from the page goes with the run."""


class ExportPart:
    """The panel under the list of runs; made inside the current Blocks. `outputs` is what `begin` updates."""

    def __init__(self, assistant: Assistant, runs: Runs) -> None:
        self._run = gr.State("")
        with gr.Column(visible=False, elem_id="export", elem_classes="panel") as self._panel:
            self._title = gr.HTML(apply_default_css=False)
            with gr.Row(elem_classes="languages"):
                form = gr.Radio([(said, name) for name, said in FORMS.items()], value="gguf", label="What is written")
                kind = gr.Dropdown(
                    list(TYPES), value=USUAL_TYPE, label="Bits of its weights", elem_id="export-type",
                    info="q8_0 is half of f16, and answers the same.",
                )  # fmt: skip
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Write", variant="primary", size="md", elem_id="export-go")
                stop = gr.Button("Close", size="md", elem_id="export-close")
            self._progress = gr.HTML(apply_default_css=False, elem_id="export-progress")
        self.outputs = [self._run, self._panel, self._title, self._progress]

        def write(name: str, chosen: Form, type: str) -> Iterator[dict[Any, Any]]:
            run = runs.find(name)
            entry = assistant.catalogue.find(run.id)
            target = run.folder / FOLDER / suggested(entry, chosen, type)
            done: list[str] = []

            def work(tell: Any) -> None:
                tell("Reading the model …")
                wrote = export(
                    assistant, run.id, chosen, target, type=type, tell=lambda said: tell(f"{said.capitalize()} …")
                )
                alike = f"<br>Beside the model that was trained: {wrote.parity}." if wrote.parity else ""
                done.append(
                    f'<div class="pull" role="status">{gb(wrote.bytes)} in <code>{html.escape(str(wrote.path))}</code>'
                    f"{alike}</div>"
                )

            yield {go: gr.update(interactive=False)}
            for some in steps(work):
                yield {self._progress: waiting_html(some[-1])}
            yield {self._progress: done[0]}

        def again() -> dict[Any, Any]:
            return {go: gr.update(interactive=True)}

        def bits(chosen: Form) -> dict[Any, Any]:
            return {kind: gr.update(visible=chosen == "gguf")}

        def close() -> dict[Any, Any]:
            return {self._panel: gr.update(visible=False), self._progress: ""}

        form.input(bits, [form], [kind], **QUICK)
        writing = go.click(told(write), [self._run, form, kind], [self._progress, go], **QUICK)
        writing.then(again, None, [go], **QUICK)
        closing = stop.click(close, None, [self._panel, self._progress], cancels=[writing], **QUICK)
        closing.then(again, None, [go], **QUICK)

    def begin(self, run: Run) -> dict[Any, Any]:
        """Updates that open the panel for a run."""
        title = f"<h3>{html.escape(run.title)}, as files</h3>"
        return {self._run: run.id, self._panel: gr.update(visible=True), self._title: title, self._progress: ""}
