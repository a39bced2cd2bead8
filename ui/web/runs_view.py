"""The runs of a person on the page: how far each is, what can be done with it, and its figures as plots."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import gradio as gr
import pandas as pd

from assistant.run import Run, State
from assistant.runs import Runs
from assistant.service import Assistant
from assistant.settings import ChatSettings
from assistant.tuned import ABOUT
from eval.runner import KIND as EVALUATION
from ui.lab import KIND as LAB
from ui.outcomes import CHECK, called, outcome
from ui.web import theme
from ui.web.events import QUICK, event_data, told
from ui.web.export_part import ExportPart
from ui.web.run_acts import buttons_html, card_html, do
from ui.web.run_details import comparison_html, confusion_html, evaluation_html, samples_html

POLL_SECONDS = 1.5
LISTED = 30
FIGURES = {
    "loss": ("loss", "eval_loss"),
    "accuracy": ("accuracy", "eval_accuracy"),
    "learning rate": ("learning_rate",),
    "gradient norm": ("gradient_norm",),
    "tokens a second": ("tokens_per_second",),
    "reward": ("reward", "eval_reward"),
    "check": (CHECK,),
    "margin": ("margin", "eval_margin"),
    "KL, nats an answer": ("kl",),
    "length of answers": ("length",),
    "entropy": ("entropy",),
}
"""What a plot shows → the figures that it draws."""
LINES = ("#0d9488", "#c2703d", "#4f6bd0", "#8a52a8", "#8c7a2b", "#53616f", "#c94f6d", "#5f9e3f")
"""Colours of lines, for light and dark."""
USES = {
    "classifier": ("classify", "Sort with it"),
    "translate": ("translate", "Translate with it"),
    "summarize": ("summarize", "Summarise with it"),
}
"""Kind of a run, or its task → what is done with its model, where that is not to chat."""
GO = "(where) => { if (where) location.href = where; }"


@dataclass(frozen=True)
class RunsPart:
    """What other parts of the page do with the list."""

    outputs: list[Any]
    begin: Any
    """A run → updates that show it first."""


def build_runs(assistant: Assistant, runs: Runs, page: gr.Blocks) -> RunsPart:
    """Lay out the list and the plot inside the current Blocks and wire them."""
    gr.HTML("<h2>Runs</h2>", apply_default_css=False)
    with gr.Row(elem_classes="languages", visible=False) as controls:
        chosen = gr.Dropdown([], value=[], multiselect=True, label="Compare", elem_id="runs-chosen")
        figure = gr.Dropdown(list(FIGURES), value="loss", label="Figure", elem_id="runs-figure")
    plot = gr.LinePlot(
        pd.DataFrame({"step": [], "value": [], "line": []}),
        x="step",
        y="value",
        color="line",
        height=260,
        visible=False,
        elem_id="runs-plot",
    )
    listed = gr.HTML(apply_default_css=False, elem_id="runs-list", js_on_load=theme.script("acts"))
    lines = gr.State(list[str])
    opened = gr.Textbox(visible="hidden", elem_id="runs-opened")
    exporting = ExportPart(assistant, runs)
    timer = gr.Timer(POLL_SECONDS)

    def show(names: list[str], wanted: str) -> dict[Any, Any]:
        some = [run for run in runs if run.kind not in (EVALUATION, LAB)][:LISTED]
        known = [run.id for run in some]
        names = [name for name in names if name in known] or known[:1]
        found = drawn([run for run in some if run.id in names], wanted)
        busy = any(run.status().state.alive for run in some)
        return {
            listed: runs_html(some),
            chosen: gr.update(choices=[(f"{run.title} ({run.id[:15]})", run.id) for run in some], value=names),
            controls: gr.update(visible=bool(some)),
            plot: gr.update(value=found, visible=not found.empty),
            lines: list(found["line"].unique()),
            timer: gr.Timer(POLL_SECONDS, active=busy),
        }

    def act(event: gr.EventData, names: list[str], wanted: str) -> dict[Any, Any]:
        data = event_data(event)
        run = runs.find(str(data.get("key", "")))
        match data.get("kind"):
            case "chat":
                settings = ChatSettings(model=run.id, system_prompt="")
                return {opened: f"./?c={assistant.store.create(settings=settings.to_json())}"}
            case ("classify" | "translate" | "summarize") as task:
                return {opened: f"./text?task={task}&model={quote(run.id)}"}
            case "export":
                return exporting.begin(run)
            case kind:
                do(runs, run, kind)
        return show(names, wanted)

    def begin(run: Run) -> dict[Any, Any]:
        return show([run.id], "loss")

    outputs = [listed, controls, chosen, plot, lines, timer]
    page.load(told(show), [chosen, figure], outputs, **QUICK)
    timer.tick(told(show), [chosen, figure], outputs, **QUICK)
    for part in (chosen, figure):
        part.input(told(show), [chosen, figure], outputs, **QUICK)
    listed.act(told(act), [chosen, figure], [*outputs, opened, *exporting.outputs], **QUICK)
    # Gradio lays a plot out anew where its colours change and not where its lines do, and looks at the colours first.
    lines.change(coloured, [lines], [plot], **QUICK)
    opened.change(None, [opened], None, js=GO)
    return RunsPart(outputs, begin)


def drawn(runs: list[Run], figure: str) -> pd.DataFrame:
    """step, value, line: one line a figure and run, and of a loop one a part, since each counts its own steps."""
    rows = [
        (line["step"], line[name], " ".join(filter(None, [_called(name, run, alone=len(runs) == 1), line.get("part")])))
        for run in runs
        for line in run.metrics()
        for name in FIGURES.get(figure, ())
        if isinstance(line.get(name), (int, float)) and (len(runs) == 1 or name == FIGURES[figure][-1])
    ]
    return pd.DataFrame(rows, columns=["step", "value", "line"])


def coloured(lines: list[str]) -> Any:
    """An update of the plot with a colour for each line."""
    return gr.update(color_map={name: LINES[at % len(LINES)] for at, name in enumerate(lines)})


def _called(figure: str, run: Run, *, alone: bool) -> str:
    return called(figure) if alone else f"{called(figure.removeprefix('eval_'))} {run.id[:15]}"


def runs_html(runs: list[Run]) -> str:
    """A card a run."""
    if not runs:
        return '<p class="result"><small>No run yet. The example above takes some minutes.</small></p>'
    return f'<div class="models runs">{"".join(map(run_html, runs))}</div>'


def run_html(run: Run) -> str:
    """What it is, how far, and what can be done."""
    status, figures = run.status(), run.metrics()
    last = next((line for line in reversed(figures) if "loss" in line), {})
    said = [f"{name.replace('_', ' ')} {last[name]:.3f}" for name in ("loss", "accuracy", "reward") if name in last]
    about = [str(run.settings.get(name) or "") for name in ("model", "finetuning_type")]
    about.append(f"{len(figures):,} figures")
    found = "".join(f"<div>{html.escape(line)}</div>" for line in outcome(status.figures))
    inside = f'<div class="facts outcome">{found}</div>' if found else ""
    inside += samples_html(run) + comparison_html(run) + confusion_html(run.report()) + evaluation_html(run.report())
    return card_html(run, status, _buttons(run, status.state), " · ".join(about), inside, said)


def _buttons(run: Run, state: State) -> str:
    if state.alive:
        wanted = [("pause", "Pause"), ("stop", "Stop")]
    elif state is State.FINISHED or (state is State.STOPPED and (run.model / ABOUT).is_file()):
        use = USES.get(str(run.settings.get("task", run.kind)), ("chat", "Chat with it"))
        wanted = [] if run.kind == "reward" else [use]
        wanted += [("export", "As files")] if wanted and wanted[0][0] == "chat" else []
        wanted.append(("delete", "Delete"))
    else:
        wanted = [("resume", "Resume"), ("delete", "Delete")]
    return buttons_html(run, wanted)
