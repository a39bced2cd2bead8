"""The lab's tab that lets GAN, VAE and diffusion make the same, and measures them in one feature space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from assistant.errors import BadSettings
from assistant.runs import Runs
from ui.lab_faceoff import face_off, faceoff_html
from ui.web.events import QUICK, Hold, told
from ui.web.lab_view import comparison_html
from ui.web.lab_weights import refreshed, weights_of
from ui.web.text_page import actions, status_html, wire
from ui.web.working import steps

if TYPE_CHECKING:
    from demos.faceoff import Contestant

MAKERS = (("gan", "GAN"), ("vae", "VAE"), ("diffusion", "Diffusion"))
MANY = 300
"""Pictures of each that are made at first: within a minute."""


def build_faceoff(page: gr.Blocks, runs: Runs) -> None:
    """Lay it out inside the current tab and wire it."""
    gr.HTML(comparison_html("faceoff"), apply_default_css=False, elem_id="faceoff-about")
    with gr.Row(elem_classes="languages"):
        makers = [gr.Dropdown([], label=title, elem_id=f"faceoff-{name}") for name, title in MAKERS]
    with gr.Accordion("More settings", open=False), gr.Row(elem_classes="languages"):
        judge = gr.Dropdown([], label="Measured by", elem_id="faceoff-classifier")
        count = gr.Number(
            MANY, label="Pictures of each", precision=0, minimum=100, maximum=10_000, elem_id="faceoff-count"
        )
    with gr.Row(elem_classes="actions"):
        go, stop = actions("faceoff", "Let them draw", ready=False)
    shown = gr.HTML(apply_default_css=False, elem_id="faceoff-shown")

    def offered() -> list[Any]:
        return [weights_of(runs, name) for name in (*dict(MAKERS), "classifier")]

    def measure(number: float | None, by: str | None, *chosen: str | None) -> Iterator[str]:
        if not by or not any(chosen):
            raise BadSettings("There is nothing to compare yet.", hint="Train some, under Architectures.")
        yield status_html("Reading the pictures …")
        names, count = [name for name in chosen if name], int(number or MANY)

        def work(tell: Callable[[Contestant | int], None]) -> None:
            for each in face_off(runs, names, by, count=count, tell=tell):
                tell(each)

        done: list[Contestant] = []
        for some in steps(work):
            done += [each for each in some if not isinstance(each, int)]
            said = f"The next one draws: {some[-1]:,} of {count:,} pictures" if isinstance(some[-1], int) else ""
            table = faceoff_html(done) if done else ""
            yield table + ("" if len(done) > len(names) else status_html(said or "The next one draws …"))

    loaded = page.load(told(offered), None, [*makers, judge], **QUICK)
    Hold([go]).on(loaded.then, "free")
    for box, name in zip([*makers, judge], (*dict(MAKERS), "classifier"), strict=True):
        box.focus(told(partial(refreshed, runs, name)), [box], [box], **QUICK)
    wire(stop, [go.click], measure, [count, judge, *makers], [shown])
