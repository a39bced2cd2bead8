"""The lab's tab on architectures: each explained, at work, looked into, and learning before one's eyes."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from assistant.runs import Runs
from demos.architectures import ARCHITECTURES, GUIDANCE
from finetune.settings import read_pairs
from ui import lab
from ui.web import lab_make, theme
from ui.web.events import QUICK, STALE, Hold, at_once, event_data, told
from ui.web.lab_look import build_look
from ui.web.lab_own_data import OwnData, create
from ui.web.lab_training import CHOICES, OWN, QUICK_STEPS, SETS
from ui.web.lab_view import TITLES, about_html, trainings_html
from ui.web.lab_weights import NONE_YET, refreshed, trainings, weights_of
from ui.web.run_acts import do
from ui.web.text_page import wire

POLL_SECONDS = 1.5
FIRST = "diffusion"
FILMS = ("How they come to be", "Draw after draw")
"""What a film of a diffusion is called, and one of the others."""


def build_architectures(page: gr.Blocks, runs: Runs, tabs: gr.Tabs, paint: str) -> None:
    """Lay it out inside the current tab and wire it. tabs, paint: where a sentence is painted, and that tab's id."""
    with gr.Column():
        which = gr.Radio(TITLES, value=FIRST, show_label=False, interactive=False, elem_id="lab-which")
        about = gr.HTML(about_html(FIRST), apply_default_css=False, elem_id="lab-about")
        with gr.Row(elem_classes="actions") as onward:
            to_paint = gr.Button("From a sentence: text to image", size="md", elem_id="lab-to-paint")
        heading = gr.HTML("<h2>See what it makes</h2>", apply_default_css=False)
        with gr.Row(elem_classes="languages"):
            weights = gr.Dropdown([], label="Weights", info=NONE_YET, elem_id="lab-weights")
            label = gr.Dropdown([("All in turn", "")], value="", label="Of which kind", elem_id="lab-label")
            begin = gr.Textbox("", label="Begin with", visible=False, max_lines=3, elem_id="lab-begin")
        with gr.Accordion("More settings", open=False) as finer, gr.Row():
            count = gr.Number(20, label="How many", precision=0, minimum=1, maximum=400, elem_id="lab-count")
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**32 - 1, elem_id="lab-seed")
            steps = gr.Number(20, label="Steps", precision=0, minimum=1, maximum=1000, elem_id="lab-steps")
            guidance = gr.Slider(1, 5, GUIDANCE, step=0.1, label="Guidance towards the kind", elem_id="lab-guidance")
            sampler = gr.Dropdown(
                [("DDIM", "ddim"), ("DDPM", "ddpm"), ("DPM-Solver", "dpm-solver")],
                value="ddim",
                label="Sampler",
                elem_id="lab-sampler",
            )
            temperature = gr.Slider(
                0, 1.5, 0.7, step=0.1, label="Temperature", visible=False, elem_id="lab-temperature"
            )
        with gr.Row(elem_classes="actions") as acts:
            make = gr.Button("Make some", variant="primary", size="md", interactive=False, elem_id="lab-make")
            film = gr.Button(FILMS[0], size="md", interactive=False, elem_id="lab-film")
            stop = gr.Button("Stop", size="md", visible=False, elem_id="lab-make-stop")
        made = gr.HTML(apply_default_css=False, elem_id="lab-made")
        look = build_look(runs, FIRST, which, weights)
        gr.HTML("<h2>Train one</h2>", apply_default_css=False)
        with gr.Row(elem_classes="languages"):
            data = gr.Dropdown(
                SETS["pictures"],
                value="fashion",
                label="Learns from",
                allow_custom_value=True,
                info=OWN["pictures"],
                elem_id="lab-data",
            )
            variant = gr.Dropdown([], label="Loss", visible=False, elem_id="lab-variant")
            length = gr.Number(QUICK_STEPS[FIRST], label="Steps", precision=0, minimum=1, elem_id="lab-train-steps")
        with gr.Accordion("More settings", open=False):
            more = gr.Textbox(
                "",
                label="Others, as name=value",
                info="seed=1 learning_rate=0.001; docs/lab.md lists them",
                elem_id="lab-more",
            )
        with gr.Row(elem_classes="actions"):
            go = gr.Button("Train", variant="primary", size="md", elem_id="lab-train")
            own = OwnData()
        listed = gr.HTML(apply_default_css=False, elem_id="lab-list", js_on_load=theme.script("acts"))
    timer = gr.Timer(POLL_SECONDS)

    def choose(name: str) -> dict[Any, Any]:
        makes, diffuses = ARCHITECTURES[name].makes, name == "diffusion"
        draws, writes = makes == "pictures", makes == "text"
        sets, choice = SETS[ARCHITECTURES[name].learns], CHOICES.get(name)
        return {
            about: about_html(name),
            weights: weights_of(runs, name),
            label: gr.update(visible=name in ("gan", "diffusion")),
            begin: gr.update(visible=writes),
            temperature: gr.update(visible=writes),
            count: gr.update(value=20 if draws else 400, maximum=400 if draws else 5000),
            **dict.fromkeys((steps, guidance, sampler), gr.update(visible=diffuses)),
            **dict.fromkeys((finer, acts), gr.update(visible=bool(makes))),
            heading: f"<h2>{'See what it makes' if makes else 'Weights'}</h2>",
            data: gr.update(choices=sets, value=sets[0][1], info=OWN[ARCHITECTURES[name].learns]),
            variant: gr.update(visible=False)
            if choice is None
            else gr.update(visible=True, label=choice.label, choices=list(choice.options), value=choice.options[0][1]),
            length: QUICK_STEPS[name],
            film: gr.update(visible=draws, value=FILMS[0 if diffuses else 1]),
            onward: gr.update(visible=diffuses),
            stop: gr.update(visible=False),
            **look.choose(name),
        }

    def kinds(chosen: str | None) -> Any:
        names: list[str] = []
        if chosen:
            from demos.lesson import read_about

            with lab.mapped():
                names = read_about(lab.weights(runs, chosen)[1]).get("classes", [])
        return gr.update(choices=[("All in turn", ""), *((name, name) for name in names)], value="")

    def show() -> dict[Any, Any]:
        some = trainings(runs)
        return {
            listed: trainings_html(some),
            timer: gr.Timer(POLL_SECONDS, active=any(run.status().state.alive for run in some)),
        }

    def start(name: str, rows: str, kind: str | None, far: float | None, others: str, brought: list[str]) -> Any:
        given: dict[str, Any] = {"data": rows, **({"steps": int(far)} if far else {})}
        if (choice := CHOICES.get(name)) and kind in [value for _, value in choice.options]:
            given[choice.setting] = kind
        given |= read_pairs((others or "").split(), ARCHITECTURES[name].config_class())
        runs.start(create(runs, name, given, brought))
        return show()

    def act(event: gr.EventData) -> dict[Any, Any]:
        found = event_data(event)
        run = runs.find(str(found.get("key") or "none"))
        if found.get("kind") == "further":
            runs.start(lab.create(runs, run.id, {"steps": 2 * run.status().step}))
        else:
            do(runs, run, found.get("kind"))
        return show()

    def use(event: gr.EventData) -> dict[Any, Any]:
        run = runs.find(str(event_data(event).get("key") or "none"))
        name = str(run.settings["architecture"])
        return {**choose(name), which: name, weights: weights_of(runs, name, run.id), **show()}

    settings = [weights, label, count, seed, steps, guidance, sampler, begin, temperature]
    shown = [about, weights, label, begin, temperature, count, steps, guidance, sampler, data, variant, length]
    shown += [heading, finer, acts, film, onward, stop]
    shown += look.outputs
    page.load(told(show), None, [listed, timer], **QUICK)
    loaded = page.load(told(choose), [which], shown, **QUICK)
    held = [make, film]
    Hold([which, look.choice, *held, look.go]).on(loaded.then, "free")  # whose answer would undo what is chosen before
    timer.tick(told(show), None, [listed, timer], **QUICK)
    weights.focus(told(partial(refreshed, runs)), [which, weights], [weights], **STALE)
    weights.change(told(kinds), [weights], [label], **STALE)
    to_paint.click(lambda: gr.Tabs(selected=paint), None, [tabs], **QUICK)
    making = wire(stop, [make.click], partial(lab_make.make, runs, False), settings, [made], held)
    making += wire(stop, [film.click], partial(lab_make.make, runs, True), settings, [made], held)
    ending: dict[str, Any] = {
        "cleared": [made, look.shown],
        "held": [*held, look.go],
        "cancels": [*making, *look.running],
    }
    at_once(which.input, choose, [which], shown, **ending)
    at_once(listed.use, use, [], [*shown, which, listed, timer], **ending)
    own.wire(which, data, go)
    go.click(told(start), [which, data, variant, length, more, own.files], [listed, timer], **QUICK)
    listed.act(told(act), None, [listed, timer], **QUICK)
