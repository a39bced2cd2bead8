"""`parley export`: what was trained, as files that others take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


class Form(StrEnum):
    """gguf: a whole model for llama.cpp. merged: one for transformers, safetensors. adapter: PEFT's folder."""

    MERGED = "merged"
    GGUF = "gguf"
    ADAPTER = "adapter"


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="A run's id, or the folder of an adapter.")],
    to: Annotated[
        Form,
        typer.Option("--to", help="gguf: for llama.cpp; merged: safetensors, for transformers; adapter: as it is."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Else named after the model, here.")] = None,
    type: Annotated[str, typer.Option(help="Of a GGUF's weights: f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0.")] = "q8_0",
    check: Annotated[bool, typer.Option(help="Compare its answers with the model's before it is left there.")] = True,
    converter: Annotated[
        Path | None, typer.Option(metavar="FILE", help="llama.cpp's convert_hf_to_gguf.py, for a base that is no GGUF.")
    ] = None,
    push_to: Annotated[
        str | None, typer.Option("--push", metavar="NAME/MODEL", help="Put it on the Hub as well, in private.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a program can read.")] = False,
) -> None:
    """Write a model that was tuned as files: merged safetensors, or a GGUF.

    Examples:

    parley export RUN --to gguf

    parley export RUN --to merged --output my-model --push me/my-model
    """
    from contextlib import closing
    from dataclasses import asdict

    from assistant.service import Assistant
    from finetune import export as exporting
    from finetune import pushing
    from ui.terminal.model_facts import size
    from ui.terminal.output import note, waiting, write_json

    if push_to:
        pushing.require_target(push_to)
    with closing(Assistant()) as assistant, waiting("reading the model") as saying:
        done = exporting.export(
            assistant, model, to.value, output, type=type, check=check, converter=converter, tell=saying
        )
        address = ""
        if push_to:
            saying(f"uploading to {push_to}")
            address = pushing.push(done.path, push_to)
    if as_json:
        parity = asdict(done.parity) if done.parity else None
        write_json({"path": str(done.path), "bytes": done.bytes, "parity": parity, "hub": address or None})
        return
    if done.parity:
        note(f"Beside the model that was trained: {done.parity}.", style="dim")
    note(f"{size(done.bytes)}{f', on the Hub: {address}' if address else ''}", style="dim")
    typer.echo(done.path)
