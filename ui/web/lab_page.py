"""The lab's page: architectures at work and learning, a face-off of three, and four eras of language technology."""

from __future__ import annotations

import gradio as gr

from assistant.runs import Runs
from assistant.service import Assistant
from ui.web.lab_architectures import build_architectures
from ui.web.lab_eras_tab import build_eras
from ui.web.lab_faceoff import build_faceoff
from ui.web.lab_paint import build_paint

PAINT = "paint"
"""The id of a tab that another leads to."""


def build_lab(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    runs = Runs()
    with gr.Column(elem_classes="text-page wide lab"):
        gr.HTML(
            "<h1>How machines learn to make things</h1><p>Architectures small enough to learn on this machine while "
            "you look on, and to be looked into.</p>",
            apply_default_css=False,
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Architectures"):
                build_architectures(page, runs, tabs, PAINT)
            with gr.Tab("Face-off"):
                build_faceoff(page, runs)
            with gr.Tab("Four eras"):
                build_eras(assistant)
            with gr.Tab("Text to image", id=PAINT):
                build_paint(assistant)
