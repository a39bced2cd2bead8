"""The lab's tab on four eras: one sentence judged by all of them, and each measured on a person's own rows."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gradio as gr

from assistant.errors import BadSettings
from assistant.service import Assistant
from assistant.tasks.sentiment import Carrier, Opinion
from demos.eras import WORD
from demos.exhibits import Lines
from ui import lab, lab_eras
from ui.lab_shown import exhibit_html
from ui.web.lab_view import comparison_html
from ui.web.sentiment_view import marked
from ui.web.text_page import actions, status_html, wire
from ui.web.working import steps

EXAMPLE = "Not bad at all, but far too long: I nearly fell asleep, and yet I would not have missed the ending."
TOLD = {
    "rules": "People wrote down what words mean, and how “not” and “but” turn them. Learns nothing.",
    "statistics": "Words and pairs of words are counted; each gets one weight. Their order is lost.",
    "deep learning": "Words become vectors, and an LSTM reads them in order. Knows the words of its rows alone.",
    "transformer": "Has read much before it met this task. It is what reads sentiment elsewhere in Parley.",
}


def build_eras(assistant: Assistant) -> None:
    """Lay it out inside the current tab and wire it."""
    gr.HTML(comparison_html("eras"), apply_default_css=False, elem_id="eras-about")
    text = gr.Textbox(EXAMPLE, lines=2, max_lines=6, label="Sentence", elem_id="eras-text")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("eras", "Let all four judge")
    shown = gr.HTML(apply_default_css=False, elem_id="eras-shown")
    with gr.Accordion("On your own rows", open=False):
        gr.HTML(
            "<p>A table with a text and a label: positive and negative, or 1 and 0. Statistics and the LSTM learn "
            "from it; a second one measures all four.</p>",
            apply_default_css=False,
        )
        with gr.Row(elem_classes="languages"):
            train = gr.File(label="To learn from", type="filepath", elem_id="eras-train")
            test = gr.File(label="To be measured on", type="filepath", elem_id="eras-test")
        curves = gr.Checkbox(True, label="Also from the first 100, 1,000, 10,000 rows", elem_id="eras-curves")
        with gr.Row(elem_classes="actions"):
            measure, halt = actions("eras-measure", "Measure")
        measured = gr.HTML(apply_default_css=False, elem_id="eras-measured")

    def judge(words: str, rows: str | None) -> Iterator[str]:
        if not (words or "").strip():
            raise BadSettings("There is nothing to judge.", hint="Type a sentence.")
        done = ""
        with lab.mapped():
            learnt = lab_eras.read_rows(Path(rows)) if rows else []
            yield status_html("At work …")
            for name, sure, looked in lab_eras.judged(lab_eras.makers(assistant), learnt, words):
                done += _judged(name, words, sure, looked)
                yield f'<div class="eras">{done}</div>'

    def compare(rows: str | None, others: str | None, curved: bool) -> Iterator[str]:
        if not others:
            raise BadSettings("There is nothing to be measured on.", hint="Give a table with texts and labels.")
        done: list[lab_eras.Era] = []
        with lab.mapped():
            learnt, asked = (lab_eras.read_rows(Path(each)) if each else [] for each in (rows, others))
        yield status_html(f"{len(asked):,} rows to be read …")

        def work(tell: Callable[[lab_eras.Era], None]) -> None:
            with lab.mapped():
                for era in lab_eras.compared(lab_eras.makers(assistant), learnt, asked, curves=curved):
                    tell(era)

        for some in steps(work):
            done += some
            yield eras_html(done)

    wire(stop, [go.click, text.submit], judge, [text, train], [shown])
    wire(halt, [measure.click], compare, [train, test, curves], [measured])


def _judged(name: str, text: str, sure: float, looked: Sequence[tuple[str, float]]) -> str:
    most = max((abs(weight) for _, weight in looked), default=0.0) or 1.0
    carriers = [
        Carrier(word[0], word.start(), weight / most / 2)
        for word, (_, weight) in zip(WORD.finditer(text), looked, strict=False)
    ]
    kind = "positive" if sure >= 0.5 else "negative"
    whole = Opinion(text, 0, kind, {"positive": sure, "negative": 1 - sure})
    said = f"{'for' if sure >= 0.5 else 'against'} · {max(sure, 1 - sure):.0%}"
    return (
        f'<section class="era"><h3>{name.capitalize()} <small class="{kind}">{said}</small></h3>'
        f'<p class="said {kind}">{marked(whole, carriers)}</p><p><small>{html.escape(TOLD[name])}</small></p></section>'
    )


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value else ""


def eras_html(eras: Sequence[lab_eras.Era]) -> str:
    """What is measured so far, and what rows are worth."""
    curves = {era.name: list(era.curve.items()) for era in eras if era.curve}
    sizes = sorted({size for era in eras for size in era.curve})
    heads = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "",
            "accuracy",
            "texts a second",
            "learnt in",
            "weights",
            *(f"accuracy from {size:,} rows" for size in sizes),
        )
    )
    rows = "".join(
        f'<tr><th scope="row">{era.name}</th><td>{era.measured.accuracy:.1%}</td>'
        f"<td>{era.measured.texts_a_second:,.0f}</td><td>{_seconds(era.measured.learnt_seconds)}</td>"
        f"<td>{era.measured.weights:,}</td>{''.join(f'<td>{_share(era.curve.get(size))}</td>' for size in sizes)}</tr>"
        for era in eras
    )
    table = f'<table class="compared figures"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    table = f'<div class="scroll">{table}</div>'
    if len(sizes) < 2:
        return table
    flat = {era.name: era.measured.accuracy for era in eras if not era.curve}
    lines = {**curves, **{name: [(size, value) for size in (sizes[0], sizes[-1])] for name, value in flat.items()}}
    said = "What rows are worth: those that learn from them, beside those that do not."
    return table + exhibit_html(Lines(lines, "rows learnt from", "accuracy", said, log="x"))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
