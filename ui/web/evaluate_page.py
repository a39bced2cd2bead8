"""The page that measures: models on suites, evaluations beside each other, and whether a change is real."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import BadDataset, RunNotFound
from assistant.run import Run, State
from assistant.runs import Runs
from assistant.service import Assistant
from eval import report
from eval.compare import Comparison, compare_all
from eval.leaderboard import leaderboard, parameters_of
from eval.results import Results, read
from eval.runner import KIND
from ui.web import theme
from ui.web.arena_part import build_arena
from ui.web.evaluate_board import leaderboard_html
from ui.web.evaluate_form import FormPart
from ui.web.evaluate_start import begin, wanted_of
from ui.web.evaluate_view import beside_html, cards_html
from ui.web.events import QUICK, event_data, told
from ui.web.run_acts import do

POLL_SECONDS = 1.5
LISTED = 30
"""Cards of evaluations, the newest; the board and what is set beside each other know them all."""
BOARDS = 8
"""That are remembered, since the page asks while anything runs."""


def build_evaluate(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    runs = Runs()
    with gr.Column(elem_classes="text-page wide evaluate"):
        gr.HTML(
            "<h1>Measure a model</h1><p>A suite asks it what others were asked. Two evaluations say whether a change "
            "is real or noise. It all stays on this machine.</p>",
            apply_default_css=False,
        )
        form = FormPart(assistant)
        gr.HTML("<h2>Evaluations</h2>", apply_default_css=False)
        beside = gr.Dropdown(
            [], value=[], multiselect=True, visible=False, label="Beside each other", elem_id="eval-beside"
        )
        shown = gr.HTML(apply_default_css=False, elem_id="eval-shown")
        with gr.Row(elem_classes="actions", visible=False) as reports:
            saved = [
                gr.DownloadButton("Report with plots (HTML)", size="sm", elem_id="eval-report"),
                gr.DownloadButton("Report as text (Markdown)", size="sm", elem_id="eval-report-text"),
            ]
        board = gr.HTML(apply_default_css=False, elem_id="eval-board")
        listed = gr.HTML(apply_default_css=False, elem_id="eval-list", js_on_load=theme.script("acts"))
        build_arena(assistant, page)
    timer = gr.Timer(POLL_SECONDS)

    def show(names: list[str]) -> dict[Any, Any]:
        some = [run for run in runs if run.kind == KIND]
        states = [run.status().state for run in some]
        done = [run for run, state in zip(some, states, strict=True) if state is State.FINISHED]
        choices = [(f"{run.title} ({run.id[:15]})", run.id) for run in done]
        chosen = [run.id for run in done if run.id in names]
        return {
            listed: cards_html(some, LISTED),
            board: board_of(tuple(run.id for run in done)),
            beside: gr.update(visible=bool(done), choices=choices, value=chosen),
            timer: gr.Timer(POLL_SECONDS, active=any(state.alive for state in states)),
        }

    @lru_cache(maxsize=BOARDS)
    def board_of(ids: tuple[str, ...]) -> str:
        found: list[Results] = []
        for name in ids:
            with suppress(BadDataset, RunNotFound):
                found.append(read(runs.find(name).folder))
        return leaderboard_html(leaderboard(found, parameters_of(assistant)))

    def put(names: list[str]) -> dict[Any, Any]:
        chosen: list[Run] = sorted(map(runs.find, names), key=lambda run: run.created)
        found = [read(run.folder) for run in chosen]
        changes: list[Comparison] = []
        try:
            changes = compare_all(found) if found else []
        except BadDataset as error:
            gr.Info(str(error))
        files = _reports(found, changes) if found else [None, None]
        return {
            shown: beside_html(found, changes),
            reports: gr.update(visible=bool(found)),
            **{button: gr.update(value=file) for button, file in zip(saved, files, strict=True)},
        }

    def start(*values: Any) -> dict[Any, Any]:
        begin(assistant, runs, wanted_of(*values))
        return show([])

    def act(event: gr.EventData, names: list[str]) -> dict[Any, Any]:
        found = event_data(event)
        do(runs, runs.find(str(found.get("key", ""))), found.get("kind"))
        return show(names)

    outputs = [listed, board, beside, timer]
    page.load(told(show), [beside], outputs, **QUICK)
    timer.tick(told(show), [beside], outputs, **QUICK)
    beside.change(told(put), [beside], [shown, reports, *saved], **QUICK)
    form.go.click(told(start), form.given, outputs, **QUICK)
    listed.act(told(act), [beside], outputs, **QUICK)


def _reports(found: list[Results], changes: list[Comparison]) -> list[str]:
    """Files with the same report in either form, HTML first."""
    folder = Path(tempfile.mkdtemp(prefix="parley-report-"))
    made = {"report.html": report.html(found, changes), "report.md": report.markdown(found, changes)}
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")
    return [str(folder / name) for name in made]
