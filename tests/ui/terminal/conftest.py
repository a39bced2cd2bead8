"""What the tests of the terminal share: a model that seems to be here, and the command line run in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.ui.terminal import fake_parley
from ui import cli
from ui.terminal import start

ROOT = Path(__file__).parents[3]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("PARLEY_MODELS", str(folder))
    return folder


@pytest.fixture
def fake(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A model that is here, run by the fake engine; call it with a reply to have that said."""
    fake_parley.put_model(models)

    def say(reply: object = None, seconds_per_token: float = 0.0) -> None:
        monkeypatch.setattr(start, "make_assistant", fake_parley.maker(reply, seconds_per_token))

    say()
    return say


@pytest.fixture
def parley() -> Callable[..., Result]:
    """Run the command line in this process: parley("chat", "hi", input=…)."""

    def run(*words: str, input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli.app, list(words), input=input)

    return run


@pytest.fixture
def program(fake: Callable[..., None]) -> tuple[list[str], dict[str, str]]:
    """(the words that start `parley` with the fake engine as a program, its environment)."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "TERM": "xterm-256color",
    }
    return [sys.executable, "-m", "tests.ui.terminal.fake_parley"], environment
