"""GAN, VAE and diffusion against each other, as a page and a terminal ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import BadSettings
from assistant.runs import Runs
from demos.architectures import ARCHITECTURES
from ui import lab

if TYPE_CHECKING:
    from torch import Tensor

    from demos.faceoff import Contestant


def face_off(
    runs: Runs, names: Sequence[str], judge: str, *, count: int, data: str | None = None
) -> Iterator[Contestant]:
    """Real pictures first, then each of the weights by their names, measured by a classifier's.

    data: the pictures that they learnt from; None is what the judge learnt from, of which enough is kept beside it for
    a few. Raises ParleyError.
    """
    from demos import images
    from demos.faceoff import compete
    from demos.lesson import read_about
    from demos.reference import KEPT, KEPT_ROWS, kept, real

    with lab.mapped():
        chosen, folder = lab.weights(runs, judge)
        if chosen.name != "classifier":
            raise BadSettings(f"{judge} is no classifier.", hint="parley lab train classifier makes one.")
        known = chosen.load(folder)
        found = [lab.weights(runs, name) for name in names]
        if other := next((each.title for each, _ in found if each.makes != "pictures"), None):
            raise BadSettings(f"{other} draws no pictures.", hint="gan, vae and diffusion do.")
        folders = {each.name: place for each, place in found}
        if len(folders) < len(found):
            raise BadSettings("Two of one architecture cannot be told apart here.", hint="Name one of each.")
        if data is None and count <= KEPT_ROWS and (folder / KEPT).is_file():
            against = kept(folder)
        else:
            source = data or str(read_about(folder).get("config", {}).get("data", "fashion"))
            train, test = (images.load(source, split, home=lab.data_folder()) for split in ("train", "test"))
            _refuse_others(train.channels, train.classes, {judge: folder})
            against = real(known, train, test, count=count)
        _refuse_others(against.sheet.shape[1], against.classes, folders)
        yield from compete(folders, known, against, count=count)


def shipped() -> list[str]:
    """Makers of pictures whose weights come with Parley."""
    return [each.name for each in ARCHITECTURES.values() if each.makes == "pictures" and each.shipped.is_dir()]


def _refuse_others(channels: int, classes: Sequence[str], folders: Mapping[str, Path]) -> None:
    """Raises BadSettings for weights that learnt from other pictures."""
    from demos.lesson import read_about

    for name, folder in folders.items():
        about = read_about(folder)
        if (about.get("channels"), about.get("classes")) != (channels, list(classes)):
            raise BadSettings(
                f"{name} learnt from other pictures than it is measured by.",
                hint="Measure by a classifier that learnt from the same: parley lab train classifier data=…",
            )


def beside_each_other(sheets: Sequence[Tensor]) -> bytes:
    """Pictures of several makers as a PNG, four columns each."""
    import torch

    from demos.grids import grid, png

    rows = [part for place in range(0, 20, 4) for sheet in sheets for part in sheet[place : place + 4]]
    return png(grid(torch.stack(rows), 4 * len(sheets)))
