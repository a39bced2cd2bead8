"""A model that was trained, written as files from its run's card, and put on the Hub where a person asks for that."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import BadSettings
from assistant.placement import gb
from assistant.run import Run
from assistant.runs import Runs
from assistant.service import Assistant
from finetune import pushing
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
            self._hub = HubPart()
        self.outputs = [self._run, self._panel, self._title, self._progress, *self._hub.outputs]

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
            yield {self._progress: done[0], self._hub.written: str(target)}

        def again() -> dict[Any, Any]:
            return {go: gr.update(interactive=True)}

        def bits(chosen: Form) -> dict[Any, Any]:
            return {kind: gr.update(visible=chosen == "gguf")}

        def close() -> dict[Any, Any]:
            return {self._panel: gr.update(visible=False), self._progress: ""}

        form.input(bits, [form], [kind], **QUICK)
        given, shown = [self._run, form, kind], [self._progress, go, self._hub.written]
        writing = go.click(told(write), given, shown, **QUICK)
        writing.then(again, None, [go], **QUICK)
        closing = stop.click(close, None, [self._panel, self._progress], cancels=[writing], **QUICK)
        closing.then(again, None, [go], **QUICK)

    def begin(self, run: Run) -> dict[Any, Any]:
        """Updates that open the panel for a run."""
        title = f"<h3>{html.escape(run.title)}, as files</h3>"
        shown = {self._run: run.id, self._panel: gr.update(visible=True), self._title: title, self._progress: ""}
        return shown | self._hub.begin()


class HubPart:
    """What was written, put on the Hub: nothing is sent before a repository is named and the button is pressed."""

    def __init__(self) -> None:
        self.written = gr.State("")
        """The file or folder that was written last."""
        with gr.Accordion("Put it on the Hugging Face Hub as well", open=False, elem_id="export-hub"):
            self._who = gr.HTML(apply_default_css=False, elem_id="export-who")
            with gr.Row(elem_classes="languages"):
                repo = gr.Textbox(
                    "", label="Repository", placeholder="yourname/model", elem_id="export-repo",
                    info="It is made in private; on the Hub you can open it to others.",
                )  # fmt: skip
                go = gr.Button("Upload what was written", size="md", scale=0, elem_id="export-push")
            self._told = gr.HTML(apply_default_css=False, elem_id="export-pushed")
        self.outputs = [self.written, self._who, self._told]

        def upload(path: str, name: str) -> Iterator[dict[Any, Any]]:
            name = name.strip()
            if not path:
                raise BadSettings("Nothing is written yet.", hint="Press “Write” first.")
            pushing.require_target(name)
            done: list[str] = []

            def work(tell: Any) -> None:
                tell(f"Uploading to {name} …")
                done.append(pushing.push(Path(path), name))

            yield {go: gr.update(interactive=False)}
            for some in steps(work):
                yield {self._told: waiting_html(some[-1])}
            address = html.escape(done[0])
            link = f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>'
            yield {self._told: f'<div class="pull" role="status">On the Hub, in private: {link}</div>'}

        def again() -> dict[Any, Any]:
            return {go: gr.update(interactive=True)}

        pushed = go.click(told(upload), [self.written, repo], [self._told, go], **QUICK)
        pushed.then(again, None, [go], **QUICK)

    def begin(self) -> dict[Any, Any]:
        """Updates for another run: whose login would be used is said before anything is."""
        who = "The upload is made with this machine's own login to the Hub (HF_TOKEN, or `hf auth login`)."
        if not pushing.logged_in():
            who = f"This machine is not logged in to the Hub: {pushing.LOGIN}"
        return {self.written: "", self._who: f"<p><small>{html.escape(who)}</small></p>", self._told: ""}
