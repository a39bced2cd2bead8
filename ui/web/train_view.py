"""What the train page shows of data and of a dry run, as HTML."""

from __future__ import annotations

import html
from itertools import islice
from typing import TYPE_CHECKING

from assistant.placement import gb, has_bytes
from assistant.run import State, Status
from ui.amounts import span
from ui.outcomes import lasting

if TYPE_CHECKING:
    from assistant.hardware import Machine
    from finetune.lint import Report
    from finetune.masking import Seen
    from finetune.settings import Settings

FINDINGS = 12
"""Of a file, that are listed."""
MOST_CHARACTERS = 1500
"""Of a row, that are shown."""


def lint_html(report: Report) -> str:
    """What the file teaches, and what is wrong with it, each finding with its rows."""
    shape = report.format
    said = (
        f"<b>{report.rows:,} rows</b>, {len(report.kept):,} to train on. Read as {html.escape(shape.name)} "
        f"({html.escape(', '.join(shape.columns))}), for {' or '.join(report.methods)}."
    )
    items: list[str] = []
    for each in report.findings[:FINDINGS]:
        rows = ", ".join(f"{number:,}" for number in each.rows) + (" …" if each.count > len(each.rows) else "")
        mark = "left out" if each.dropped else "look at"
        items.append(
            f'<li><span class="{"flaw" if each.dropped else "doubt"}">{mark}</span> <b>{each.count:,}</b> '
            f"{html.escape(each.about)}: {html.escape(each.said)} <small>(rows {rows})</small></li>"
        )
    listed = f"<ul>{''.join(items)}</ul>" if items else "<p><small>Nothing odd was found.</small></p>"
    button = '<p class="does"><button type="button" data-act="clean">Go on with a cleaned copy</button></p>'
    offered = button if 0 < len(report.kept) < report.rows else ""
    return f'<div class="result lint" data-key="rows"><p>{said}</p>{listed}{offered}</div>'


def mask_html(seen: Seen, count: int, max_length: int) -> str:
    """The first rows as the model reads them: what is trained, only read, or cut off."""
    whole = max(1, sum(seen.counts.tokens.values()))
    shares = ", ".join(f'<span class="{part}">{part} {n / whole:.0%}</span>' for part, n in seen.counts.tokens.items())
    warned = ""
    if seen.counts.unlearnt:
        warned += (
            f'<p class="flaw">Nothing would be learnt of {len(seen.counts.unlearnt):,} rows: they are too long.</p>'
        )
    if seen.counts.cut:
        warned += (
            f"<p><small>{seen.counts.cut:,} rows are longer than {max_length:,} tokens and lose their end; "
            f"the longest has {seen.counts.longest:,}.</small></p>"
        )
    shown = "".join(
        "<pre dir=auto>"
        + "".join(
            f'<span class="{part}">{html.escape(text)}</span>'
            for text, part in islice(row.spans(max_length), 200)
            if text
        )[: MOST_CHARACTERS * 4]
        + "</pre>"
        for row in seen.rows[:count]
    )
    return f'<details class="masks" open><summary>What is learnt of a row: {shares}</summary>{warned}{shown}</details>'


def dry_run_html(status: Status, settings: Settings, machine: Machine) -> str:
    """What a run would take; or why it cannot be, with what would fit."""
    if status.state is not State.FINISHED:
        from finetune.preflight import smaller

        killed = status.state is State.INTERRUPTED
        message = "It was killed: there is too little memory for it." if killed else status.message
        hint = smaller(settings) if killed else status.hint
        return f'<div class="pull bad" role="alert">{html.escape(message)} {html.escape(hint)}</div>'
    found = status.figures
    free = has_bytes(machine, machine.device)
    fits = found["peak_bytes"] <= free
    pace = f", {found['tokens_per_second']:,.0f} tokens a second" if found["tokens_per_second"] else ""
    parts = lasting(found)
    each = f" ({html.escape(', '.join(parts))})" if parts else f" of {found['seconds_per_step']:.1f} s{pace}"
    refused = "" if fits else f"<b>It does not fit into memory.</b> {html.escape(status.hint)}<br>"
    return (
        f'<div class="pull{"" if fits else " bad"}" role="{"status" if fits else "alert"}">{refused}'
        f"<b>About {span(found['eta_seconds'])}</b> for {found['steps']:,.0f} steps{each}. "
        f"Memory {gb(found['peak_bytes'])} at its peak, {gb(free)} free. Disk {gb(found['disk_bytes'])}.</div>"
    )
