"""A run's card with its buttons, and what these do wherever runs are listed."""

from __future__ import annotations

import html
from collections.abc import Sequence

import gradio as gr

from assistant.errors import UserError
from assistant.placement import gb
from assistant.run import Run, Status
from assistant.runs import Runs
from ui.amounts import span


def buttons_html(run: Run, wanted: Sequence[tuple[str, str]]) -> str:
    """A button for each (kind, label); what cannot be undone asks first."""
    return "".join(
        f'<button type="button" data-act="{kind}"{" data-asks" if kind == "delete" else ""} '
        f'aria-label="{html.escape(f"{label} {run.title}")}">{label}</button>'
        for kind, label in wanted
    )


def card_html(
    run: Run, status: Status, buttons: str, about: str, inside: str, figures: Sequence[str] = (), *, unit: str = "step "
) -> str:
    """A run as a card: its name, what can be done with it, how far it is, what was asked for, what went wrong.

    about: plain text. inside: HTML below all that. figures: more to be said of how far it is.
    """
    facts = [status.doing if status.state.alive and status.doing else status.state.value]
    if status.steps and (unit or status.state.alive):
        facts.append(f"{unit}{status.step:,} of {status.steps:,}")
    facts.append(span(status.seconds))
    if status.state.alive and status.eta_seconds:
        facts.append(f"{span(status.eta_seconds)} left")
    facts += figures
    bar = f'<progress value="{status.step}" max="{max(status.steps, 1)}"></progress>' if status.state.alive else ""
    trouble = f"{status.message} {status.hint}".strip()
    told = f'<div class="why no" role="alert">{html.escape(trouble)}</div>' if status.message else ""
    return (
        f'<div class="model run" data-key="{html.escape(run.id)}"><div class="name">{html.escape(run.title)}</div>'
        f'<div class="does">{buttons}</div>'
        f'<div class="facts">{html.escape(" · ".join(facts))}{bar}</div>'
        f'<div class="facts">{html.escape(about)} · <code>{html.escape(run.id)}</code></div>{told}{inside}</div>'
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
