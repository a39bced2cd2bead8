"""GAN, VAE and diffusion against each other, as a page and a terminal ask for it."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import BadSettings
from assistant.runs import Runs
from demos.architectures import ARCHITECTURES
from demos.comparisons import COMPARISONS
from demos.exhibits import Bars, Points, Sheet
from ui import lab
from ui.lab_shown import exhibit_html, page_html

if TYPE_CHECKING:
    from torch import Tensor

    from demos.faceoff import Contestant

COLUMNS = 4
"""Of each maker's pictures, where those of several are beside each other."""


def face_off(
    runs: Runs,
    names: Sequence[str],
    judge: str,
    *,
    count: int,
    data: str | None = None,
    tell: Callable[[int], object] = lambda _: None,
) -> Iterator[Contestant]:
    """Real pictures first, then each of the weights by their names, measured by a classifier's.

    data: the pictures that they learnt from; None is what the judge learnt from, of which enough is kept beside it for
    a few. tell: hears how many pictures one has drawn so far. Raises ParleyError.
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
        yield from compete(folders, known, against, count=count, tell=tell)


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
    """Pictures of several makers as a PNG, COLUMNS of each."""
    import torch

    from demos.grids import grid, png
    from demos.reference import SHOWN

    places = range(0, SHOWN, COLUMNS)
    rows = [part for place in places for sheet in sheets for part in sheet[place : place + COLUMNS]]
    return png(grid(torch.stack(rows), COLUMNS * len(sheets)))


def faceoff_html(contestants: Sequence[Contestant]) -> str:
    """What is measured so far: figures, quality against time, pictures, and what is said of each."""
    from demos.faceoff import BOOK, BOOK_HEADS, HEADS, figures

    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in (each.title, *figures(each))) + "</tr>"
        for each in contestants
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", *HEADS))
    table = f'<table class="compared figures"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    parts = [f'<div class="scroll">{table}</div>']
    timed = {each.title: [(1000 * each.seconds_a_picture, each.fid)] for each in contestants if each.seconds_a_picture}
    if timed:
        said = "Further down is closer to real pictures, further left is faster."
        parts.append(exhibit_html(Points(timed, "milliseconds a picture", "FID", said, log="x")))
    floor = contestants[0].sharpness
    if len(contestants) > 1 and floor:
        said = (
            "Sharpness: the variance of a picture's Laplacian, its second derivative in space, as a share of what real "
            "pictures have. Less is blurred; more is no better, for noise has most of all."
        )
        shares = {each.title: each.sharpness / floor for each in contestants}
        parts.append(exhibit_html(Bars(shares, said, mark=1.0)))
    sheets = "".join(exhibit_html(Sheet(each.sheet, f"{each.title}.", COLUMNS)) for each in contestants)
    parts.append(f'<div class="sheets">{sheets}</div>')
    told_of = "".join(
        f"<tr><th scope='row'>{each.title}</th>{''.join(f'<td>{words}</td>' for words in BOOK[each.name])}</tr>"
        for each in contestants
        if each.name in BOOK
    )
    if told_of:
        heads = "".join(f'<th scope="col">{name}</th>' for name in ("", *BOOK_HEADS))
        table = f'<table class="compared"><thead><tr>{heads}</tr></thead><tbody>{told_of}</tbody></table>'
        parts.append(f'<div class="scroll">{table}</div>')
    return "".join(parts)


def file_of(contestants: Sequence[Contestant]) -> str:
    """The same as one HTML file."""
    told, _ = COMPARISONS["faceoff"]
    return page_html("Face-off", told.how, faceoff_html(contestants))
