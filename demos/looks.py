"""What one can look at in trained weights beyond what they make: a line each. The looking is in looks_*.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from demos import importing
from demos.architectures import ARCHITECTURES
from demos.errors import BadConfig

if TYPE_CHECKING:
    from torch import Tensor

    from demos.exhibits import Exhibit

Takes = Literal["text", "picture", "paint", "other"]
"""What a person gives: words; a picture of 28 by 28; a mask painted on it; a second picture."""


MOST_SEED = 2**32


@dataclass(frozen=True)
class Amount:
    """A number that a look takes."""

    label: str
    low: float
    high: float
    usual: float
    step: float


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a person gave. What is missing is taken from the examples.

    picture, other: (1 or 3, 28, 28) uint8; mask: (28, 28) bool, what is to be made; home: where data sets are kept.
    """

    text: str = ""
    picture: Tensor | None = None
    mask: Tensor | None = None
    other: Tensor | None = None
    amount: float | None = None
    seed: int = 0
    home: Path | None = None


@dataclass(frozen=True)
class Look:
    """title: on a button; told: what is to be seen; function: its name in the module demos.looks_<module>."""

    architecture: str
    name: str
    title: str
    told: str
    module: str
    takes: tuple[Takes, ...] = ()
    amount: Amount | None = None
    brush: int = 3
    """Pixels of a stroke, where something is painted."""

    @property
    def key(self) -> str:
        return f"{self.architecture} {self.name}"

    def show(self, folder: Path, given: Given) -> Iterator[Exhibit]:
        """Look into the weights of a folder. Raises LabError."""
        if self.amount is not None and given.amount is not None:
            low, high = self.amount.low, self.amount.high
            if not low <= given.amount <= high:
                raise BadConfig(f"{self.amount.label} lies between {low:g} and {high:g}.", hint="Give another number.")
            if self.amount.step >= 1 and (given.amount - low) % self.amount.step:
                whole = range(int(low), int(high) + 1, int(self.amount.step))
                raise BadConfig(
                    f"{self.amount.label} is one of {', '.join(map(str, whole))}.", hint="Give one of these."
                )
        if not 0 <= given.seed < MOST_SEED:
            raise BadConfig(f"A seed lies between 0 and {MOST_SEED - 1:,}.", hint="Give another number.")
        module = importing.module(f"looks_{self.module}")
        model = ARCHITECTURES[self.architecture].load(folder)
        yield from getattr(module, f"{self.architecture}_{self.name}")(model, folder, given)


LOOKS = (
    Look("rnn", "states", "Its state while it reads", "The hidden state, character by character.", "text", ("text",)),
    Look(
        "rnn",
        "writing",
        "Its state while it writes",
        "The hidden state that each character is drawn from, as it writes. Text is what it begins with.",
        "text",
        ("text",),
        Amount("Temperature", 0.0, 1.5, 0.7, 0.1),
    ),
    Look(
        "rnn",
        "memory",
        "How far back it feels",
        "The gradient's length against distance in time: without gates it vanishes.",
        "text",
    ),
    Look(
        "transformer",
        "attention",
        "Who looks at whom",
        "Attention: where each character looks back to.",
        "text",
        ("text",),
    ),
    Look(
        "gan",
        "kinds",
        "What it makes, counted",
        "Its classes counted, and how much the pictures of each differ: mode collapse would show, also within a class.",
        "pictures",
    ),
    Look("gan", "walk", "From one draw to another", "Interpolation in its latent space.", "pictures"),
    Look("vae", "map", "Its map", "The latent space: where pictures lie in it, and what lies everywhere.", "pictures"),
    Look(
        "vae",
        "walk",
        "From one picture to another",
        "Interpolation: the straight way in the latent space.",
        "pictures",
        ("picture", "other"),
    ),
    Look(
        "vae",
        "vary",
        "Variations of a picture",
        "Codes around the picture's own, in the latent space.",
        "pictures",
        ("picture",),
        Amount("How far", 0.0, 1.0, 0.5, 0.05),
    ),
    Look(
        "vae",
        "strangers",
        "What does not belong",
        "Anomaly detection: what it cannot reconstruct.",
        "pictures",
        ("picture",),
    ),
    Look(
        "diffusion",
        "fill",
        "Fill a hole",
        "Inpainting: paint over what is to be made anew; the middle if you paint nothing.",
        "diffusion",
        ("picture", "paint"),
    ),
    Look(
        "diffusion",
        "sharpen",
        "Enlarge",
        "Super-resolution: what a small picture may have been.",
        "diffusion",
        ("picture",),
        Amount("Times", 2, 4, 4, 2),
    ),
    Look(
        "diffusion",
        "clean",
        "Take noise away",
        "Denoising: noise is added, and taken away again.",
        "diffusion",
        ("picture",),
        Amount("Noise", 0.1, 2.0, 0.7, 0.1),
    ),
    Look(
        "diffusion",
        "mend",
        "Mend a damaged picture",
        "Restoration: your picture is taken as it is, with the noise that is in it; paint over scratches and holes.",
        "diffusion",
        ("picture", "paint"),
        Amount("Noise that is in it", 0.0, 2.0, 0.3, 0.05),
    ),
    Look(
        "pix2pix",
        "edges",
        "A picture of its edges",
        "Image to image: what is left of a picture as edges, and what is made of them.",
        "images",
        ("picture",),
    ),
    Look(
        "pix2pix",
        "drawing",
        "A picture of a drawing",
        "Draw the outline of some clothes; that of an example if you draw nothing.",
        "images",
        ("paint",),
        brush=1,
    ),
    Look(
        "classifier",
        "style",
        "The style of another picture",
        "Style transfer: one picture in the manner of another, as the classifier's layers see it.",
        "images",
        ("picture", "other"),
        Amount("How much", 0.0, 1.0, 0.8, 0.05),
    ),
    Look(
        "classifier",
        "why",
        "What it sees, and where",
        "What it takes a picture for, and which parts of it that hangs on (occlusion).",
        "images",
        ("picture",),
    ),
    Look(
        "translator",
        "translate",
        "Translate, and see where it looks",
        "The translation, and its attention: what each word was made from.",
        "sequences",
        ("text",),
    ),
    Look("captioner", "say", "What is on it", "Captioning: a picture in words.", "sequences", ("picture",)),
    Look(
        "forecaster",
        "forecast",
        "What comes next",
        "The forecast of the end of the series, its 80 % interval, and what came.",
        "sequences",
    ),
)


def looks(architecture: str) -> list[Look]:
    """What there is to look at in an architecture's weights."""
    return [look for look in LOOKS if look.architecture == architecture]


def look(architecture: str, name: str) -> Look:
    """Raises BadConfig for one that there is not."""
    known = {each.name: each for each in looks(architecture)}
    if name not in known:
        there = f"There are {', '.join(known)}." if known else "There are none for it."
        raise BadConfig(f"There is nothing called {name!r} to look at in {architecture}.", hint=there)
    return known[name]
