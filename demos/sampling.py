"""Pictures and films of trained weights, as a person asks for them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from demos.architectures import GUIDANCE, architecture
from demos.errors import BadConfig
from demos.grids import grid

MOST = 400
"""Pictures at once."""
MOST_STEPS = 1000
MOST_PASSES = 40_000
"""Pictures times steps of a diffusion."""
MOST_FRAMES = 40
"""Of a film."""
Tell = Callable[[int], object]
"""Hears the number of each step of a diffusion that is done, from 1; what it raises ends the work."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """label: of the classes, "" is all in turn; first: where among them that begins. steps, guidance, sampler:
    diffusion's alone."""

    count: int = 16
    label: str = ""
    first: int = 0
    seed: int = 0
    steps: int = 20
    guidance: float = GUIDANCE
    sampler: str = "ddim"

    def check(self) -> None:
        """Raises BadConfig for what cannot be."""
        wrong = [] if 0 <= self.seed < 2**63 - 8 else ["a seed is 0 or more, and below 2 to the 63"]
        wrong += [] if 0 <= self.guidance <= 20 else ["guidance lies between 0 and 20"]
        if wrong:
            raise BadConfig(f"This cannot be: {'; '.join(wrong)}.", hint="Ask for less, or something else.")


def pictures(name: str, folder: Path, wish: Wish, tell: Tell = lambda _: None) -> Tensor:
    """(count, channels, 28, 28) in [-1, 1]. Raises BadConfig, NoData."""
    return drawn(name, _loaded(name, folder), wish, tell)


def drawn(name: str, model: Any, wish: Wish, tell: Tell = lambda _: None) -> Tensor:
    """The same of weights that are loaded."""
    return deque(_frames(name, model, wish, tell), maxlen=1)[0]


def film(name: str, folder: Path, wish: Wish, tell: Tell = lambda _: None) -> list[Image.Image]:
    """The grid after each step of a diffusion, MOST_FRAMES of them at the most; of the others eight draws in turn."""
    step = max(1, math.ceil(wish.steps / MOST_FRAMES)) if name == "diffusion" else 1
    frames = enumerate(_frames(name, _loaded(name, folder), wish, tell, moving=True), 1)
    return [grid(frame) for number, frame in frames if number % step == 0 or number == wish.steps]


def _loaded(name: str, folder: Path) -> Any:
    chosen = architecture(name)
    if chosen.makes != "pictures":
        raise BadConfig(f"{chosen.title} draws no pictures.", hint="gan, vae and diffusion do.")
    return chosen.load(folder)


def _frames(name: str, model: Any, wish: Wish, tell: Tell, *, moving: bool = False) -> Iterator[Tensor]:
    if not 1 <= wish.count <= MOST:
        raise BadConfig(f"{wish.count} pictures are not possible.", hint=f"Ask for 1 to {MOST}.")
    wish.check()
    classes = _classes(model.classes, wish)
    if name == "diffusion":
        from demos.diffusion import SAMPLERS

        if wish.sampler not in SAMPLERS or not 1 <= wish.steps <= MOST_STEPS:
            hint = f"Samplers are {', '.join(SAMPLERS)}; steps 1 to {MOST_STEPS}."
            raise BadConfig(f"{wish.steps} steps of {wish.sampler!r} are not possible.", hint=hint)
        if wish.count * wish.steps > MOST_PASSES:
            raise BadConfig("That is more work than is done at once.", hint="Ask for fewer pictures, or fewer steps.")
        how: Mapping[str, Any] = {"steps": wish.steps, "guidance": wish.guidance, "sampler": wish.sampler}
        for number, frame in enumerate(model.film(classes, seed=wish.seed, **how), 1):
            tell(number)
            yield frame
        return
    if name == "vae" and wish.label:
        raise BadConfig("This VAE was not told classes, so it cannot be asked for one.", hint="gan and diffusion.")
    for turn in range(8 if moving else 1):
        yield model.sample(wish.count if name == "vae" else classes, seed=wish.seed + turn)


def _classes(known: tuple[str, ...], wish: Wish) -> Tensor:
    if not wish.label:
        return (wish.first + torch.arange(wish.count)) % len(known)
    names = [each.casefold() for each in known]
    if wish.label.casefold() not in names:
        raise BadConfig(f"There is no class {wish.label!r}.", hint=f"There are {', '.join(known)}.")
    return torch.full((wish.count,), names.index(wish.label.casefold()))
