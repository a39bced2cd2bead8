"""What weights of the lab make, as the bytes of a file, with each step of a diffusion told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import BadSettings
from demos.architectures import Architecture

if TYPE_CHECKING:
    from torch import Tensor

    from demos.sampling import Wish

ENDINGS = ("png", "gif")


class Heard:
    """A diffusion whose steps somebody hears: (number from 1, pictures so far)."""

    def __init__(self, model: Any, hear: Callable[[int, Tensor], object]) -> None:
        self._model, self._hear = model, hear
        self.classes: tuple[str, ...] = model.classes

    def film(self, classes: Tensor, **how: Any) -> Iterator[Tensor]:
        """As Diffusion.film has it."""
        for number, pictures in enumerate(self._model.film(classes, **how), 1):
            self._hear(number, pictures)
            yield pictures


def picture(
    chosen: Architecture, folder: Path, wish: Wish, ending: str, tell: Callable[[int], object] = lambda _: None
) -> bytes:
    """What weights make: one "png", or a "gif": of a diffusion its steps, of others one draw after another.

    tell: hears the number of each step of a diffusion that is done; what it raises ends the work.
    Raises BadSettings for another ending, LabError.
    """
    from demos.grids import gif, grid, png
    from demos.sampling import MOST_FRAMES, drawn, film, pictures

    if ending not in ENDINGS:
        raise BadSettings(f"There are no pictures as {ending!r}.", hint="It should end in .png or .gif.")
    if chosen.name != "diffusion":
        if ending == "gif":
            return gif(film(chosen.name, folder, wish))
        return png(grid(pictures(chosen.name, folder, wish)))
    apart, frames = max(1, math.ceil(wish.steps / MOST_FRAMES)), list[Any]()

    def hear(number: int, so_far: Tensor) -> None:
        tell(number)
        if ending == "gif" and (number % apart == 0 or number == wish.steps):
            frames.append(grid(so_far))

    made = drawn(chosen.name, Heard(chosen.load(folder), hear), wish)
    return gif(frames) if ending == "gif" else png(grid(made))
