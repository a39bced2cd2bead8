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
from demos.lesson import read_about
from demos.reference import SHOWN, Real
from demos.sampling import Tell, Wish, drawn

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
HEADS = ("FID", "KID", "precision", "recall", "diversity", "sharpness", "as asked", "to train", "a picture")
BOOK_HEADS = ("trained by", "good at", "fails at")
"""What is measured of each, as `figures` has it; and what is said of it."""


@dataclass(frozen=True)
class Contestant:
    """Figures of one maker of pictures. fid, kid: distances in the classifier's space, not Inception's; sharpness:
    variance of the Laplacian; right: share of pictures that are taken for the class asked for, None where none could be
    asked for."""

    name: str
    fid: float
    kid: float
    precision: float
    recall: float
    diversity: float
    sharpness: float
    right: float | None
    seconds_to_train: float | None
    seconds_a_picture: float | None
    histogram: Sequence[float]
    sheet: Tensor
    """A few pictures, (count, channels, 28, 28) in [-1, 1]."""

    @property
    def title(self) -> str:
        """For people."""
        return "Real pictures" if self.name == "real" else architecture(self.name).title


def compete(
    folders: Mapping[str, Path],
    judge: Classifier,
    against: Real,
    *,
    count: int = 10_000,
    seed: int = 0,
    tell: Tell = lambda _: None,
) -> Iterator[Contestant]:
    """The real pictures first: what others of them get is the floor. Then each of `folders`, architecture → weights.

    tell: hears how many pictures have been drawn, of each anew; what it raises ends the work. Raises NoData, and
    BadConfig for fewer pictures than can be measured.
    """
    if count < 100:
        raise BadConfig(f"{count} pictures are too few to measure.", hint="Take 100 at the least, better 10,000.")
    own = (against.sheet, against.sharpness)
    yield _measured("real", against.train[:count], own, None, judge, against, None, None)
    for name, folder in folders.items():
        about = read_about(folder)
        model = architecture(name).load(folder)
        made, labels = _many(name, model, len(against.classes), count, seed, tell)
        asked = None if name == "vae" else labels
        figures = (about.get("seconds"), _seconds_a_picture(name, model))
        seen = (made[:SHOWN], distances.sharpness(made))
        yield _measured(name, features(judge, made), seen, asked, judge, against, *figures)


def _many(name: str, model: Any, classes: int, count: int, seed: int, tell: Tell) -> tuple[Tensor, Tensor]:
    """Pictures of all classes in turn, from batch to batch, and what was asked for."""
    parts: list[Tensor] = []
    for at in range(0, count, BATCH):
        tell(at)
        parts.append(drawn(name, model, Wish(count=min(BATCH, count - at), first=at, seed=seed * 100_000 + at)))
    return torch.cat(parts), torch.arange(count) % classes


def _seconds_a_picture(name: str, model: Any) -> float:
    begun = 0.0
    for _ in range(2):  # the first time is for warming up
        begun = time.perf_counter()
        drawn(name, model, Wish(count=TIMED))
    return (time.perf_counter() - begun) / TIMED


@torch.inference_mode()
def _measured(
    name: str,
    found: Tensor,
    seen: tuple[Tensor, float],
    asked: Tensor | None,
    judge: Classifier,
    against: Real,
    trained: float | None,
    a_picture: float | None,
) -> Contestant:
    """seen: a few of the pictures, and how sharp all are."""
    said = judge.head(found).argmax(1)
    precision, recall = distances.precision_recall(against.test[:FEW], found[:FEW])
    return Contestant(
        name=name,
        fid=distances.frechet(found, against.test),
        kid=distances.kernel(found[:FEW], against.test[:FEW]),
        precision=precision,
        recall=recall,
        diversity=distances.diversity(found, said),
        sharpness=seen[1],
        right=None if asked is None else float((said == asked).float().mean()),
        seconds_to_train=trained,
        seconds_a_picture=a_picture,
        histogram=distances.histogram(said, len(against.classes)),
        sheet=seen[0],
    )


def figures(contestant: Contestant) -> tuple[str, ...]:
    """As people read them, in the order of the table's columns; "" for what there is not."""
    trained, pace = contestant.seconds_to_train, contestant.seconds_a_picture
    return (
        f"{contestant.fid:.3f}",
        f"{contestant.kid:.4f}",
        f"{contestant.precision:.2f}",
        f"{contestant.recall:.2f}",
        f"{contestant.diversity:.2f}",
        f"{contestant.sharpness:.3f}",
        "" if contestant.right is None else f"{contestant.right:.1%}",
        "" if trained is None else f"{trained:.0f} s" if trained < 100 else f"{trained / 60:,.0f} min",
        "" if pace is None else f"{1000 * pace:,.1f} ms",
    )


def markdown(contestants: Sequence[Contestant]) -> str:
    """The table that every textbook prints, but measured."""
    rows = [f"| | {' | '.join(HEADS)} |", "|---|" + "---:|" * len(HEADS)]
    rows += [f"| {each.title} | {' | '.join(figures(each))} |" for each in contestants]
    told = ["", f"| | {' | '.join(BOOK_HEADS)} |", "|---" * (1 + len(BOOK_HEADS)) + "|"]
    told += [f"| {each.title} | {' | '.join(BOOK[each.name])} |" for each in contestants if each.name in BOOK]
    return "\n".join([*rows, *told]) + "\n"


def packed(contestant: Contestant) -> dict[str, Any]:
    """As a program reads it: all but the pictures."""
    return {name: value for name, value in vars(contestant).items() if name != "sheet"}
