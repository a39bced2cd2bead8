"""A training that is killed with SIGKILL, between two steps or in the middle of a save, loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from demos import training
from tests.demos.test_training import Looking, config, trained, weights

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, time
from pathlib import Path
import torch
from demos import training
from tests.demos.test_training import config, trained

name, folder, where = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
training.SHOWN, training.LOG_SECONDS, training.SAVE_SECONDS = 1, -1.0, -1.0  # each step is told and saved
torch.set_num_threads(int(sys.argv[4]))
save = torch.save

def stay():
    print("here", flush=True)
    time.sleep(600)

def saving(packed, path):
    if where == "in a save" and packed["step"] == 4:
        path.write_bytes(b"half")
        stay()
    save(packed, path)

class Watching(training.Unwatched):
    step = 0

    def tell(self, step, steps):
        self.step = step

    def asked(self):
        if where == "between steps" and self.step == 3:
            stay()
        return ""

torch.save = saving
trained(name, folder, config(name), Watching())
"""


@pytest.mark.parametrize(
    ("name", "where"), [("rnn", "between steps"), ("gan", "between steps"), ("diffusion", "in a save")]
)
def test_a_kill_loses_nothing(name: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_SECONDS", -1.0)
    monkeypatch.setattr(training, "SHOWN", 1)
    whole = Looking()
    straight, _ = trained(name, tmp_path / "whole", config(name), whole)
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", CHILD, name, str(folder), where, str(torch.get_num_threads())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "here\n"
        finally:
            child.kill()
        assert child.wait(60) == -signal.SIGKILL
    rest = Looking()
    again, ended = trained(name, folder, config(name), rest)
    assert ended == "finished" and sorted(rest.figures) == [4, 5, 6]
    assert {step: whole.figures[step] for step in (4, 5, 6)} == rest.figures
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(again), strict=True))
