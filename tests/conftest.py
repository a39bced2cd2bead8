"""What every test gets: a Parley home of its own, no telemetry, no fetching by itself."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from assistant import paths

pytest_plugins = ["tests.tiny", "tests.tiny_pipeline"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# A shell that starts the tests in the background ignores Ctrl-C for them and for every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Two workers share two cores: how long it takes to think of an example says nothing of the example.
hypothesis.settings.register_profile("busy", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.load_profile("busy")

WEIGHTS = paths.models_folder()
"""Where the embedded weights of the person running the tests are: read by the tests marked `model`, never written."""


@pytest.fixture(autouse=True)
def parley_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh, empty home for each test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PARLEY_HOME", str(folder))
    monkeypatch.setenv("PARLEY_MODELS", str(WEIGHTS))
    monkeypatch.setenv("PARLEY_AUTO_PULL", "0")
    return folder


@pytest.fixture(autouse=True)
def no_accelerator_is_left() -> Iterator[None]:
    """Accelerate keeps the first settings of a process, which in ours is many runs."""
    yield
    if (state := sys.modules.get("accelerate.state")) is not None:
        state.AcceleratorState._reset_state(True)
