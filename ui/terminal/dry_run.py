"""What a training run would take, from three real steps of it, as the terminal says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from ui.amounts import span
from ui.outcomes import lasting
from ui.terminal.model_facts import size
from ui.terminal.output import write_json
from ui.terminal.watching import follow, refuse_failure

if TYPE_CHECKING:
    from finetune.settings import Settings


def measured(method: str, settings: Settings, *, as_json: bool) -> None:
    """Make the steps in a process of their own, and print what they took.

    Raises ModelTooLarge where memory would not hold the run, RunError where the steps failed.
    """
    from assistant.errors import ModelTooLarge
    from assistant.hardware import detect
    from assistant.placement import has_bytes
    from assistant.runs import Runs
    from finetune.methods import create

    machine = detect()
    free = has_bytes(machine, machine.device)
    with TemporaryDirectory(prefix="parley-dry-run-") as folder:
        runs = Runs(Path(folder))
        run = create(runs, method, settings)
        runs.start(run)
        try:
            follow(runs, run)
        finally:
            runs.kill(run)
        refuse_failure(run, settings)
        status = run.status()
    found, peak = status.figures, int(status.figures["peak_bytes"])
    if as_json:
        write_json({**found, "free_bytes": free, "fits": peak <= free, "hint": "" if peak <= free else status.hint})
    else:
        _say(found, free)
    if peak > free:
        raise ModelTooLarge(f"It does not fit: {size(peak)} at its peak, {size(free)} free.", hint=status.hint)


def _say(found: Mapping[str, float], free: int) -> None:
    typer.echo(f"memory   {size(int(found['peak_bytes']))} at its peak, {size(free)} free")
    parts = lasting(found)
    if not parts:
        pace = f", {found['tokens_per_second']:,.0f} tokens/s" if found["tokens_per_second"] else ""
        typer.echo(f"pace     {found['seconds_per_step']:.2f} s a step{pace}")
    typer.echo(f"time     {span(found['eta_seconds'])} for {found['steps']:,.0f} steps, measuring and saving apart")
    for part in parts:
        typer.echo(f"         {part}")
    typer.echo(f"disk     {size(int(found['disk_bytes']))}")
