"""What first imports transformers at the same time: in a process that has imported nothing yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.assistant.embedded import embedded

AT_ONCE = """
import sys, threading, time

failed, begun = [], threading.Barrier({count})

def run(action, waits):
    begun.wait()
    while waits and "transformers" not in sys.modules:  # until another thread is in the midst of importing it
        time.sleep(0.001)
    try:
        action()
    except Exception as error:
        failed.append(f"{{type(error).__name__}}: {{error}}")

{setup}
threads = [threading.Thread(target=run, args=(action, place > 0)) for place, action in enumerate({actions})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*failed, sep="\\n")
"""
MODELS = """
from assistant.engines.protocol import Capability
from assistant.service import Assistant

assistant = Assistant()
sentiment = lambda: assistant.engine("parley-sentiment", capability=Capability.CLASSIFY)
"""
ROOMS = """
from demos.architectures import ARCHITECTURES
from finetune.masking import token_counter
from finetune.settings import Settings, settings_from
from ui import lab

drawing = ARCHITECTURES["diffusion"].module
counting = lambda: token_counter("smollm2-135m-instruct")("Two words")
schedule = lambda: settings_from(Settings, {"data": "rows.jsonl", "lr_scheduler_type": "polynomial"})
"""


def at_once(setup: str, actions: list[str]) -> str:
    """What failed of actions that run in a thread each, all but the first once transformers is being imported."""
    code = AT_ONCE.format(setup=setup, count=len(actions), actions=f"[{', '.join(actions)}]")
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr[-2000:]
    return found.stdout.strip()


@pytest.mark.model
def test_models_of_several_families_are_loaded_at_once() -> None:
    embedded("all-minilm-l6-v2")
    embeddings = 'lambda: assistant.engine("all-minilm-l6-v2", capability=Capability.EMBED)'
    t5 = 'lambda: assistant.engine("parley-t5", capability=Capability.TEXT2TEXT)'
    assert not at_once(MODELS, [embeddings, "sentiment", t5])


@pytest.mark.model
@pytest.mark.parametrize("others", [["drawing", "counting"], ["schedule", "drawing"]])
def test_every_room_begins_at_once(others: list[str]) -> None:
    pytest.importorskip("diffusers")
    embedded("smollm2-135m-instruct")
    assert not at_once(MODELS + ROOMS, ["sentiment", *others])
