"""Several processes are one run: they start as Accelerate wants it, learn the same, and one of them speaks."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import finetune
from assistant.errors import BadSettings
from assistant.run import Run, State
from assistant.run_worker import Onlooker, Worker
from assistant.runs import Runs
from finetune.launching import ACCELERATE, SHARED, TORCHRUN, launcher, located, world
from finetune.methods import create, method
from finetune.settings import settings_from

GUIDE = Path(finetune.__file__).parents[1] / "docs" / "fine-tuning.md"
TWO_MACHINES = Path(finetune.__file__).parent / "configs" / "accelerate" / "two-machines.yaml"
OTHER_MACHINES = shlex.split(re.findall(r"`(accelerate launch [^`]+)`", GUIDE.read_text("utf-8"))[0])
"""What the guide says to type on the machines beside the first."""


@pytest.mark.parametrize(
    ("processes", "config", "gpus", "words"),
    [
        (None, None, 0, ()),
        (None, None, 8, ()),
        (1, None, 8, ()),
        (2, None, 0, (*TORCHRUN, "--nproc_per_node", "2")),
        (4, None, 4, (*ACCELERATE, "--multi_gpu", "--num_processes", "4")),
        (None, "zero3", 4, (*ACCELERATE, "--config_file", str(located("zero3")), "--num_processes", "4")),
        (2, "fsdp2", 4, (*ACCELERATE, "--config_file", str(located("fsdp2")), "--num_processes", "2")),
    ],
)
def test_the_launcher_is_what_the_machine_needs(
    processes: int | None, config: str | None, gpus: int, words: tuple[str, ...]
) -> None:
    assert launcher(processes, config, gpus) == words


def test_a_file_of_ones_own_says_how_many_processes(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text("num_processes: 16\nnum_machines: 2\n")
    assert launcher(None, str(path), 8) == (*ACCELERATE, "--config_file", str(path))
    with pytest.raises(BadSettings) as told:
        launcher(None, "zero_3", 8)
    assert "zero3" in told.value.hint


@pytest.mark.parametrize("name", SHARED)
def test_accelerate_reads_the_configurations(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    assert load_config_from_file(str(located(name))).num_processes >= 1


def test_accelerate_reads_that_of_two_machines() -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    read = load_config_from_file(str(TWO_MACHINES))
    assert (read.num_machines, read.num_processes, read.main_process_port) == (2, 16, 29500)
    own = {name.lstrip("-") for action in launch_command_parser()._actions for name in action.option_strings}
    assert read.fsdp_config.keys() <= own, "accelerate launch has no such option"


def test_which_process_this_is() -> None:
    assert world({}) == (0, 1)
    assert world({"RANK": "3", "WORLD_SIZE": "8"}) == (3, 8)


def begun(model: Path, rows: Path, **changes: Any) -> Run:
    given = {
        "model": str(model),
        "data": str(rows),
        "max_steps": 6,
        "logging_steps": 1,
        "test_share": 0.2,
        "eval_steps": 3,
        "save_steps": 3,
        "trainer": {"train_sampling_strategy": "random", "per_device_eval_batch_size": 1},
        **changes,
    }
    runs = Runs()
    run = create(runs, "sft", settings_from(method("sft").settings_class(), given))
    runs.start(run)
    return run


def ended(run: Run) -> Run:
    end = time.monotonic() + 240
    while run.status().state.alive and time.monotonic() < end:
        time.sleep(0.2)
    assert run.status().state is State.FINISHED, run.log()[-3000:]
    return run


def figures(run: Run, name: str) -> list[float]:
    return [line[name] for line in run.metrics() if name in line]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    some = [{"prompt": f"what colour is {n}", "completion": f"it is {'so ' * (n % 5)}red"} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in some))
    return path


def test_two_processes_learn_as_one(tiny_decoder: Path, rows: Path) -> None:
    alone = ended(begun(tiny_decoder, rows, per_device_train_batch_size=4))
    together = ended(begun(tiny_decoder, rows, per_device_train_batch_size=2, num_processes=2))
    assert together.launcher[: len(TORCHRUN)] == TORCHRUN
    for name in ("loss", "gradient_norm", "eval_loss"):
        assert figures(together, name) == pytest.approx(figures(alone, name), rel=2e-4), name
    assert len(figures(together, "loss")) == 6, "both spoke, or none"
    assert (together.model / "adapter_model.safetensors").is_file() and (together.model / "README.md").is_file()
    assert (together.folder / "checkpoint-6" / "whole").is_file()


@pytest.mark.slow
def test_two_machines_are_one_run(tiny_decoder: Path, rows: Path, tmp_path: Path) -> None:
    """As the guide has it, with its own words for the second machine; both are this one, and have no GPU."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nodes = yaml.safe_load(TWO_MACHINES.read_text("utf-8"))
    del nodes["fsdp_config"]
    nodes |= {"distributed_type": "MULTI_GPU", "use_cpu": True, "mixed_precision": "no", "num_processes": 2}
    path = tmp_path / "nodes.yaml"
    path.write_text(yaml.safe_dump({**nodes, "main_process_ip": "127.0.0.1", "main_process_port": port}))
    run = begun(tiny_decoder, rows, per_device_train_batch_size=2, accelerate_config=str(path))
    words = [word.replace("nodes.yaml", str(path)).replace("RUN_FOLDER", str(run.folder)) for word in OTHER_MACHINES]
    other = subprocess.Popen([str(Path(sys.executable).with_name(words[0])), *words[1:]], cwd=tmp_path)
    try:
        assert len(figures(ended(run), "loss")) == 6, "both spoke, or none"
        assert other.wait(60) == 0
    finally:
        other.kill()


def test_the_words_for_the_other_machines_are_those_of_accelerate() -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    words = [word.replace("nodes.yaml", str(TWO_MACHINES)) for word in OTHER_MACHINES[2:]]
    found, *_ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert (found.machine_rank, found.num_machines, found.num_processes, found.use_fsdp) == (1, 2, 16, True)
    assert (found.module, found.training_script, found.training_script_args) == (True, "finetune", ["RUN_FOLDER"])


def test_the_others_say_nothing_and_raise(tmp_path: Path) -> None:
    run = Runs().create("sft", "a", "finetune", {})
    before = sorted(path.name for path in run.folder.iterdir())
    onlooker = Onlooker(run.folder)
    onlooker.tell(step=3)
    onlooker.record(3, loss=1.0)
    onlooker.end(State.FAILED)
    with pytest.raises(ZeroDivisionError):
        onlooker.work(lambda: print(1 / 0))
    assert sorted(path.name for path in run.folder.iterdir()) == before
    assert Worker(run.folder).run.status().state is State.RUNNING


def test_a_run_remembers_its_launcher(tmp_path: Path) -> None:
    run = Runs().create("sft", "a", "finetune", {}, launcher=TORCHRUN)
    assert Runs().find(run.id).launcher == TORCHRUN
