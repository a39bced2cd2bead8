"""Real weights shared by the tests of engines: loaded once a session, and only when a test asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.assistant.embedded import LlamaCpp, embedded

SMOL = "smollm2-135m-instruct"


@pytest.fixture
def smol_gguf() -> Path:
    """The embedded SmolLM2's GGUF file."""
    return embedded(SMOL)[1]


@pytest.fixture(scope="session")
def smol_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded SmolLM2 de-quantised: 20 seconds, once a session."""
    from assistant.dequantise import dequantised

    return dequantised(embedded(SMOL)[1], tmp_path_factory.mktemp("dequantised"))


@pytest.fixture(scope="session")
def llama_cpp() -> LlamaCpp:
    """llama.cpp's own server on the embedded SmolLM2."""
    return LlamaCpp(embedded(SMOL)[1])
