"""The form of the page that measures: which models, on which suites and rows, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from assistant.errors import CapabilityMissing
from assistant.service import Assistant
from eval.runner import fitting
from eval.suite import FIRST, suite, suites
from ui.web.evaluate_view import suites_html
from ui.web.events import QUICK, told

ENGINES = [("The fastest here", "auto"), ("llama.cpp", "llamacpp"), ("transformers", "transformers")]
WEIGHTS = [("As they are", ""), ("8 bits", "8bit"), ("4 bits", "4bit")]
ROOM = 280
"""Pixels that a list of names needs: on a phone one lies below the other."""


class FormPart:
    """Made inside the current Blocks. `go` is its button; `given` are its controls, as evaluate_start.wanted_of takes
    their values."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        offered = self._able([FIRST])
        with gr.Row(elem_classes="languages"):
            chosen = gr.Dropdown(
                [(each.title, each.name) for each in suites().values()],
                value=[FIRST],
                multiselect=True,
                label="Suites",
                info="Each is measured on every model, one after another",
                min_width=ROOM,
                elem_id="eval-suite",
            )
            models = gr.Dropdown(
                offered,
                value=[key for _, key in offered[:1]],
                multiselect=True,
                allow_custom_value=True,
                label="Models",
                info="Those that are here, or the Hub id or folder of another",
                min_width=ROOM,
                elem_id="eval-model",
            )
        self._about = gr.HTML(suites_html([suite(FIRST)]), apply_default_css=False, elem_id="eval-about")
        self._data = gr.File(
            label="Rows: files in the form and of the names that they are published in; none takes them from the Hub",
            file_count="multiple",
            type="filepath",
            visible=False,
            elem_id="eval-data",
        )
        with gr.Row(elem_classes="languages", visible=False) as self._judging:
            against = gr.Dropdown(
                offered,
                allow_custom_value=True,
                value=None,
                label="Compared with",
                min_width=ROOM,
                elem_id="eval-against",
            )
            judge = gr.Dropdown(
                offered,
                allow_custom_value=True,
                value=None,
                label="Judged by",
                info="A large model, which may be a server's: openai:NAME@http://host:8000/v1",
                min_width=ROOM,
                elem_id="eval-judge",
            )
        self._judges = (against, judge)
        self._models = models
        with gr.Accordion("More settings", open=False, elem_id="eval-more"), gr.Row():
            limit = gr.Number(None, label="Rows of each task (all)", precision=0, minimum=1, elem_id="eval-limit")
            shots = gr.Number(None, label="Examples first (the suite's)", precision=0, minimum=0, elem_id="eval-shots")
            engine = gr.Dropdown(
                ENGINES,
                value="auto",
                label="Engine, for what is written",
                info="The suite Speed takes each in turn",
                elem_id="eval-engine",
            )
            bits = gr.Dropdown(
                WEIGHTS, value="", label="Weights", info="Fewer bits by bitsandbytes", elem_id="eval-quantisation"
            )
        with gr.Row(elem_classes="actions"):
            self.go = gr.Button("Measure", variant="primary", size="md", elem_id="eval-start")
        self.given = [chosen, models, self._data, limit, shots, engine, bits, against, judge]
        shown = [self._about, self._data, models, self._judging, against, judge]
        chosen.input(told(self._choose), [chosen, models], shown, **QUICK)
        models.focus(self._here, [chosen], [models], **QUICK)

    def _able(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """The models on this machine that can do one of the suites."""
        return [
            (entry.title, entry.key)
            for entry in self._assistant.catalogue
            if any(_can(entry, name) for name in names) and not self._assistant.absent(entry)
        ]

    def _choose(self, names: list[str], kept: list[str]) -> dict[Any, Any]:
        wanted = [suite(name) for name in names]
        rows = any(not each.shipped for each in wanted)
        updates: dict[Any, Any] = {
            self._about: suites_html(wanted),
            self._data: gr.update(visible=rows) if rows else gr.update(visible=False, value=None),
            self._judging: gr.update(visible=any(task.kind == "judged" for each in wanted for task in each.tasks)),
        }
        if not wanted:  # on the way to others
            return updates
        choices = self._able(names)
        able, known = {key for _, key in choices}, {entry.key for entry in self._assistant.catalogue}
        still = [name for name in kept if name in able or name not in known]  # what was typed stays
        updates[self._models] = gr.update(choices=choices, value=still or [key for _, key in choices[:1]])
        return updates | {part: gr.update(choices=choices) for part in self._judges}

    def _here(self, names: list[str]) -> Any:
        return gr.update(choices=self._able(names))


def _can(entry: Any, name: str) -> bool:
    try:
        return bool(fitting(entry, suite(name)))
    except CapabilityMissing:
        return False
