"""The part of the lab's page that looks into weights: states, attention, maps, holes filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from assistant.errors import ModelNotAvailable
from assistant.runs import Runs
from demos.exhibits import grows
from demos.looks import Given, Look, looks
from ui import lab, lab_looks
from ui.lab_shown import exhibit_html, png_source
from ui.web.events import QUICK, STALE, at_once, told
from ui.web.text_page import actions, status_html, wire

CANVAS = 280
"""Pixels of the side that is painted on: ten for each of a picture's."""
WORKING = status_html("At work …")


@dataclass(frozen=True)
class LookPart:
    """outputs: what changes with the architecture; choose: its name → those; running: what that breaks off; choice, go:
    which look, and the button for it, both held until something frees them; shown: what it shows."""

    outputs: list[Any]
    choose: Callable[[str], dict[Any, Any]]
    running: list[Any]
    choice: gr.Radio
    go: gr.Button
    shown: gr.HTML


def build_look(runs: Runs, first: str, which: gr.Radio, weights: gr.Dropdown) -> LookPart:
    """Lay it out inside the current column and wire it. first: the architecture that is shown at first."""
    now = looks(first)[0]
    heading = gr.HTML("<h2>Look inside</h2>", apply_default_css=False)
    choice = gr.Radio(_choices(first), value=now.name, show_label=False, interactive=False, elem_id="lab-look")
    about = gr.HTML(_about(now), apply_default_css=False, elem_id="lab-look-about")
    text = gr.Textbox(
        "",
        label="Text",
        placeholder="Empty: an example",
        max_lines=3,
        visible="text" in now.takes,
        elem_id="lab-look-text",
    )
    pictures = {name: _Own(name, words, name in now.takes) for name, words in _PICTURES.items()}
    painted = gr.ImageEditor(
        value=_canvas(None),
        type="pil",
        label="Paint here",
        canvas_size=(CANVAS, CANVAS),
        fixed_canvas=True,
        height=CANVAS + 160,
        sources=(),
        transforms=(),
        layers=False,
        brush=_brush(now),
        format="png",
        visible="paint" in now.takes,
        elem_id="lab-look-paint",
    )
    with gr.Row(elem_classes="languages"):
        amount = gr.Slider(0, 1, 0.5, label="How much", visible=now.amount is not None, elem_id="lab-look-amount")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=99_999, elem_id="lab-look-seed")
    with gr.Row(elem_classes="actions"):
        go, stop = actions("lab-look", "Look", ready=False)
    shown = gr.HTML(apply_default_css=False, elem_id="lab-look-shown")

    def look_of(architecture: str, name: str) -> Look | None:
        return next((each for each in looks(architecture) if each.name == name), None)

    def picked(architecture: str, name: str) -> dict[Any, Any]:
        chosen = look_of(architecture, name)
        takes = chosen.takes if chosen else ()
        far = chosen.amount if chosen else None
        paints = "paint" in takes
        canvas_now: dict[str, Any] = {"visible": paints, **({"brush": _brush(chosen)} if chosen and paints else {})}
        changed: dict[Any, Any] = {
            about: _about(chosen) if chosen else "",
            text: gr.update(visible="text" in takes),
            painted: gr.update(**canvas_now),
            amount: gr.update(visible=False)
            if far is None
            else gr.update(
                visible=True, label=far.label, minimum=far.low, maximum=far.high, step=far.step, value=far.usual
            ),
            stop: gr.update(visible=False),
        }
        for name, own in pictures.items():
            changed[own.row] = gr.update(visible=name in takes)
        return changed

    def choose(architecture: str) -> dict[Any, Any]:
        choices = _choices(architecture)
        value = choices[0][1] if choices else None
        there = bool(choices)
        return {
            **picked(architecture, value or ""),
            heading: gr.update(visible=there),
            choice: gr.update(choices=choices, value=value, visible=there),
            go: gr.update(visible=there),
            seed: gr.update(visible=there),
        }

    def see(
        architecture: str,
        name: str,
        key: str | None,
        words: str,
        canvas: Mapping[str, Any] | None,
        far: float | None,
        chance: float | None,
        *files: str | None,
    ) -> Iterator[str]:
        if not key:
            raise ModelNotAvailable("There are no weights of it yet.", hint="Train one, below.")
        yield WORKING  # torch takes seconds to come the first time
        chosen, folder = lab_looks.found(runs, key, name)
        first, second = (Path(file) if file else None for file in files)
        given = Given(
            text=words or "",
            picture=lab_looks.read_picture(first) if first and {"picture", "paint"} & set(chosen.takes) else None,
            other=lab_looks.read_picture(second) if second and "other" in chosen.takes else None,
            mask=_mask(canvas) if "paint" in chosen.takes else None,
            amount=far if chosen.amount else None,
            seed=int(chance or 0),
            home=lab.data_folder(),
        )
        parts: list[str] = []
        growing = False
        for exhibit in lab_looks.shown(chosen, folder, given):
            if growing:
                parts.pop()
            parts.append(exhibit_html(exhibit))
            growing = grows(exhibit)
            yield f'<div class="exhibits">{"".join(parts)}</div>'

    outputs = [
        heading,
        choice,
        about,
        text,
        painted,
        amount,
        seed,
        go,
        stop,
        *(own.row for own in pictures.values()),
    ]

    def canvas(architecture: str, name: str, key: str | None, file: str | None = None) -> Any:
        chosen = look_of(architecture, name)
        if not key or chosen is None or "paint" not in chosen.takes:
            return gr.skip()
        if file and "picture" in chosen.takes:
            return _canvas(_enlarged(lab_looks.read_picture(Path(file))))
        example = lab_looks.canvas(runs, key, name)
        return _canvas(None if example is None else _enlarged(example))

    asked = [which, choice, weights]
    files = [own.file for own in pictures.values()]
    given = [which, choice, weights, text, painted, amount, seed, *files]
    running = wire(stop, [go.click], see, given, [shown], held=[go])
    text.submit(None, js="() => document.querySelector('#lab-look-go').click()", **QUICK)
    at_once(choice.input, picked, [which, choice], outputs, cleared=[shown], held=[go], cancels=running)
    for changed in (weights.change, choice.input):
        changed(told(canvas), [*asked, pictures["picture"].file], [painted], trigger_mode="always_last", **STALE)
    pictures["picture"].wire(painted, canvas, asked)
    pictures["other"].wire()
    return LookPart(outputs, choose, running, choice, go, shown)


_PICTURES = {"picture": "Your own picture …", "other": "Another one …"}
"""What a look takes → the button for it."""


class _Own:
    """A picture of a person's own: a button, what was read of it, and the way back to the example."""

    def __init__(self, name: str, words: str, visible: bool) -> None:
        self.file = gr.State(None)
        with gr.Row(elem_classes="actions", visible=visible) as self.row:
            self._button = gr.UploadButton(words, file_count="single", size="md", elem_id=f"lab-look-{name}")
            self._clear = gr.Button("Use an example", size="md", visible=False, elem_id=f"lab-look-{name}-clear")
        with self.row:
            self._seen = gr.HTML(apply_default_css=False, elem_id=f"lab-look-{name}-seen")

    def wire(
        self, canvas: gr.ImageEditor | None = None, example: Callable[..., Any] | None = None, asked: Sequence[Any] = ()
    ) -> None:
        """canvas: what it is put on to be painted over; example: what is there without it, of `asked`."""
        on = [canvas] if canvas is not None else []

        def opened(path: str) -> list[Any]:
            from demos.grids import png

            small = _enlarged(lab_looks.read_picture(Path(path)))
            said = f'<div class="given-picture"><img src="{png_source(png(small))}" alt="Your picture"></div>'
            return [path, said, gr.update(visible=True), *([_canvas(small)] if on else [])]

        def cleared(*values: Any) -> list[Any]:
            return [None, "", gr.update(visible=False), *([example(*values)] if on and example else [])]

        outputs = [self.file, self._seen, self._clear, *on]
        self._button.upload(told(opened), [self._button], outputs, **QUICK)
        self._clear.click(told(cleared), list(asked), outputs, **QUICK)


def _choices(architecture: str) -> list[tuple[str, str]]:
    return [(each.title, each.name) for each in looks(architecture)]


def _about(chosen: Look) -> str:
    return f"<p>{chosen.told}</p>"


def _brush(chosen: Look) -> gr.Brush:
    return gr.Brush(default_size=chosen.brush * CANVAS // 28, colors=["#0d9488"], color_mode="fixed")


def _enlarged(picture: Any) -> Image.Image:
    """(1 or 3, 28, 28) uint8 on the canvas."""
    values = picture.permute(1, 2, 0).numpy()
    image = Image.fromarray(values if values.shape[2] == 3 else values[:, :, 0]).convert("RGB")
    return image.resize((CANVAS, CANVAS), Image.Resampling.NEAREST)


def _canvas(picture: Image.Image | None) -> Image.Image:
    """What is painted on, black without a picture."""
    return picture or Image.new("RGB", (CANVAS, CANVAS))


def _mask(canvas: Mapping[str, Any] | None) -> Any:
    """What was painted, (28, 28) bool; None where nothing was."""
    import torch

    layers = [layer for layer in (canvas or {}).get("layers") or [] if layer is not None]
    if not layers:
        return None
    alpha = np.max([np.asarray(layer.convert("RGBA").resize((CANVAS, CANVAS)))[:, :, 3] for layer in layers], axis=0)
    cells = alpha.reshape(28, CANVAS // 28, 28, CANVAS // 28).mean((1, 3))
    return torch.from_numpy(cells > 64) if (cells > 64).any() else None
