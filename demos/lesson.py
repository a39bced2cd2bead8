"""What an architecture gives the loop that trains it, and its weights on disk."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from demos.architectures import ABOUT
from demos.errors import NoData
from demos.images import Pictures

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every lesson is asked for. steps: updates in all; seed: of weights, order and noise."""

    data: str = "fashion"
    steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    def problems(self) -> list[str]:
        """What cannot be, all of it."""
        least = {"steps": 1, "batch_size": 2}
        found = [f"{name} is at least {low}" for name, low in least.items() if getattr(self, name) < low]
        if not 0 <= self.seed < 2**32:
            found.append("seed lies between 0 and 4,294,967,295")
        return found if 0 < self.learning_rate < 1 else [*found, "learning_rate lies between 0 and 1"]


class Lesson(ABC):
    """One architecture as it is trained. networks: what a checkpoint holds; kept: those of them that are shipped."""

    kept: ClassVar[tuple[str, ...]]
    networks: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]

    @abstractmethod
    def learn(self, step: int) -> dict[str, float]:
        """Make one update; its losses. Draws from torch's global generator alone."""

    @abstractmethod
    def show(self) -> Tensor | str:
        """What it makes now, always of the same noise: pictures (count, channels, height, width) in [-1, 1], or a
        text."""

    def watch(self) -> dict[str, float]:
        """Figures that are dear, and so are taken where it shows what it makes. Draws from no global generator."""
        return {}

    def about(self) -> dict[str, Any]:
        """What has to be known to use the weights without the data."""
        return {}

    def keep(self, folder: Path) -> None:  # noqa: B027 - most keep nothing
        """Write what else is to lie beside the weights. Raises OSError."""


def update(
    optimiser: torch.optim.Optimizer, loss: Tensor, *, rate: float | None = None, longest: float | None = None
) -> float:
    """Make one step down the loss. rate: of learning, where it changes; longest: the gradient is shortened to that.

    Gives the gradient's length before, 0 where it is not asked for.
    """
    if rate is not None:
        for group in optimiser.param_groups:
            group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    length = 0.0
    if longest is not None:
        parameters = [each for group in optimiser.param_groups for each in group["params"]]
        length = nn.utils.clip_grad_norm_(parameters, longest).item()
    optimiser.step()
    return length


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, share: float, step: int) -> None:
    """Let a running mean of the weights follow them. share: of the old that is kept; a young mean forgets faster."""
    share = min(share, (step + 1) / (step + 10))
    states = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for kept, new in states:
        kept.lerp_(new, 1 - share) if kept.is_floating_point() else kept.copy_(new)


class Batches:
    """Rows in an order that is drawn anew for each pass, so that any step's rows are known from its number alone."""

    def __init__(self, rows: int, batch_size: int, seed: int) -> None:
        self._rows, self._size, self._seed = rows, min(batch_size, rows), seed
        self._pass, self._order = -1, torch.empty(0, dtype=torch.int64)

    @property
    def a_pass(self) -> int:
        """Steps that see every row once; what does not fill a batch is left out."""
        return self._rows // self._size

    def at(self, step: int) -> Tensor:
        """Places of the rows of a step (from 0), (batch,) int64."""
        number, place = divmod(step, self.a_pass)
        if number != self._pass:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
            self._pass, self._order = number, torch.randperm(self._rows, generator=generator)
        return self._order[place * self._size : (place + 1) * self._size]


def picture_facts(pictures: Pictures) -> dict[str, Any]:
    """What is to be known of the pictures that a network has learnt from."""
    return {"classes": list(pictures.classes), "channels": pictures.channels, "licence": pictures.licence}


def save(folder: Path, lesson: Lesson, architecture: str, config: Config, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the kept networks in float16, and what they are, which is given back. The folder takes the place of one
    that is there, and appears when it is whole: measuring may take a minute before. Raises OSError."""
    tensors = {
        f"{name}.{key}": value.detach().to("cpu", torch.float16 if value.is_floating_point() else None).contiguous()
        for name in lesson.kept
        for key, value in lesson.networks[name].state_dict().items()
    }
    told = {"architecture": architecture, "config": asdict(config), **lesson.about(), **facts}
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of one that was killed here
    try:
        part.mkdir(parents=True)
        lesson.keep(part)
        write_tensors(tensors, part / WEIGHTS)
        (part / ABOUT).write_text(json.dumps(told, indent=1) + "\n", "utf-8")
        if folder.is_dir():
            shutil.rmtree(folder)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return told


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises OSError."""
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:  # so it calls a full disk, and a folder where nothing may be written
        raise OSError(f"{path} cannot be written: {error}") from error


def keep_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """The same beside the file first, which is then put in its place. Raises OSError."""
    beside = path.with_name(f"{path.name}.part")
    write_tensors(tensors, beside)
    beside.replace(path)


def read_about(folder: Path) -> dict[str, Any]:
    """What the weights in a folder are. Raises NoData."""
    try:
        return json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NoData(f"{folder} holds nothing of the lab: its {ABOUT} cannot be read.") from error


def channels_last(network: nn.Module) -> nn.Module:
    """The same with the weights of its convolutions in the order in which they are fastest on a CPU."""
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def load_into(folder: Path, **networks: nn.Module) -> None:
    """Weights of a folder into networks by their names, ready to sample. Raises NoData."""
    try:
        tensors = load_file(folder / WEIGHTS)
        for name, network in networks.items():
            start = f"{name}."
            own = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
            network.load_state_dict({key: v.float() if v.is_floating_point() else v for key, v in own.items()})
            channels_last(network).eval().requires_grad_(False)
    except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise NoData(f"The weights in {folder} cannot be used: {error}.") from error
