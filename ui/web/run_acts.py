"""The buttons of a run's card, and what they do wherever runs are listed."""

from __future__ import annotations

import html
from collections.abc import Sequence

import gradio as gr

from assistant.errors import UserError
from assistant.placement import gb
from assistant.run import Run
from assistant.runs import Runs


def buttons_html(run: Run, wanted: Sequence[tuple[str, str]]) -> str:
    """A button for each (kind, label); what cannot be undone asks first."""
    return "".join(
        f'<button type="button" data-act="{kind}"{" data-asks" if kind == "delete" else ""} '
        f'aria-label="{html.escape(f"{label} {run.title}")}">{label}</button>'
        for kind, label in wanted
    )


def do(runs: Runs, run: Run, kind: object) -> None:
    """Pause, resume, stop or delete a run. Raises RunError, UserError for anything else."""
    match kind:
        case "pause":
            runs.pause(run)
        case "resume":
            runs.start(run)
        case "stop":
            runs.stop(run)
        case "delete":
            gr.Info(f"{gb(runs.delete(run))} are free again.")
        case _:
            raise UserError(f"There is nothing called {kind!r} to do here.")
