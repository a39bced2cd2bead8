"""Looks into the lab's weights, as a page and a terminal ask for them: a person's files read, errors made ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import BadSettings
from assistant.runs import Runs
from demos.exhibits import Exhibit, Sheet
from demos.looks import Given, Look, Takes, look
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


OPTIONS: dict[str, Takes] = {"text": "text", "picture": "picture", "other": "other", "mask": "paint"}
"""What a terminal calls what a look takes."""


def refuse_unused(chosen: Look, **given: object) -> None:
    """Raises BadSettings where more is given than the look takes. given: by the terminal's names of OPTIONS, and
    amount; what is not given is None or ""."""
    taken = [name for name, kind in OPTIONS.items() if kind in chosen.takes]
    taken += ["amount"] if chosen.amount is not None else []
    unused = [name for name, value in given.items() if value not in (None, "") and name not in taken]
    if unused:
        said = ", ".join(f"--{name}" for name in unused)
        raise BadSettings(
            f"{chosen.name} takes no {said}.",
            hint=f"It takes {', '.join(f'--{name}' for name in (*taken, 'seed', 'output'))}.",
        )


def last_pictures(exhibits: Sequence[Exhibit]) -> bytes:
    """The last of what was seen that is pictures, as a PNG file. Raises BadSettings where none is."""
    from demos.grids import grid, png

    sheets = [each for each in exhibits if isinstance(each, Sheet)]
    if not sheets:
        raise BadSettings("There are no pictures to be seen in it.", hint="Name an .html file: it has all of it.")
    return png(grid(sheets[-1].images, sheets[-1].columns))


def canvas(runs: Runs, what: str, name: str) -> Tensor | None:
    """The example that is painted on for a look, (1 or 3, 28, 28) uint8; None for a black one. Raises ParleyError."""
    chosen, folder = found(runs, what, name)
    if not {"picture", "paint"} <= set(chosen.takes):
        return None
    from demos.looks_pictures import HOLED, known_pictures

    with lab.mapped():
        pictures = known_pictures(folder, lab.data_folder()).images
        return pictures[HOLED % len(pictures)]


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
