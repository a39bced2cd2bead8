"""`parley doctor`: what is here, what answers, what is wrong and what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.terminal.output import printable, waiting, write_json

if TYPE_CHECKING:
    from assistant.hardware import Machine
    from ui.terminal.checkup import Problem
    from ui.terminal.network import Answer

app = typer.Typer(add_completion=False)

FIRST_MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True)
class Report:
    """Everything that the doctor found."""

    versions: Mapping[str, str | None]
    machine: Machine | None
    disk: Mapping[str, Any]
    data: Mapping[str, Any]
    models: list[dict[str, Any]]
    hub: Answer
    index: Answer
    environment: Mapping[str, str]
    problems: list[Problem]

    @property
    def healthy(self) -> bool:
        """Nothing that Parley cannot do without is broken."""
        return not any(problem.essential for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """The object that --json prints; sizes in bytes."""
        machine = asdict(self.machine) if self.machine else {}
        memory = {"total_bytes": machine.pop("ram_bytes", None), "free_bytes": machine.pop("free_ram_bytes", None)}
        return {
            "healthy": self.healthy,
            "versions": dict(self.versions),
            "machine": machine,
            "memory": memory,
            "disk": dict(self.disk),
            "data": dict(self.data),
            "models": self.models,
            "network": {"hub": asdict(self.hub), "index": asdict(self.index)},
            "environment": dict(self.environment),
            "problems": [asdict(problem) for problem in self.problems],
        }


def examine() -> Report:
    """Look at everything; what is slow goes on in the background."""
    from concurrent.futures import ThreadPoolExecutor

    from ui.terminal import checkup, network

    with ThreadPoolExecutor(2) as background:
        asked = background.submit(network.ask)
        tried = background.submit(checkup.runtime_problems)
        versions, problems = checkup.versions()
        machine, machine_problems = checkup.machine()
        disk, disk_problems = checkup.disk()
        data, data_problems = checkup.data_folder()
        models, model_problems, can_chat = checkup.models()
        hub, index = asked.result()
        problems += [*tried.result(), *checkup.sqlite_problems(), *machine_problems]
    problems += [*disk_problems, *data_problems, *model_problems]
    if not can_chat:
        fetchable = hub.reachable or index.reachable
        fix = f"`parley models pull {FIRST_MODEL}`" + ("." if fetchable else " --from FILE takes it from a file.")
        problems.append(checkup.Problem("No chat model is here yet.", fix, essential=not fetchable))
    environment = {name: os.environ[name] for name in checkup.SETTINGS if os.environ.get(name)}
    return Report(versions, machine, disk, data, models, hub, index, environment, problems)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one object.")] = False) -> None:
    """Look at the machine and the set-up, and say what is wrong and what to do.

    Ends with 1 where something is broken that Parley cannot do without.

    Example: parley doctor --json
    """
    with waiting("Looking …"):
        report = examine()
    if as_json:
        write_json(report.to_json())
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
        for name, text in _lines(report):
            indent = " " * 12
            typer.echo(fill(f"{name:<12}{printable(text)}", width, subsequent_indent=indent, break_on_hyphens=False))
        typer.echo()
        for problem in report.problems:
            typer.echo(f"{'✗' if problem.essential else '!'} {printable(problem.what)}")
            if problem.fix:
                typer.echo(f"  → {printable(problem.fix)}")
        if not report.problems:
            typer.echo("✓ All is well.")
    if not report.healthy:
        raise typer.Exit(1)


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    """The findings for people, a name and a text each."""
    versions = dict(report.versions)
    yield "parley", versions.pop("parley", None) or "runs from its source folder"
    yield "python", versions.pop("python", None) or ""
    yield "packages", ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if machine := report.machine:
        yield "processor", f"{machine.cpu}, {machine.cores} cores, {machine.threads} threads"
        yield "memory", f"{_gb(machine.free_ram_bytes)} free of {_gb(machine.ram_bytes)}"
        for gpu in machine.gpus:
            yield "GPU", f"{gpu.name}, {_gb(gpu.free_bytes)} free of {_gb(gpu.memory_bytes)}"
        if not machine.gpus:
            yield "GPU", "none that can be used"
    yield (
        "disk",
        f"{_gb(report.disk['free_bytes'])} free of {_gb(report.disk['total_bytes'])} for {report.disk['folder']}",
    )
    size = report.data.get("database_bytes", 0)
    yield (
        "data",
        f"{report.data['folder']}, " + (f"conversations {size / 1e6:,.1f} MB" if size else "no conversations yet"),
    )
    for model in report.models:
        yield "model", f"{model['key']}, {model['bytes'] / 1e6:,.0f} MB, {model['source']}"
    for name, answer in (("Hub", report.hub), ("index", report.index)):
        state = f"answers ({answer.seconds:.1f} s)" if answer.reachable else f"not reachable: {answer.reason}"
        yield name, f"{answer.url} {state}"
    for name, value in report.environment.items():
        yield "set", f"{name}={value}"


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
