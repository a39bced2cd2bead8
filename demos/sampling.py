"""Pictures and films of trained weights, as a person asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from demos.architectures import architecture
from demos.errors import BadConfig
from demos.grids import COLUMNS, grid

MOST = 400
"""Pictures at once."""
MOST_STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class Wish:
    """label: of the classes, "" is all in turn. steps, guidance, sampler: diffusion's alone."""

    count: int = 16
    label: str = ""
    seed: int = 0
    steps: int = 20
    guidance: float = 1.5
    sampler: str = "ddim"


def pictures(name: str, folder: Path, wish: Wish) -> Tensor:
    """(count, channels, 28, 28) in [-1, 1]. Raises BadConfig, NoData."""
    *_, last = _frames(name, folder, wish)
    return last


def film(name: str, folder: Path, wish: Wish) -> list[Image.Image]:
    """The grid after each step of a diffusion; of the others, pictures on the way from one noise to another."""
    return [grid(frame, min(wish.count, COLUMNS)) for frame in _frames(name, folder, wish, moving=True)]


def _frames(name: str, folder: Path, wish: Wish, *, moving: bool = False) -> list[Tensor]:
    if not 1 <= wish.count <= MOST:
        raise BadConfig(f"{wish.count} pictures are not possible.", hint=f"Ask for 1 to {MOST}.")
    chosen = architecture(name)
    if chosen.learns != "pictures" or name == "classifier":
        raise BadConfig(f"{chosen.title} draws no pictures.", hint="gan, vae and diffusion do.")
    model = chosen.load(folder)
    classes = _classes(model.classes, wish)
    if name == "diffusion":
        from demos.diffusion import SAMPLERS

        if wish.sampler not in SAMPLERS or not 1 <= wish.steps <= MOST_STEPS:
            hint = f"Samplers are {', '.join(SAMPLERS)}; steps 1 to {MOST_STEPS}."
            raise BadConfig(f"{wish.steps} steps of {wish.sampler!r} are not possible.", hint=hint)
        how: Mapping[str, Any] = {"steps": wish.steps, "guidance": wish.guidance, "sampler": wish.sampler}
        return list(model.film(classes, seed=wish.seed, **how))
    if name == "vae":
        if wish.label:
            raise BadConfig("This VAE was not told classes, so it cannot be asked for one.", hint="gan and diffusion.")
        return [model.sample(wish.count, seed=wish.seed + turn) for turn in range(8 if moving else 1)]
    return [model.sample(classes, seed=wish.seed + turn) for turn in range(8 if moving else 1)]


def _classes(known: tuple[str, ...], wish: Wish) -> Tensor:
    if not wish.label:
        return torch.arange(wish.count) % len(known)
    names = [each.casefold() for each in known]
    if wish.label.casefold() not in names:
        raise BadConfig(f"There is no class {wish.label!r}.", hint=f"There are {', '.join(known)}.")
    return torch.full((wish.count,), names.index(wish.label.casefold()))
