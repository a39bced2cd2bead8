"""The page that measures: a model on a suite, evaluations beside each other, and whether a change is real."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import BadDataset, CapabilityMissing, RunNotFound, UserError
from assistant.run import Run, State
from assistant.runs import Runs
from assistant.service import Assistant
from eval import report
from eval.compare import compare_all
from eval.leaderboard import leaderboard, parameters_of
from eval.results import Results, read
from eval.runner import KIND, Evaluation, create, fitting
from eval.suite import FIRST, suite, suites
from ui.web import theme
from ui.web.arena_part import build_arena
from ui.web.evaluate_view import beside_html, cards_html, leaderboard_html, suite_html
from ui.web.events import QUICK, event_data, told
from ui.web.run_acts import do

POLL_SECONDS = 1.5
LISTED = 30


def build_evaluate(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    runs = Runs()

    def able(name: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for entry in assistant.catalogue:
            try:
                fitting(entry, suite(name))
            except CapabilityMissing:
                continue
            if not assistant.absent(entry):
                found.append((entry.title, entry.key))
        return found

    with gr.Column(elem_classes="text-page wide evaluate"):
        gr.HTML(
            "<h1>Measure a model</h1><p>A suite asks it what others were asked. Two evaluations say whether a change "
            "is real or noise. It all stays on this machine.</p>",
            apply_default_css=False,
        )
        with gr.Row(elem_classes="languages"):
            chosen = gr.Dropdown(
                [(each.title, each.name) for each in suites().values()],
                value=FIRST,
                label="Suite",
                elem_id="eval-suite",
            )
            offered = able(FIRST)
            model = gr.Dropdown(
                offered,
                value=offered[0][1] if offered else None,
                allow_custom_value=True,
                label="Model",
                info="One that is here, or the Hub id or folder of another",
                elem_id="eval-model",
            )
        about = gr.HTML(suite_html(suite(FIRST)), apply_default_css=False, elem_id="eval-about")
        data = gr.File(
            label="Its rows: a file in the form that they are published in; none takes them from the Hub",
            type="filepath",
            visible=False,
            elem_id="eval-data",
        )
        with gr.Row(elem_classes="languages", visible=False) as judging:
            against = gr.Dropdown(
                offered, allow_custom_value=True, value=None, label="Compared with", elem_id="eval-against"
            )
            judge = gr.Dropdown(
                offered,
                allow_custom_value=True,
                value=None,
                label="Judged by",
                info="A large model, which may be a server's: openai:NAME@http://host:8000/v1",
                elem_id="eval-judge",
            )
        with gr.Accordion("More settings", open=False, elem_id="eval-more"), gr.Row():
            limit = gr.Number(None, label="Rows of each task (all)", precision=0, minimum=1, elem_id="eval-limit")
            shots = gr.Number(None, label="Examples first (the suite's)", precision=0, minimum=0, elem_id="eval-shots")
            quantisation = gr.Dropdown(
                [("As it is", ""), ("8 bits", "8bit"), ("4 bits", "4bit")],
                value="",
                label="Weights",
                elem_id="eval-quantisation",
            )
        with gr.Row(elem_classes="actions"):
            go = gr.Button("Measure", variant="primary", size="md", elem_id="eval-start")
        gr.HTML("<h2>Evaluations</h2>", apply_default_css=False)
        beside = gr.Dropdown(
            [], value=[], multiselect=True, visible=False, label="Beside each other", elem_id="eval-beside"
        )
        shown = gr.HTML(apply_default_css=False, elem_id="eval-shown")
        saved = gr.DownloadButton("Report as a file", visible=False, size="sm", elem_id="eval-report")
        board = gr.HTML(apply_default_css=False, elem_id="eval-board")
        listed = gr.HTML(apply_default_css=False, elem_id="eval-list", js_on_load=theme.script("acts"))
        build_arena(assistant, page)
    timer = gr.Timer(POLL_SECONDS)

    def choose(name: str, kept: str | None) -> dict[Any, Any]:
        wanted, choices = suite(name), able(name)
        keys = [key for _, key in choices]
        value = kept if kept in keys else next(iter(keys), None)
        return {
            about: suite_html(wanted),
            data: gr.update(visible=not wanted.shipped, value=None),
            model: gr.update(choices=choices, value=value),
            judging: gr.update(visible=any(task.kind == "judged" for task in wanted.tasks)),
            against: gr.update(choices=choices),
            judge: gr.update(choices=choices),
        }

    def here(name: str) -> Any:
        return gr.update(choices=able(name))

    def own() -> list[Run]:
        return [run for run in runs if run.kind == KIND][:LISTED]

    def show(names: list[str]) -> dict[Any, Any]:
        some = own()
        done = [run for run in some if run.status().state is State.FINISHED]
        names = [run.id for run in done if run.id in names]
        return {
            listed: cards_html(some),
            board: board_of(tuple(run.id for run in done)),
            beside: gr.update(
                visible=bool(done), choices=[(f"{run.title} ({run.id[:15]})", run.id) for run in done], value=names
            ),
            timer: gr.Timer(POLL_SECONDS, active=any(run.status().state.alive for run in some)),
        }

    @lru_cache(maxsize=8)  # the page asks while anything runs
    def board_of(ids: tuple[str, ...]) -> str:
        found: list[Results] = []
        for name in ids:
            with suppress(BadDataset, RunNotFound):
                found.append(read(runs.find(name).folder))
        return leaderboard_html(leaderboard(found, parameters_of(assistant)))

    def put(names: list[str]) -> dict[Any, Any]:
        found = [read(runs.find(name).folder) for name in sorted(names)]  # ids begin with their time: older first
        try:
            changes = compare_all(found) if found else []
        except BadDataset as error:
            gr.Info(str(error))
            changes = []
        file: str | None = None
        if found:
            path = Path(tempfile.mkdtemp(prefix="parley-report-")) / "report.html"
            path.write_text(report.html(found, changes), "utf-8")
            file = str(path)
        return {shown: beside_html(found, changes), saved: gr.update(visible=bool(found), value=file)}

    def start(*values: Any) -> dict[Any, Any]:
        name, key, path, rows, first, bits, other, third = values
        if not key:
            raise UserError("No model is chosen.", hint="Choose one, or fetch one under Models.")
        asked = Evaluation(
            model=str(key),
            suite=name,
            data=path or None,
            limit=int(rows) if rows is not None else None,
            shots=int(first) if first is not None else None,
            quantisation=bits or None,
            against=other or None,
            judge=third or None,
        )
        runs.start(create(runs, asked, keep=True))
        return show([])

    def act(event: gr.EventData, names: list[str]) -> dict[Any, Any]:
        found = event_data(event)
        do(runs, runs.find(str(found.get("key", ""))), found.get("kind"))
        return show(names)

    outputs = [listed, board, beside, timer]
    page.load(told(show), [beside], outputs, **QUICK)
    timer.tick(told(show), [beside], outputs, **QUICK)
    chosen.input(told(choose), [chosen, model], [about, data, model, judging, against, judge], **QUICK)
    model.focus(here, [chosen], [model], **QUICK)
    beside.change(told(put), [beside], [shown, saved], **QUICK)
    go.click(told(start), [chosen, model, data, limit, shots, quantisation, against, judge], outputs, **QUICK)
    listed.act(told(act), [beside], outputs, **QUICK)
