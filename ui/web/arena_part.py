"""Blind votes, on the page that measures: two models answer, a person chooses without their names, and a table says how
strong each is."""

from __future__ import annotations

import html
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from assistant.engines.protocol import Message
from assistant.errors import UserError
from assistant.service import Assistant
from eval.arena import Vote, Votes, strengths
from ui.web.events import QUICK, told
from ui.web.settings_panel import model_choices
from ui.web.working import waiting_html

MOST_TOKENS = 400
CHOICES = {"A is better": 1.0, "Both alike": 0.5, "B is better": 0.0}


def build_arena(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the part inside the current Blocks and wire it."""
    votes = Votes()
    offered = model_choices(assistant)
    with gr.Accordion("Vote blind between models", open=False, elem_id="arena"):
        models = gr.Dropdown(
            offered,
            value=[key for _, key in offered[:2]],
            multiselect=True,
            allow_custom_value=True,
            label="Models, of which two answer each question",
            elem_id="arena-models",
        )
        asked = gr.Textbox("", lines=2, label="Question", placeholder="What would you ask them?", elem_id="arena-asked")
        ask = gr.Button("Ask two of them", size="md", elem_id="arena-ask")
        with gr.Row(elem_classes="languages"):
            shown = [gr.HTML(apply_default_css=False, elem_id=f"arena-{side}") for side in "ab"]
        with gr.Row(elem_classes="actions", visible=False, elem_id="arena-votes") as ballot:
            buttons = [gr.Button(label, size="md") for label in CHOICES]
        table = gr.HTML(apply_default_css=False, elem_id="arena-table")
    drawn = gr.State(dict[str, str]())

    def begin(question: str, names: list[str]) -> Iterator[dict[Any, Any]]:
        if not question.strip():
            raise UserError("Nothing is asked yet.", hint="Type a question for both.")
        if len(set(names)) < 2:
            raise UserError("There is nothing to choose between.", hint="Name two models or more.")
        two = random.sample(sorted(set(names)), 2)
        yield {ballot: gr.update(visible=False), **dict.fromkeys(shown, waiting_html("Answering …"))}
        said: list[str] = []
        for name, place in zip(two, shown, strict=True):
            drawn_as = replace(assistant.sampling(name), max_tokens=MOST_TOKENS)
            reply = assistant.stream([Message("user", question)], model=name, sampling=drawn_as)
            said.append("".join(delta.text for delta in reply))
            yield {place: _answer("AB"[len(said) - 1], said[-1])}
        yield {ballot: gr.update(visible=True), drawn: {"one": two[0], "other": two[1], "asked": question}}

    def vote(choice: str, two: dict[str, str]) -> dict[Any, Any]:
        if not two:
            raise UserError("This was voted on already.", hint="Ask again.")
        votes.add(Vote(two["one"], two["other"], CHOICES[choice], two["asked"]))
        named = f"A was {two['one']}, B was {two['other']}."
        return {ballot: gr.update(visible=False), drawn: {}, table: f"<p>{html.escape(named)}</p>{table_html(votes)}"}

    def show() -> dict[Any, Any]:
        return {table: table_html(votes)}

    page.load(show, None, [table], **QUICK)
    gr.on([ask.click, asked.submit], told(begin), [asked, models], [*shown, ballot, drawn], **QUICK)
    for button in buttons:
        button.click(told(vote), [button, drawn], [ballot, drawn, table], **QUICK)


def table_html(votes: Votes) -> str:
    """Every model's strength, the strongest first."""
    rows = "".join(
        f"<tr><td>{html.escape(each.model)}</td><td>{each.elo:,.0f}</td><td>{each.low:,.0f} to {each.high:,.0f}</td>"
        f"<td>{each.votes:,}</td></tr>"
        for each in strengths(votes.all())
    )
    head = "<tr><th>Model</th><th>Elo</th><th>95 times of 100</th><th>Votes</th></tr>"
    return f'<table class="compared"><thead>{head}</thead><tbody>{rows}</tbody></table>' if rows else ""


def _answer(name: str, text: str) -> str:
    return f'<div class="result answer"><b>{name}</b><p>{html.escape(text)}</p></div>'
