"""Rows that a chat model writes, on the train page: described, watched as they come, stopped, taken as the data."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.service import Assistant
from finetune.own_rows import new_file
from finetune.synthesis import Tally, Wanted, labels_of, synthesize
from ui.web.events import QUICK, told
from ui.web.working import steps, waiting_html

SHOWN = 6
"""Of the rows, the last so many are to be seen."""
WRITER, CHECK = ("The chat's own model", ""), ("The encoder for labels, nobody for answers", "")
"""Choices that name no model."""


class SynthesisPart:
    """An accordion, made inside the current Blocks; `wire` says which file input takes what was written."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        with gr.Accordion("Or let a chat model write rows", open=False, elem_id="train-write"):
            self._about = gr.Textbox(
                "", label="What they are", placeholder="mails of customers to a telephone shop", lines=2,
                elem_id="write-about",
            )  # fmt: skip
            with gr.Row(elem_classes="languages"):
                self._labels = gr.Textbox(
                    "",
                    label="Labels of a classifier; none for questions and answers",
                    placeholder="billing, repair, delivery",
                    elem_id="write-labels",
                )
                self._count = gr.Number(60, label="Rows", precision=0, minimum=1, maximum=5000, elem_id="write-count")
            with gr.Accordion("More settings", open=False, elem_id="write-more") as self._more:
                with gr.Row(elem_classes="languages"):
                    self._samples = gr.File(
                        label="A few good rows, to write alike", type="filepath", elem_id="write-samples"
                    )
                    self._tests = gr.File(label="Rows that must not come out", type="filepath", elem_id="write-tests")
                with gr.Row(elem_classes="languages"):
                    self._model = gr.Dropdown([WRITER], value="", label="Who writes", elem_id="write-model")
                    self._check = gr.Dropdown(
                        [CHECK], value="", label="Whose second opinion is asked", elem_id="write-check"
                    )
                    self._seed = gr.Number(0, label="Draw", info="Another number, other rows.", precision=0,
                                           minimum=0, elem_id="write-seed")  # fmt: skip
                self._agreed = gr.Checkbox(
                    False, label="Leave out what the second model holds for wrong", elem_id="write-agreed"
                )
            with gr.Row(elem_classes="actions"):
                self._go = gr.Button("Write", size="md", elem_id="write-go")
                self._stop = gr.Button("Stop", visible=False, size="md", elem_id="write-stop")
            self._shown = gr.HTML(apply_default_css=False, elem_id="write-shown")

    def wire(self, data: gr.File) -> None:
        """The rows become the value of `data`, also where it is stopped before the end."""
        path = gr.State("")

        def offer() -> dict[Any, Any]:
            here = self._assistant.able_here("classify")
            chats = [(entry.title, entry.key) for entry in here if "chat" in entry.tasks]
            encoders = [(entry.title, entry.key) for entry in here if "embed" in entry.tasks]
            return {
                self._model: gr.update(choices=[WRITER, *chats]),
                self._check: gr.update(choices=[CHECK, *chats, *encoders]),
            }

        def begin() -> dict[Any, Any]:
            return {path: str(new_file("written")), self._stop: gr.update(visible=True)}

        def write(name: str, *values: Any) -> Iterator[dict[Any, Any]]:
            output, wanted = Path(name), wanted_of(*values)
            tally, rows = Tally(), list[str]()

            def work(tell: Any) -> None:
                for row in synthesize(self._assistant, wanted, tally, output):
                    tell(json.dumps(row, ensure_ascii=False))

            yield {self._shown: waiting_html("Loading the model …")}
            for some in steps(work):
                rows += some
                bar = f'<progress value="{tally.kept}" max="{wanted.count}"></progress>'
                said = f"{tally.kept:,} of {wanted.count:,} rows"
                yield {self._shown: waiting_html(said, bar) + listed(rows[-SHOWN:])}
            yield {self._shown: f'<p class="result">{html.escape(str(tally))}</p>' + listed(rows[-SHOWN:])}

        def take(name: str) -> dict[Any, Any]:
            output = Path(name)
            there = output.is_file() and output.stat().st_size > 0
            return {self._stop: gr.update(visible=False), data: str(output) if there else gr.skip()}

        given = [path, self._about, self._labels, self._count, self._samples, self._tests, self._model, self._check,
                 self._agreed, self._seed]  # fmt: skip
        self._more.expand(offer, None, [self._model, self._check], **QUICK)
        starting = self._go.click(begin, None, [path, self._stop], **QUICK)
        writing = starting.then(told(write), given, [self._shown], **QUICK)
        writing.then(take, [path], [self._stop, data], **QUICK)
        self._stop.click(take, [path], [self._stop, data], cancels=[writing], **QUICK)


def wanted_of(
    about: str,
    labels: str,
    count: float | None,
    samples: str | None = None,
    tests: str | None = None,
    model: str | None = "",
    check: str | None = "",
    agreed_only: bool = False,
    seed: float | None = 0,
) -> Wanted:
    """What the controls say, in their order; a number that was emptied is 0."""
    return Wanted(
        about,
        int(count or 0),
        labels_of(labels),
        Path(samples) if samples else None,
        Path(tests) if tests else None,
        model or None,
        check or None,
        agreed_only=agreed_only,
        seed=int(seed or 0),
    )


def listed(rows: list[str]) -> str:
    """Rows as they are in the file."""
    return f"<ul>{''.join(f'<li><small>{html.escape(row)}</small></li>' for row in rows)}</ul>" if rows else ""
