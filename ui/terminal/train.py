"""`parley train`: tune a model on one's own rows, in a process of its own that the terminal watches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)
METHOD_HELP = "sft, classifier, seq2seq, dpo, kto, reward, rlhf or rlhf-loop: docs/fine-tuning.md has each."


@app.command()
def train(
    method: Annotated[str, typer.Argument(help=METHOD_HELP)],
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings: data=rows.jsonl")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="YAML settings; KEY=VALUE goes over them.")
    ] = None,
    base: Annotated[str | None, typer.Option(metavar="MODEL", help="Another name of model=….")] = None,
    preferences: Annotated[str | None, typer.Option(metavar="FILE", help="Another name of data=…, for pairs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it will take, from three real steps.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it and return; `parley runs watch` follows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object when it is done.")] = False,
) -> None:
    """Tune a model on your own data. Ctrl-C pauses the run; `parley runs resume` goes on with it.

    Examples:

    parley train sft data=answers.jsonl

    parley train sft --config sft.yaml model=qwen2.5-coder-1.5b-instruct learning_rate=1e-4

    parley train rlhf-loop --base smollm2-135m-instruct --preferences prefs.jsonl
    """
    from dataclasses import replace

    from assistant.runs import Runs
    from finetune.methods import method as find
    from finetune.settings import read_pairs, read_yaml, settings_from
    from ui.terminal.watching import see_through
    from ui.training import create

    kind = find(method).settings_class()
    named = {name: value for name, value in (("model", base), ("data", preferences)) if value}
    settings = settings_from(kind, read_yaml(config) if config else {}, named, read_pairs(pairs or [], kind))
    if dry_run:
        from ui.terminal.dry_run import measured

        measured(method, replace(settings, dry_run=True), as_json=as_json)
        return
    runs = Runs()
    run = create(runs, method, settings)
    see_through(runs, run, detach=detach, as_json=as_json)
