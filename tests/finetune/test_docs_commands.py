"""Every command of docs/fine-tuning.md does what it says, at a small size: tiny models, a step or two."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from finetune import parity, pushing
from finetune.export import give_adapter
from finetune.launching import TORCHRUN
from tests.assistant.embedded import embedded
from tests.assistant.engines.test_encoder import make as make_encoder
from tests.finetune.doing import do
from tests.finetune.test_export import SMALL, adapter_on
from tests.finetune.test_rlhf_loop import PAIRS
from ui import cli

ROOT = Path(__file__).parents[2]
FILES: dict[str, list[dict[str, Any]]] = {
    "rows.jsonl": [{"prompt": f"what colour is {n}", "completion": f"it is {n}"} for n in range(24)],
    "prompts.jsonl": [{"prompt": f"what colour is {n}"} for n in range(6)],
    "pairs.jsonl": PAIRS,
    "votes.jsonl": [{"prompt": f"why {n}", "completion": "so", "label": n % 2 == 0} for n in range(12)],
    "memory.jsonl": [{"en": f"The spindle is {n}.", "fr": f"Le fuselot est {n}."} for n in range(24)],
    "products.jsonl": [{"title": f"film {n}", "category": "good" if n % 2 else "bad"} for n in range(24)],
    "new.jsonl": [{"title": "a film"}, {"title": "the mat"}],
}
START = Runs.start


def commands() -> Iterator[list[str]]:
    """Words after `parley`, of each command that stands in a block of its own."""
    within = False
    for line in (ROOT / "docs" / "fine-tuning.md").read_text("utf-8").splitlines():
        if line.startswith("```"):
            within = not within
        elif within and line.startswith("parley "):
            yield shlex.split(line, comments=True)[1:]


def in_this_process(runs: Runs, run: Run) -> None:
    """Instead of a process of its own, which would load its libraries for each command anew. Two processes of the first
    method are two: what the command says is what starts them. (`accelerate launch` wants GPUs.)"""
    from accelerate.state import AcceleratorState

    if run.launcher[: len(TORCHRUN)] == TORCHRUN and run.kind == "sft":
        START(runs, run)
        return
    AcceleratorState._reset_state(True)
    do(run)


class House:
    """What the commands find: files of those names, tiny models, and the runs that came of earlier commands."""

    def __init__(self, folder: Path, decoder: Path) -> None:
        self.folder, self.decoder = folder, decoder
        self.encoder = make_encoder(folder / "encoder", spread=0.1)
        for name, rows in FILES.items():
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "finetune").symlink_to(ROOT / "finetune")
        self.of: dict[str, str] = {}

    def small(self, words: list[str]) -> list[str]:
        """The same command, on what is here."""
        for name in ("products", "new", "memory"):
            words = [word.replace(f"{name}.csv", f"{name}.jsonl") for word in words]
        last = self.of.get("last", "")
        known = {"RUN_OF_SFT": self.of.get("sft", ""), "RUN_OF_REWARD": self.of.get("reward", ""), "RUN": last}
        for name, run in known.items():
            words = [word.replace(name, run) if name in word.replace("RUN_OF_", name) else word for word in words]
        if words[0] == "train":
            words = [word.replace("num_processes=4", "num_processes=2") for word in words]
            return [*words, *self._settings(words[1], {word.partition("=")[0] for word in words})]
        if words[:2] == ["data", "synthesize"]:
            return [*(word for word in words if word not in ("-n", "60", "40")), "-n", "1", "--model", SMALL]
        if words[:2] == ["runs", "compare"]:
            return [*words[:2], *list(dict.fromkeys(self.of.values()))[:2]]
        if words[:2] == ["data", "mask"]:
            return [*words, "--model", str(self.decoder)]
        return words

    def _settings(self, kind: str, given: set[str]) -> list[str]:
        most = ["max_steps=1", "per_device_train_batch_size=2", "max_length=64"]
        if kind == "rlhf":
            most += ["num_generations=2", "max_completion_length=4"]
        if kind == "rlhf-loop":
            parts = "{max_steps: 1, max_length: 64, per_device_train_batch_size: 8%s}"
            most = ["sft=" + parts % "", f"reward={parts % f', model: {self.encoder}'}", "compared_prompts=2"]
            most.append("rlhf=" + parts % ", max_completion_length: 4, num_generations: 2")
        elif "finetuning_type" not in given:
            most.append("finetuning_type=lora")
        base = {"seq2seq": "", "classifier": self.encoder, "reward": self.encoder}.get(kind, self.decoder)
        return [*most, *([f"model={base}"] if base and "model" not in given else [])]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)  # forty commands
def test_every_command_of_the_guide(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parley_home: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Runs, "start", in_this_process)
    monkeypatch.setattr(parity, "TOKENS", 1)
    pushed: list[str] = []
    monkeypatch.setattr(pushing, "push", lambda _, repo: pushed.append(repo) or "address")
    monkeypatch.setattr(pushing, "require_target", lambda _: None)
    house, done = House(tmp_path, tiny_decoder), list[str]()
    for words in commands():
        if words[0] == "export" and "tuned" not in house.of:  # of a base that is a GGUF
            base, _ = embedded(SMALL)
            run = Runs().create("sft", "tuned", "finetune", {})
            adapter_on(SMALL, run.model)
            give_adapter(run.model, base)
            Worker(run.folder).end(State.FINISHED)
            house.of["tuned"] = house.of["last"] = run.id
        busy = Worker(Runs().create("sft", "busy", "finetune", {}).folder) if words[:2] == ["runs", "pause"] else None
        small = house.small(words)
        result = CliRunner().invoke(cli.app, small, catch_exceptions=False)
        assert result.exit_code == 0, f"parley {shlex.join(small)}\n{result.output[-3000:]}"
        done.append(words[0])
        if busy is not None:
            assert busy.asked() == "pause"
            busy.end(State.STOPPED)
        if words[0] == "train" and "--dry-run" not in words:
            run = max(Runs(), key=lambda each: each.created)
            assert run.kind == words[1] and run.status().state is State.FINISHED, run.status()
            house.of |= {"last": run.id, run.kind: run.id}
    assert len(done) >= 25 and pushed == ["me/my-model"]
    of_several = sorted(run.kind for run in Runs() if run.launcher[: len(TORCHRUN)] == TORCHRUN)
    assert of_several == ["reward", "rlhf", "sft", "sft"]
    assert (tmp_path / "my-model" / "model.safetensors").is_file() and list(tmp_path.glob("*-q8_0.gguf"))
