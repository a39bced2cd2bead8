"""Models that are loaded at the same time in a process that has imported nothing yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.assistant.embedded import embedded

LOAD = """
import threading
from assistant.engines.protocol import Capability
from assistant.service import Assistant

assistant, together, failed = Assistant(), threading.Barrier(3), []

def load(model, capability):
    together.wait()
    try:
        assistant.engine(model, capability=capability)
    except Exception as error:
        failed.append(f"{model}: {error}")

threads = [threading.Thread(target=load, args=each) for each in (
    ("all-minilm-l6-v2", Capability.EMBED),
    ("parley-sentiment", Capability.CLASSIFY),
    ("parley-t5", Capability.TEXT2TEXT),
)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*failed, sep="\\n")
"""


@pytest.mark.model
def test_several_first_models_at_once() -> None:
    embedded("all-minilm-l6-v2")
    found = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=300
    )
    assert (found.returncode, found.stdout.strip()) == (0, ""), found.stderr[-2000:]
