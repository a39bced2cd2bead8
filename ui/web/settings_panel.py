"""The panel at the right of the chat: who answers, in what part, and how words are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import gradio as gr

from assistant import sources
from assistant.engines.protocol import Sampling
from assistant.errors import ParleyError
from assistant.service import Assistant
from assistant.settings import ChatSettings, presets, sampling_from
from ui.web.events import QUICK, told

RANGES = {  # field of Sampling: the slider's minimum, maximum and step
    "temperature": (0, 2, 0.05),
    "top_p": (0.05, 1, 0.05),
    "top_k": (0, 200, 1),
    "min_p": (0, 1, 0.01),
    "repeat_penalty": (0.8, 2, 0.05),
    "max_tokens": (16, 4096, 16),
}
NAMES = ("model", "beside", "preset", "system_prompt", *RANGES, "seed", "probabilities")
"""The controls in their order: fields of ChatSettings and of Sampling."""
NOBODY = ""


def build_settings(assistant: Assistant) -> dict[str, Any]:
    """Lay out the controls inside the current Blocks; by name."""
    help_of = {f.name: f.metadata["help"] for f in fields(Sampling)}
    known = model_choices(assistant)
    # What they hold counts for whoever asks before the page has loaded its settings.
    first = ChatSettings()
    sampling = asdict(suggested_sampling(assistant, None, first.preset))
    controls: dict[str, Any] = {
        "model": gr.Dropdown(known, label="Model", elem_id="model", interactive=True, allow_custom_value=True),
        "preset": gr.Dropdown(
            [(preset.title, key) for key, preset in presets().items()],
            value=first.preset,
            label="Part to play",
            elem_id="preset",
        ),
        "system_prompt": gr.Textbox(
            first.instructions, label="Instructions (system prompt)", lines=3, max_lines=10, elem_id="system"
        ),
        "probabilities": gr.Checkbox(
            label="Show how sure the model is",
            info="Tints each word of new replies: red words are guesses. Slows the reply a little.",
            elem_id="confidence",
        ),
    }
    with gr.Accordion("Two models side by side", open=False):
        controls["beside"] = gr.Dropdown(
            [("Off", NOBODY), *known],
            value=NOBODY,
            label="Second model",
            info="Answers each question too. A base model beside its tuned twin shows what the tuning did.",
            elem_id="beside",
            allow_custom_value=True,
        )
    with gr.Accordion("How words are drawn", open=False):
        for name, (least, most, step) in RANGES.items():
            label = name.replace("_", " ").capitalize()
            controls[name] = gr.Slider(
                least, most, value=sampling[name], step=step, label=label, info=help_of[name], elem_id=name
            )
        controls["seed"] = gr.Number(
            value=None, label="Seed", info=help_of["seed"], precision=0, minimum=0, elem_id="seed"
        )
    reset = [controls[name] for name in RANGES]

    def suggested(model: str, preset: str) -> list[Any]:
        sampling = asdict(suggested_sampling(assistant, model, preset))
        return [sampling[name] for name in RANGES]

    def instructions(preset: str) -> str:
        return presets()[preset].system_prompt

    controls["model"].input(told(suggested), [controls["model"], controls["preset"]], reset, **QUICK)
    controls["preset"].input(told(suggested), [controls["model"], controls["preset"]], reset, **QUICK)
    controls["preset"].input(instructions, [controls["preset"]], [controls["system_prompt"]], **QUICK)
    return controls


def model_choices(assistant: Assistant) -> list[tuple[str, str]]:
    """The chat models that are on this machine, the best first."""
    here = [e for e in assistant.catalogue if "chat" in e.tasks and sources.locate(e)]
    return [(e.title, e.key) for e in sorted(here, key=lambda e: -e.parameters)]


def suggested_sampling(assistant: Assistant, model: str | None, preset: str) -> Sampling:
    """What the model's card and the preset recommend."""
    part = presets().get(preset)
    return assistant.sampling(model or None, part.sampling if part else {})


def to_settings(values: Sequence[Any]) -> ChatSettings:
    """The controls' values, in the order of NAMES, as settings. Raises BadSettings for values out of range."""
    given = dict(zip(NAMES, values, strict=True))
    sampling = {name: given[name] for name in (*RANGES, "seed") if given[name] is not None}
    sampling_from(sampling)
    return ChatSettings(
        model=given["model"] or None,
        beside=given["beside"] or None,
        preset=given["preset"] or "assistant",
        system_prompt=given["system_prompt"] or "",
        sampling=sampling,
        probabilities=bool(given["probabilities"]),
    )


def to_values(assistant: Assistant, settings: ChatSettings) -> list[Any]:
    """Updates that make the controls show `settings`."""
    model = settings.model or assistant.default_model()
    try:
        sampling = asdict(
            sampling_from(asdict(suggested_sampling(assistant, model, settings.preset)), settings.sampling)
        )
    except ParleyError:  # the model has gone from the catalogue, or its values from the range
        sampling = asdict(Sampling())
    known = model_choices(assistant)
    here = known if model in [key for _, key in known] else [*known, (model, model)]
    shown: dict[str, Any] = {name: sampling[name] for name in (*RANGES, "seed")} | {
        "model": gr.update(choices=here, value=model),
        "beside": gr.update(choices=[("Off", NOBODY), *known], value=settings.beside or NOBODY),
        "preset": settings.preset if settings.preset in presets() else "assistant",
        "system_prompt": settings.instructions,
        "probabilities": settings.probabilities,
    }
    return [shown[name] for name in NAMES]
