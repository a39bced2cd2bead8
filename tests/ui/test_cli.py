"""The `parley` command: what it lists, that listing costs nothing, and how it ends when used wrongly."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ui import cli

HEAVY = ("torch", "transformers", "gradio", "sqlalchemy", "xllamacpp", "huggingface_hub", "pydantic", "prompt_toolkit")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom ui.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name, subcommand in cli.SUBCOMMANDS.items():
        assert name in done.stdout and subcommand.summary[:30] in done.stdout


def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
    """Every command under `command` that does something, with the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(path, command)]
    return [leaf for name, child in inner.items() for leaf in leaves(child, f"{path} {name}")]


@pytest.mark.parametrize("name", cli.SUBCOMMANDS)
def test_every_command_shows_how_it_is_used(name):
    command = typer.main.get_command(import_module(cli.SUBCOMMANDS[name].module).app)
    for path, leaf in leaves(command, f"parley {name}"):
        assert path in leaf.help, f"{path} --help gives no example"
    assert CliRunner().invoke(cli.app, [name, "--help"]).exit_code == 0


def test_usage_errors_end_with_2():
    done = CliRunner().invoke(cli.app, ["chta"])
    assert done.exit_code == 2
    assert "chat" in done.stderr and done.stdout == ""
    assert CliRunner().invoke(cli.app, ["chat", "--temperature", "warm"]).exit_code == 2


def test_version():
    done = CliRunner().invoke(cli.app, ["--version"])
    assert done.exit_code == 0 and done.stdout.startswith("parley ")


def test_ui_hands_its_options_to_the_page(monkeypatch):
    called = {}
    page = type(sys)("ui.web.app")
    page.launch = lambda **options: called.update(options)
    monkeypatch.setitem(sys.modules, "ui.web.app", page)
    assert CliRunner().invoke(cli.app, ["ui", "--port", "8080", "--no-browser"]).exit_code == 0
    options = {"host": "127.0.0.1", "port": 8080, "open_browser": False, "auth": "auto", "https": False}
    assert called == options


def test_control_c_ends_with_130(monkeypatch):
    page = type(sys)("ui.web.app")

    def launch(**_):
        raise KeyboardInterrupt

    page.launch = launch
    monkeypatch.setitem(sys.modules, "ui.web.app", page)
    done = CliRunner().invoke(cli.app, ["ui"])
    assert done.exit_code == 130 and "Traceback" not in done.output
