"""What the train page shows of data and of a dry run, as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

from assistant.placement import gb, has_bytes
from assistant.run import State, Status
from ui.amounts import rows, span
from ui.outcomes import lasting

if TYPE_CHECKING:
    from assistant.hardware import Machine
    from finetune.lint import Report
    from finetune.masking import Seen
    from finetune.masks import Part
    from finetune.settings import Settings

FINDINGS = 12
"""Of a file, that are listed."""
MOST_CHARACTERS = 4000
"""Of a row's text, that are shown."""


def lint_html(report: Report) -> str:
    """What the file teaches, and what is wrong with it, each finding with its rows."""
    shape = report.format
    said = (
        f"<b>{report.rows:,} rows</b>, {len(report.kept):,} to train on. Read as {html.escape(shape.name)} "
        f"({html.escape(', '.join(shape.columns))}), for {' or '.join(report.methods)}."
    )
    items: list[str] = []
    for each in report.findings[:FINDINGS]:
        mark = "left out" if each.dropped else "look at"
        items.append(
            f'<li><span class="{"flaw" if each.dropped else "doubt"}">{mark}</span> <b>{each.count:,}</b> '
            f"{html.escape(each.about)}: {html.escape(each.said)} <small>({rows(each.rows)})</small></li>"
        )
    listed = f"<ul>{''.join(items)}</ul>" if items else "<p><small>Nothing odd was found.</small></p>"
    button = '<p class="does"><button type="button" data-act="clean">Go on with a cleaned copy</button></p>'
    offered = button if 0 < len(report.kept) < report.rows else ""
    return f'<div class="result lint" data-key="rows"><p>{said}</p>{listed}{offered}</div>'


def mask_html(seen: Seen, count: int, max_length: int) -> str:
    """The first rows as the model reads them: what is trained, only read, or cut off."""
    counts = seen.counts
    whole = max(1, sum(counts.tokens.values()))
    shares = ", ".join(f'<span class="{part}">{part} {n / whole:.0%}</span>' for part, n in counts.tokens.items())
    shown = "".join(
        f"<small>row {number:,}</small><pre dir=auto>{spans_html(row.spans(max_length), MOST_CHARACTERS)}</pre>"
        for number, row in seen.rows[:count]
    )
    return (
        f'<details class="masks" open><summary>What is learnt of a row: {shares}</summary>'
        f"{_warned(seen, max_length)}{shown}</details>"
    )


def spans_html(spans: Iterable[tuple[str, Part]], most: int) -> str:
    """Pieces of a text, each with what becomes of it; `most` characters of the text, and every tag closed."""
    shown: list[str] = []
    for text, part in spans:
        if text and most > 0:
            shown.append(f'<span class="{part}">{html.escape(text[:most])}</span>')
        most -= len(text)
        if most < 0:
            return f"{''.join(shown)}…"
    return "".join(shown)


def _warned(seen: Seen, max_length: int) -> str:
    """Of which rows nothing is learnt, and why; which lose their end is a finding of the lint."""
    counts, away = seen.counts, seen.counts.cut_away
    beyond = frozenset(away)
    other = tuple(number for number in counts.unlearnt if number not in beyond)
    warned = ""
    for numbers, why in (
        (away, f"the answer lies beyond {max_length:,} tokens"),
        (other, "the model's template leaves no answer of it"),
    ):
        if numbers:
            warned += f'<p class="flaw">Nothing would be learnt of {len(numbers):,} ({rows(numbers)}): {why}.</p>'
    return warned + (f"<p><small>The longest row has {counts.longest:,} tokens.</small></p>" if counts.cut else "")


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
