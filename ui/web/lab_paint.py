"""The lab's tab that paints what a sentence says, with a diffusion pipeline of the Hub or of a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import gradio as gr

from assistant.catalogue import Catalogue
from assistant.errors import BadSettings
from assistant.placement import gb
from assistant.service import Assistant
from ui import lab, lab_painting
from ui.amounts import span
from ui.lab_painting import pipelines
from ui.web.events import QUICK, told
from ui.web.lab_view import comparison_html, picture_html
from ui.web.text_page import actions, status_html, wire

if TYPE_CHECKING:
    from demos.text_to_image import Painter

EXAMPLE = "A lighthouse in the fog, oil on canvas"


def build_paint(assistant: Assistant) -> None:
    """Lay it out inside the current tab and wire it."""
    catalogue = assistant.catalogue
    offered = [(f"{entry.title} ({gb(entry.download_bytes)})", entry.key) for entry in pipelines(catalogue)]
    first = next((key for _, key in offered), "")
    gr.HTML(comparison_html("paint"), apply_default_css=False, elem_id="paint-about")
    with gr.Row(elem_classes="languages"):
        model = gr.Dropdown(
            offered,
            value=first,
            label="Model",
            allow_custom_value=True,
            info=lab_painting.told(catalogue, first),
            elem_id="paint-model",
        )
    prompt = gr.Textbox(EXAMPLE, label="What is to be seen", lines=2, max_lines=6, elem_id="paint-prompt")
    with gr.Accordion("More settings", open=False), gr.Row(elem_classes="languages"):
        without = gr.Textbox("", label="What is not", elem_id="paint-without")
        width = gr.Number(512, label="Width", precision=0, step=8, elem_id="paint-width")
        height = gr.Number(512, label="Height", precision=0, step=8, elem_id="paint-height")
        steps = gr.Number(25, label="Steps", precision=0, minimum=1, maximum=200, elem_id="paint-steps")
        guidance = gr.Slider(1, 15, 7, step=0.5, label="Guidance", elem_id="paint-guidance")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="paint-seed")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("paint", "Paint")
    shown = gr.HTML(apply_default_css=False, elem_id="paint-shown")

    def tell(name: str | None) -> Any:
        return gr.update(info=lab_painting.told(catalogue, name or ""))

    model.change(told(tell), [model], [model], **QUICK)
    model.focus(told(tell), [model], [model], **QUICK)  # it may have been fetched meanwhile
    asked = [model, prompt, without, width, height, steps, guidance, seed]
    wire(stop, [go.click, prompt.submit], partial(_paint, catalogue), asked, [shown])


class _Kept:
    """The pipeline that was used last; it goes before another comes, since both seldom fit."""

    def __init__(self) -> None:
        self._one, self._model, self._painter = Lock(), "", None

    def painter(self, model: str) -> Painter:
        """Raises NoData."""
        from demos.text_to_image import Painter

        with self._one:
            if self._painter is None or self._model != model:
                self._painter = None
                self._painter = Painter(model)
                self._model = model
            return self._painter


_KEPT = _Kept()


def _paint(catalogue: Catalogue, model: str | None, prompt: str, without: str, *numbers: float | None) -> Iterator[str]:
    if not (model or "").strip():
        raise BadSettings(
            "There is no model.", hint="Choose one, or give the Hub id or folder of a diffusers pipeline."
        )
    with lab.mapped():
        from demos.grids import png
        from demos.text_to_image import Asked

        width, height, steps, guidance, seed = (each or 0 for each in numbers)
        asked = Asked(
            prompt=prompt or "",
            without=without or "",
            width=int(width),
            height=int(height),
            steps=int(steps),
            guidance=float(guidance),
            seed=int(seed),
        )
        asked.check()
        source = lab_painting.source(catalogue, model or "")
        yield status_html("The model is being loaded …")
        chosen = _KEPT.painter(source)
        news: SimpleQueue[Any] = SimpleQueue()
        left = Event()

        def work() -> None:
            try:
                news.put(chosen.paint(asked, lambda step: news.put(step) or not left.is_set()))
            except Exception as error:  # noqa: BLE001 - raised again where the page waits
                news.put(error)

        begun = time.monotonic()
        Thread(target=work, daemon=True).start()
        try:
            while isinstance(found := news.get(), int):
                ahead = (time.monotonic() - begun) / found * (asked.steps - found)
                yield status_html(f"Step {found} of {asked.steps}, {span(ahead)} to go")
        finally:
            left.set()  # also where the page has gone
        if isinstance(found, Exception):
            raise found
        if found is not None:
            yield picture_html(png(found), "png", asked.prompt)
