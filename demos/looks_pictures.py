"""Looks into the GAN and the VAE: what is forgotten, what lies between two pictures, the map, what does not belong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from demos import distances, images
from demos.architectures import ARCHITECTURES, WEIGHTS
from demos.classifier import features, predict
from demos.errors import NoData
from demos.exhibits import Bars, Exhibit, Lines, Points, Sheet, Words
from demos.gan import Gan
from demos.images import Pictures, scaled, unscaled
from demos.lesson import read_about
from demos.looks import Given
from demos.vae import Vae

CLASSIFIER = WEIGHTS / "classifier"
HOLED = 65
"""Which of the known pictures a hole is filled in."""
FAINT = 0.2
"""Brightness of strangers that the likelihood falls for."""
MANY, STEPS, TILES, REACH = 500, 10, 12, 2.5
"""Draws that are counted; pictures of a walk; pictures of a map's side, and how far it goes in standard deviations."""


def known_pictures(folder: Path, home: Path | None) -> Pictures:
    """Some pictures of the kind that weights have learnt from, none of which they learnt from if that is known.

    Raises NoData where the folder of a person's own is gone.
    """
    about = read_about(folder)
    data = str(about.get("config", {}).get("data", "fashion"))
    known = images.examples() if data == "fashion" else images.load(data, "test", home=home)
    if list(known.classes) != about.get("classes", list(known.classes)):
        raise NoData(f"{data} has other kinds than when this was learnt.", hint="Train it again on what is there now.")
    channels = int(about.get("channels", known.channels))
    if known.channels == channels:
        return known
    return replace(known, images=unscaled(torch.stack([as_known(each, channels) for each in known.images])))


def as_known(picture: Tensor, channels: int) -> Tensor:
    """A picture, (1 or 3, 28, 28) uint8, in the channels of weights and in [-1, 1]."""
    x = scaled(picture)
    if len(x) == channels:
        return x
    return x.mean(0, keepdim=True) if channels == 1 else x.expand(channels, -1, -1)


def chosen(given: Tensor | None, folder: Path, channels: int, home: Path | None, place: int) -> Tensor:
    """What a person gave, or one of the known pictures: (channels, 28, 28) in [-1, 1]."""
    if given is None:
        known = known_pictures(folder, home).images
        given = known[place % len(known)]
    return as_known(given, channels)


def gan_kinds(model: Gan, folder: Path, given: Given) -> Iterator[Exhibit]:
    judge = ARCHITECTURES["classifier"].load(CLASSIFIER)
    names = read_about(CLASSIFIER)["classes"]
    if list(model.classes) != names:
        raise NoData(
            "What it makes can only be counted for Fashion-MNIST.",
            hint="`parley lab faceoff --judge … --json` counts others.",
        )
    asked = torch.arange(MANY) % len(names)
    made = model.sample(asked, seed=given.seed)
    said = predict(judge, made).argmax(1)
    shares = distances.histogram(said, len(names))
    right = float((said == asked).float().mean())
    least = min(range(len(names)), key=lambda place: shares[place])
    yield Bars(
        dict(zip(names, shares, strict=True)),
        f"{MANY} draws, as many of each kind, and what the classifier takes them for: {right:.0%} for what was asked. "
        f"Rarest is the {names[least]}. Where the game collapses, some are not made at all.",
        mark=1 / len(names),
    )
    known = known_pictures(folder, given.home)
    real = distances.diversities(features(judge, known.images), known.labels)
    own = distances.diversities(features(judge, made), asked)
    within = {name: own[place] / real[place] for place, name in enumerate(names) if real.get(place)}
    if within:
        plainest = min(within, key=lambda name: within[name])
        yield Bars(
            within,
            "How much the draws of a kind differ from each other, as a share of how much real pictures of it do (the "
            f"mean distance of two in the classifier's features): least for the {plainest}, {within[plainest]:.0%}. "
            "Where the game collapses within a kind, the same picture comes again and again.",
            mark=1.0,
        )


@torch.inference_mode()
def gan_walk(model: Gan, _: Path, given: Given) -> Iterator[Exhibit]:
    generator = torch.Generator().manual_seed(given.seed)
    rows = []
    for label in range(len(model.classes)):
        ends = torch.randn(2, model.latent, generator=generator)
        z = torch.lerp(ends[:1], ends[1:], torch.linspace(0, 1, STEPS)[:, None])
        z = z * (model.latent**0.5 / z.norm(dim=1, keepdim=True))  # as long as a draw is
        rows.append(model.generator(z, torch.full((STEPS,), label)))
    yield Sheet(torch.cat(rows), "A row a kind, from one draw of noise to another: each step is a picture.", STEPS)


@torch.inference_mode()
def vae_map(model: Vae, folder: Path, given: Given) -> Iterator[Exhibit]:
    known = known_pictures(folder, given.home)
    if len(known) < 3 or model.latent < 2:
        raise NoData("A map needs three pictures and a code of two numbers.", hint="Train on more, or a larger latent.")
    x = scaled(known.images)
    where = model.map(x)
    groups = {
        name: [(float(x), float(y)) for x, y in where[known.labels == place]]
        for place, name in enumerate(known.classes)
    }
    yield Points(
        groups,
        "first axis of the code",
        "second axis",
        "Where pictures lie on the two main axes of their codes. It was never told the kinds.",
    )
    yield Sheet(
        model.tiles(x, TILES, REACH), "What the decoder makes of places all over that map, the middle of it.", TILES
    )


def vae_walk(model: Vae, folder: Path, given: Given) -> Iterator[Exhibit]:
    one = chosen(given.picture, folder, model.channels, given.home, 60 + given.seed)
    other = chosen(given.other, folder, model.channels, given.home, 180 + given.seed)
    between = model.between(one, other, STEPS - 2)
    row = torch.cat([one[None], between, other[None]])
    plain = torch.lerp(one, other, torch.linspace(0, 1, STEPS)[:, None, None, None])
    yield Sheet(
        torch.cat([row, plain]),
        "Above, the way in the code; below, the two pictures merely mixed. At the ends stand the pictures themselves, "
        "and beside them what the code keeps of them.",
        STEPS,
    )


def vae_vary(model: Vae, folder: Path, given: Given) -> Iterator[Exhibit]:
    one = chosen(given.picture, folder, model.channels, given.home, 140 + given.seed)
    far = 0.5 if given.amount is None else given.amount
    made = model.vary(one, 2 * STEPS - 2, strength=far, seed=given.seed)
    back = model.reconstruct(one[None])
    yield Sheet(torch.cat([one[None], back, made]), "The picture, what the code keeps of it, and others around it.")


def vae_strangers(model: Vae, folder: Path, given: Given) -> Iterator[Exhibit]:
    known = known_pictures(folder, given.home)
    away = images.examples() if known.name == "digits" else images.digits("test")
    own = scaled(known.images)
    others = torch.stack([as_known(each, model.channels) for each in away.images])
    faint = (others + 1) * FAINT - 1
    (own_shares, own_bounds), (shares, bounds) = model.strangeness(own), model.strangeness(others)
    if given.picture is not None:
        one = as_known(given.picture, model.channels)[None]
        share = float(model.strangeness(one)[0])
        below = float((own_shares < share).float().mean())
        yield Sheet(torch.cat([one, model.reconstruct(one)]), f"{share:.0%} of the picture is not given back.")
        yield Words(f"That is more than for {below:.0%} of the pictures that it knows.")
    lines: dict[str, list[tuple[float, float]]] = {}
    fooled, area = "", 1.0
    for name, (strange, far) in ((away.name, (shares, bounds)), (f"faint {away.name}", model.strangeness(faint))):
        for way, scores, mine in (("not given back", strange, own_shares), ("likelihood", far, own_bounds)):
            area = distances.roc_auc(scores, mine)
            lines[f"{name}, {way} ({area:.2f})"] = distances.roc(scores, mine)
    if area < 0.5:  # the last one's
        fooled = ": what is plain looks likely, however little it belongs"
    yield Lines(
        lines,
        f"share of {known.name} taken for strangers",
        f"share of {away.name} found",
        f"How well {away.name} are told from {known.name} by what is not given back of them and by the likelihood "
        f"(area under the curve in brackets), and how well the same at {FAINT:.0%} of their brightness{fooled}.",
    )
    order = shares.sort().indices
    some = others[torch.cat([order[: STEPS // 2], order[-STEPS // 2 :]])]
    yield Sheet(
        torch.cat([some, model.reconstruct(some)]),
        "Strangers, the least strange first, and below them what it makes of each.",
    )
