"""The models page: what is here, what can be had, whether it fits this machine, and the button that fetches it."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from assistant import sources
from assistant.catalogue import ModelEntry
from assistant.errors import ParleyError, UserError
from assistant.service import Assistant
from ui.web import theme
from ui.web.downloads import POLL_SECONDS, pull_html
from ui.web.events import QUICK, event_data, told

ROLES = (  # task, heading
    ("chat", "Chat"),
    ("translate", "Translation"),
    ("summarize", "Summaries"),
    ("sentiment", "Sentiment"),
    ("embed", "Search and similarity"),
    ("text-to-image", "Text to image"),
)


def build_models(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    with gr.Row(elem_classes="models"):
        other = gr.Textbox(
            placeholder="Another model: a Hub id like Qwen/Qwen3-0.6B, or a folder or .gguf file of this machine",
            show_label=False,
            label="Another model",
            container=False,
            elem_id="other-model",
        )
    found = gr.HTML(apply_default_css=False, elem_id="found-model", js_on_load=theme.script("acts"))
    listed = gr.HTML(apply_default_css=False, elem_id="model-list", js_on_load=theme.script("acts"))
    timer = gr.Timer(POLL_SECONDS)

    def look() -> dict[Any, Any]:
        running = any(status.running for status in assistant.pulls.all())
        return {listed: models_html(assistant), timer: gr.Timer(POLL_SECONDS, active=running)}

    def search(name: str) -> str:
        return (
            f'<div class="models">{model_html(assistant, assistant.catalogue.find(name.strip()))}</div>'
            if name.strip()
            else ""
        )

    def act(event: gr.EventData) -> dict[Any, Any]:
        data = event_data(event)
        entry = assistant.catalogue.find(str(data.get("key", "")))
        match data.get("kind"):
            case "pull":
                assistant.pulls.start(entry)
            case "cancel":
                assistant.pulls.cancel(entry.key)
            case "remove":
                freed = assistant.remove_model(entry.key)
                gr.Info(f"{html.escape(entry.title)} is gone; {freed / 1e6:,.0f} MB are free again.")
            case kind:
                raise UserError(f"There is nothing called {kind!r} to do here.")
        return look() | {timer: gr.Timer(POLL_SECONDS, active=True)}

    page.load(told(look), None, [listed, timer], **QUICK)
    timer.tick(told(look), None, [listed, timer], **QUICK)
    other.submit(told(search), [other], [found], **QUICK)
    for part in (found, listed):
        part.act(told(act), None, [listed, timer], **QUICK)


def models_html(assistant: Assistant) -> str:
    """Every model of the catalogue, under the first role that it serves; those that are here first."""
    sections: list[str] = []
    seen: set[str] = set()
    for task, heading in ROLES:
        entries = [e for e in assistant.catalogue if task in e.tasks and e.key not in seen]
        seen |= {e.key for e in entries}
        ordered = sorted(entries, key=lambda e: (sources.locate(e) is None, not e.embedded, e.memory_bytes))
        if ordered:
            sections.append(f"<h2>{heading}</h2>{''.join(model_html(assistant, e) for e in ordered)}")
    return f'<div class="models">{"".join(sections)}</div>'


def model_html(assistant: Assistant, entry: ModelEntry) -> str:
    """One model: what it is, whether it fits, and what can be done with it."""
    try:
        choice = assistant.explain(entry.key)
        fits, why = choice.fits, choice.reason if choice.fits else choice.advice
    except ParleyError:  # it does not generate text: a translator, say, runs by other means
        fits, why = True, ""
    status = assistant.pulls.status(entry.key)
    here = sources.find_installed(entry) if entry.local_path is None else None
    facts = [
        entry.family.value,
        f"{entry.parameters / 1e9:.2g}B parameters" if entry.parameters else "",
        f"{entry.download_bytes / 1e6:,.0f} MB" if entry.download_bytes else "",
        f"{entry.context_length:,} tokens of context" if entry.context_length else "",
        entry.licence,
    ]
    arriving = pull_html(assistant, status) if status and (status.running or status.error) else ""
    return (
        f'<div class="model" data-key="{html.escape(entry.key)}"><div class="name">{html.escape(entry.title)} '
        f"{'<span class=here>on this machine</span>' if here else ''}</div>"
        f'<div class="does">{does(entry, here is not None, status is not None and status.running)}</div>'
        f'<div class="facts">{html.escape(entry.description)}</div>'
        f'<div class="facts">{html.escape(" · ".join(fact for fact in facts if fact))} · '
        f"<code>{html.escape(entry.key)}</code></div>"
        f'<div class="why{"" if fits else " no"}">{html.escape(why)}</div>'
        f"{arriving}</div>"
    )


def does(entry: ModelEntry, here: bool, arriving: bool) -> str:
    """The one button that makes sense now."""
    if entry.shipped or not (arriving or here or entry.sources):
        return ""
    act, label = ("cancel", "Cancel") if arriving else ("remove", "Remove") if here else ("pull", "Fetch")
    name = html.escape(f"{label} {entry.title}")
    asks = " data-asks" if act == "remove" else ""
    return f'<button type="button" data-act="{act}"{asks} aria-label="{name}">{label}</button>'
