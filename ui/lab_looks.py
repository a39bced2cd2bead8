"""Looks into the lab's weights, as a page and a terminal ask for them: a person's files read, errors made ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.runs import Runs
from demos.exhibits import Exhibit
from demos.looks import Given, Look, look
from ui import lab

if TYPE_CHECKING:
    from torch import Tensor


def found(runs: Runs, what: str, name: str) -> tuple[Look, Path]:
    """A look, and the folder of the weights that it is into. Raises ModelNotAvailable, RunNotFound, BadSettings."""
    chosen, folder = lab.weights(runs, what)
    with lab.mapped():
        return look(chosen.name, name), folder


def shown(chosen: Look, folder: Path, given: Given) -> Iterator[Exhibit]:
    """What is to be seen, one after the other. Raises ParleyError."""
    with lab.mapped():
        yield from chosen.show(folder, given)


def canvas(runs: Runs, what: str, name: str) -> Tensor | None:
    """The example that is painted on for a look, (1 or 3, 28, 28) uint8; None for a black one. Raises ParleyError."""
    chosen, folder = found(runs, what, name)
    if not {"picture", "paint"} <= set(chosen.takes):
        return None
    from demos.looks_diffusion import FILLED
    from demos.looks_pictures import known_pictures

    with lab.mapped():
        pictures = known_pictures(folder, lab.data_folder()).images
        return pictures[FILLED % len(pictures)]


def read_picture(path: Path) -> Tensor:
    """A person's picture, (1 or 3, 28, 28) uint8. Raises BadDataset."""
    from demos.images import open_picture

    with lab.mapped():
        return open_picture(path, colour=None)


def read_mask(path: Path) -> Tensor:
    """What is white in a person's picture: (28, 28) bool. Raises BadDataset."""
    from demos.images import open_picture

    with lab.mapped():
        return open_picture(path)[0] > 127
