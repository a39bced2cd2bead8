"""Which weights of the lab there are to choose from: Parley's own, and those of trainings."""

from __future__ import annotations

from itertools import islice
from typing import Any

import gradio as gr

from assistant.run import Run
from assistant.runs import Runs
from demos.architectures import ARCHITECTURES
from ui import lab

LISTED = 20
NONE_YET = "None yet: train one, under Architectures"


def trainings(runs: Runs) -> list[Run]:
    """The newest of the lab's."""
    known = (run for run in runs if run.kind == lab.KIND and run.settings.get("architecture") in ARCHITECTURES)
    return list(islice(known, LISTED))


def refreshed(runs: Runs, name: str, now: str | None = None) -> Any:
    """The same while one may just be choosing: what is chosen stays untouched if it is still there."""
    update = weights_of(runs, name, now)
    return {key: value for key, value in update.items() if key != "value" or value != now}


def weights_of(runs: Runs, name: str, kept: str | None = None) -> Any:
    """What a list of an architecture's weights becomes. kept: what stays chosen if it is still there."""
    shipped = [("Parley's own", name)] if ARCHITECTURES[name].shipped.is_dir() else []
    done = [run for run in trainings(runs) if run.settings["architecture"] == name and lab.has_weights(run)]
    choices = [*shipped, *((f"{run.title} ({run.id[:15]})", run.id) for run in done)]
    keys = [key for _, key in choices]
    value = kept if kept in keys else next(iter(keys), None)
    return gr.update(choices=choices, value=value, info="" if choices else NONE_YET)
