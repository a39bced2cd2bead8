"""The lab's tab that lets GAN, VAE and diffusion make the same, and measures them in one feature space."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from assistant.errors import BadSettings
from assistant.runs import Runs
from demos.exhibits import Bars, Points, Sheet
from ui.lab_faceoff import face_off
from ui.lab_shown import exhibit_html
from ui.web.events import QUICK, told
from ui.web.lab_view import comparison_html
from ui.web.lab_weights import weights_of
from ui.web.text_page import actions, status_html, wire

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
        go, stop = actions("faceoff", "Let them draw")
    shown = gr.HTML(apply_default_css=False, elem_id="faceoff-shown")

    def offered() -> list[Any]:
        return [weights_of(runs, name) for name in (*dict(MAKERS), "classifier")]

    def measure(number: float | None, by: str | None, *chosen: str | None) -> Iterator[str]:
        if not by or not any(chosen):
            raise BadSettings("There is nothing to compare yet.", hint="Train some, under Architectures.")
        yield status_html("Reading the pictures …")
        done: list[Contestant] = []
        for each in face_off(runs, [name for name in chosen if name], by, count=int(number or MANY)):
            done.append(each)
            waiting = status_html("The next one draws …")
            yield faceoff_html(done) + ("" if len(done) > sum(map(bool, chosen)) else waiting)

    page.load(told(offered), None, [*makers, judge], **QUICK)
    for box, name in zip([*makers, judge], (*dict(MAKERS), "classifier"), strict=True):
        box.focus(told(partial(weights_of, runs, name)), [box], [box], **QUICK)
    wire(stop, [go.click], measure, [count, judge, *makers], [shown])


def faceoff_html(contestants: Sequence[Contestant]) -> str:
    """What is measured so far: figures, quality against time, pictures, and what is said of each."""
    from demos.faceoff import BOOK, BOOK_HEADS, HEADS, figures

    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in (each.title, *figures(each))) + "</tr>"
        for each in contestants
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", *HEADS))
    table = f'<table class="compared figures"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    parts = [f'<div class="scroll">{table}</div>']
    timed = {each.title: [(1000 * each.seconds_a_picture, each.fid)] for each in contestants if each.seconds_a_picture}
    if timed:
        said = "Further down is closer to real pictures, further left is faster."
        parts.append(exhibit_html(Points(timed, "milliseconds a picture", "FID", said, log="x")))
    floor = contestants[0].sharpness
    if len(contestants) > 1 and floor:
        said = (
            "Sharpness: the variance of a picture's Laplacian, its second derivative in space, as a share of what real "
            "pictures have. Less is blurred; more is no better, for noise has most of all."
        )
        shares = {each.title: each.sharpness / floor for each in contestants}
        parts.append(exhibit_html(Bars(shares, said, mark=1.0)))
    parts += [exhibit_html(Sheet(each.sheet, f"{each.title}.")) for each in contestants]
    told_of = "".join(
        f"<tr><th scope='row'>{each.title}</th>{''.join(f'<td>{words}</td>' for words in BOOK[each.name])}</tr>"
        for each in contestants
        if each.name in BOOK
    )
    if told_of:
        heads = "".join(f'<th scope="col">{name}</th>' for name in ("", *BOOK_HEADS))
        table = f'<table class="compared"><thead><tr>{heads}</tr></thead><tbody>{told_of}</tbody></table>'
        parts.append(f'<div class="scroll">{table}</div>')
    return "".join(parts)
