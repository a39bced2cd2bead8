"""What weights of the lab make, as the bytes of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import BadSettings
from demos.architectures import Architecture

if TYPE_CHECKING:
    from demos.sampling import Wish

ENDINGS = ("png", "gif")


def picture(
    chosen: Architecture, folder: Path, wish: Wish, ending: str, tell: Callable[[int], object] = lambda _: None
) -> bytes:
    """What weights make: one "png", or a "gif": of a diffusion its steps, of others one draw after another.

    tell: hears the number of each step of a diffusion that is done; what it raises ends the work.
    Raises BadSettings for another ending, LabError.
    """
    from demos.grids import gif, grid, png
    from demos.sampling import film, pictures

    if ending not in ENDINGS:
        raise BadSettings(f"There are no pictures as {ending!r}.", hint="It should end in .png or .gif.")
    if ending == "gif":
        return gif(film(chosen.name, folder, wish, tell))
    return png(grid(pictures(chosen.name, folder, wish, tell)))
