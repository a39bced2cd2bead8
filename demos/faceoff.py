"""GAN, VAE and diffusion on the same pictures, measured in one feature space, against what real pictures get there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from demos import distances
from demos.architectures import architecture
from demos.classifier import Classifier, features
from demos.errors import BadConfig
from demos.images import Pictures, scaled
from demos.lesson import read_about
from demos.sampling import Wish, drawn

BATCH = 100
FEW = 2000
"""Pictures for precision and recall, and for the kernel distance, whose cost is the square of them."""
TIMED = 16
"""Pictures that the time of one is measured with."""
BOOK = {
    "gan": ("two networks play against each other", "sharp, at once", "forgets kinds; hard to train"),
    "vae": ("one bound on the likelihood", "a map to walk on; says what is strange", "blurred"),
    "diffusion": ("one squared error", "sharp and varied; fills, mends, enlarges", "many passes a picture"),
}
"""What is said of each: how it is trained, what it is good at, where it fails."""


@dataclass(frozen=True)
class Contestant:
    """Figures of one maker of pictures. fid, kid: distances in the classifier's space, not Inception's; right: share of
    pictures that are taken for the class asked for, None where none could be asked for."""

    name: str
    fid: float
    kid: float
    precision: float
    recall: float
    diversity: float
    right: float | None
    seconds_to_train: float | None
    seconds_a_picture: float | None
    histogram: Sequence[float]
    sheet: Tensor
    """A few pictures, (count, channels, 28, 28) in [-1, 1]."""


def compete(
    folders: Mapping[str, Path],
    judge: Classifier,
    train: Pictures,
    test: Pictures,
    *,
    count: int = 10_000,
    seed: int = 0,
) -> Iterator[Contestant]:
    """The real pictures first: what the training set itself gets against the test set is the floor. Then each of
    `folders`, architecture → its weights.

    Raises NoData, and BadConfig for fewer pictures than can be measured.
    """
    if count < 100:
        raise BadConfig(f"{count} pictures are too few to measure.", hint="Take 100 at the least, better 10,000.")
    if len(test) < 50:
        raise BadConfig(f"{len(test)} test pictures are too few to measure.", hint="Take a larger set.")
    real = features(judge, test.images)
    places = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:count]
    own = train.images[places]
    yield _measured("real", scaled(own), train.labels[places], judge, real, len(train.classes), None, None)
    for name, folder in folders.items():
        about = read_about(folder)
        model = architecture(name).load(folder)
        made, labels = _many(name, model, len(train.classes), count, seed)
        asked = None if name == "vae" else labels
        figures = (about.get("seconds"), _seconds_a_picture(name, model))
        yield _measured(name, made, asked, judge, real, len(train.classes), *figures)


def _many(name: str, model: Any, classes: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
    parts = [
        drawn(name, model, Wish(count=min(BATCH, count - at), seed=seed * 100_000 + at, guidance=1.0))
        for at in range(0, count, BATCH)
    ]
    labels = torch.cat([torch.arange(len(part)) % classes for part in parts])
    return torch.cat(parts), labels


def _seconds_a_picture(name: str, model: Any) -> float:
    classes = torch.arange(TIMED) % len(model.classes)
    begun = 0.0
    for _ in range(2):  # the first time is for warming up
        begun = time.perf_counter()
        model.sample(TIMED if name == "vae" else classes)
    return (time.perf_counter() - begun) / TIMED


@torch.inference_mode()
def _measured(
    name: str,
    made: Tensor,
    asked: Tensor | None,
    judge: Classifier,
    real: Tensor,
    classes: int,
    trained: float | None,
    a_picture: float | None,
) -> Contestant:
    found = features(judge, made)
    said = judge.head(found).argmax(1)
    precision, recall = distances.precision_recall(real[:FEW], found[:FEW])
    return Contestant(
        name=name,
        fid=distances.frechet(found, real),
        kid=distances.kernel(found[:FEW], real[:FEW]),
        precision=precision,
        recall=recall,
        diversity=distances.diversity(found, said),
        right=None if asked is None else float((said == asked).float().mean()),
        seconds_to_train=trained,
        seconds_a_picture=a_picture,
        histogram=distances.histogram(said, classes),
        sheet=made[:20],
    )


def markdown(contestants: Sequence[Contestant]) -> str:
    """The table that every textbook prints, but measured."""

    def shown(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    rows = ["| | FID | KID | precision | recall | diversity | as asked | to train | a picture |", "|---|" + "---:|" * 8]
    for each in contestants:
        time_ = "" if each.seconds_to_train is None else f"{each.seconds_to_train / 60:,.0f} min"
        pace = "" if each.seconds_a_picture is None else f"{1000 * each.seconds_a_picture:,.1f} ms"
        figures = (f"{each.fid:.3f}", f"{each.kid:.4f}", f"{each.precision:.2f}", f"{each.recall:.2f}")
        more = (f"{each.diversity:.2f}", shown(each.right, ".1%"), time_, pace)
        rows.append(f"| {each.name} | {' | '.join((*figures, *more))} |")
    told = ["", "| | trained by | good at | fails at |", "|---|---|---|---|"]
    told += [f"| {each.name} | {' | '.join(BOOK[each.name])} |" for each in contestants if each.name in BOOK]
    return "\n".join([*rows, *told]) + "\n"


def packed(contestant: Contestant) -> dict[str, Any]:
    """As a program reads it: all but the pictures."""
    return {name: value for name, value in vars(contestant).items() if name != "sheet"}
