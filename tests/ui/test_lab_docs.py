"""Every command of docs/lab.md is one that there is, with settings, looks and options that there are."""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path

import pytest
import typer

from demos.architectures import ARCHITECTURES, architecture
from demos.looks import look
from finetune.settings import read_pairs, settings_from
from ui.cli import SUBCOMMANDS
from ui.lab_looks import refuse_unused

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"


def commands() -> list[str]:
    """Each line of the page's blocks that begins with the program."""
    blocks = PAGE.read_text("utf-8").split("```")[1::2]
    return [line for block in blocks for line in block.splitlines() if line.startswith("parley ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_page_parses(line: str) -> None:
    _, first, *words = shlex.split(line, comments=True)
    command = typer.main.get_command(import_module(SUBCOMMANDS[first].module).app)
    names = [first]
    while (inner := getattr(command, "commands", {})) and words:
        command = inner[words[0]]
        names.append(words.pop(0))
    given = command.make_context(" ".join(names), list(words)).params
    if names == ["lab", "train"] and given["architecture"] in ARCHITECTURES:
        settings_from(architecture(given["architecture"]).config_class(), read_pairs(given["pairs"] or []))
    if names == ["lab", "look"] and given["name"]:
        chosen = look(given["what"], given["name"])
        refuse_unused(chosen, **{name: given[name] for name in ("text", "picture", "other", "mask", "amount")})


def test_there_are_commands_on_the_page() -> None:
    assert len(commands()) > 12
