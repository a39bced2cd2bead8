"""Models on their way: a bar for each with bytes and time left, on every page."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from assistant.pulls import PullStatus
from assistant.service import Assistant
from ui.web.events import QUICK
from ui.web.settings_panel import NOBODY, model_choices

POLL_SECONDS = 1.0


def watch_downloads(assistant: Assistant, banner: gr.HTML, model: gr.Dropdown, beside: gr.Dropdown) -> None:
    """Keep the banner up to date while something arrives; the pickers learn of what has arrived."""
    timer = gr.Timer(POLL_SECONDS)
    known = gr.State(list[str]())

    def look(before: list[str]) -> dict[Any, Any]:
        statuses = assistant.pulls.all()
        arriving = any(status.running for status in statuses)
        choices = model_choices(assistant)
        keys = [key for _, key in choices]
        updates: dict[Any, Any] = {
            banner: pulls_html(assistant, statuses),
            timer: gr.Timer(POLL_SECONDS, active=arriving or not keys),
            known: keys,
        }
        if before and keys != before:
            updates |= {model: gr.update(choices=choices), beside: gr.update(choices=[("Off", NOBODY), *choices])}
        return updates

    timer.tick(look, [known], [banner, timer, known, model, beside], **QUICK)


def pulls_html(assistant: Assistant, statuses: list[PullStatus]) -> str:
    """What runs, what failed, and what has arrived since the page opened."""
    return (
        f'<div class="pulls" role="status">{"".join(pull_html(assistant, s) for s in statuses)}</div>'
        if statuses
        else ""
    )


def pull_html(assistant: Assistant, status: PullStatus) -> str:
    """One pull as a line with a bar."""
    entry = assistant.catalogue.find(status.key)
    title = html.escape(entry.title)
    if status.error:
        return f'<div class="pull bad" role="alert">{title}: {html.escape(str(status.error))}</div>'
    if not status.running:
        then = " New conversations use the best model on this machine." if "chat" in entry.tasks else ""
        return f'<div class="pull">{title} is here.{then}</div>'
    progress = status.progress
    if progress is None or not progress.bytes_total:
        return f'<div class="pull">{title}: getting ready…<progress></progress></div>'
    done, total = progress.bytes_done / 1e6, progress.bytes_total / 1e6
    left = f", {time_left(progress.eta_seconds)} left" if progress.eta_seconds is not None else ""
    speed = f", {progress.bytes_per_second / 1e6:.1f} MB/s" if progress.bytes_per_second else ""
    return (
        f'<div class="pull">{title} · {progress.stage} {done:,.0f} of {total:,.0f} MB{speed}{left}'
        f'<progress max="{progress.bytes_total}" value="{progress.bytes_done}"></progress></div>'
    )


def time_left(seconds: float) -> str:
    """Seconds in words: 45 s, 3 min, 1 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
