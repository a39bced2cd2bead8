"""Pictures of their edges by a conditional GAN: pix2pix (Isola et al. 2017, arXiv:1611.07004) in small.

Good at: turning one kind of picture into another where pairs are at hand: edges to clothes, maps to photographs.
Fails at: variety. It gives one answer to each drawing, and to lines unlike those it has learnt from a poor one.

    min_G max_D  E_x,y [log D(x, y)] + E_x [log(1 − D(x, G(x)))] + λ E_x,y [‖y − G(x)‖₁]                    (eq. 4)

x are edges (Canny 1986, without its smoothing and hysteresis), y pictures. G is a U-Net (Ronneberger et al. 2015,
arXiv:1505.04597), D judges patches rather than the whole (PatchGAN, section 3.2.2). G maximises log D(x, G(x)) as in
section 3.3, and gets no noise, which the paper's networks learn to ignore.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.gan import discriminator_loss, generator_loss
from demos.images import Pictures, scaled
from demos.lesson import Batches, Config, Lesson, load_into, picture_facts, read_about, update

SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
LEAST = 0.15
"""Slope of an edge: from black to white it is 1."""
BEFORE, AFTER = torch.tensor([3, 0, 1, 2]), torch.tensor([5, 8, 7, 6])
"""Places in a square of nine on both sides of its middle: across, down to the right, down, down to the left."""


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(Config):
    """width: channels of the first layers; weight: λ."""

    steps: int = 3000
    batch_size: int = 32
    learning_rate: float = 1e-3
    width: int = 16
    weight: float = 100.0

    def problems(self) -> list[str]:
        wrong = [] if 0 <= self.weight < 1e6 else ["weight is at least 0"]
        wrong += [] if self.width >= 8 and self.width % 8 == 0 else ["width is a multiple of 8"]
        return [*super().problems(), *wrong]


def edges(images: Tensor) -> Tensor:
    """Where the brightness changes most, along its slope: 1 there, −1 elsewhere (Canny 1986).

    images: (count, channels, height, width) in [-1, 1] → (count, 1, height, width).
    """
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    sobel = torch.stack([SOBEL, SOBEL.T])[:, None].to(images.device)
    across, down = F.conv2d(grey, sobel).chunk(2, 1)
    slope = torch.hypot(across, down)
    way = (torch.atan2(down, across) / (math.pi / 4)).round().long() % 4
    around = F.unfold(slope, 3, padding=1).view(len(slope), 9, *slope.shape[2:])
    before, after = (around.gather(1, places.to(images.device)[way]) for places in (BEFORE, AFTER))
    return torch.where((slope >= before) & (slope > after) & (slope > LEAST), 1.0, -1.0)


def objective(scores: Tensor, made: Tensor, real: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """What G makes small in both its parts, −log D(x, G(x)) and ‖y − G(x)‖₁, and their sum with λ = weight of eq. 4.

    scores: of D for made pictures, any shape; made, real: (batch, channels, height, width) → (sum, L1), scalars.
    """
    distance = F.l1_loss(made, real)
    return generator_loss(scores, "nonsaturating") + weight * distance, distance


def layer(inward: int, outward: int, stride: int = 1) -> nn.Sequential:
    """Stride 2 halves the sides."""
    conv = nn.Conv2d(inward, outward, 2 + stride, stride, 1)
    return nn.Sequential(conv, nn.GroupNorm(8, outward), nn.LeakyReLU(0.2))


def enlarged(inward: int, outward: int, kernel: int = 4) -> nn.Sequential:
    """Doubles the sides; kernel 3 adds one."""
    conv = nn.ConvTranspose2d(inward, outward, kernel, 2, kernel - 3)
    return nn.Sequential(conv, nn.GroupNorm(8, outward), nn.ReLU())


class Generator(nn.Module):
    """Edges (batch, 1, 28, 28) → pictures (batch, channels, 28, 28) in [-1, 1], by 28 → 14 → 7 → 3 and back: on the way
    up each is joined with what had its size on the way down."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        down = (
            layer(1, width),
            layer(width, 2 * width, 2),
            layer(2 * width, 4 * width, 2),
            layer(4 * width, 4 * width, 2),
        )
        up = (enlarged(4 * width, 4 * width, 3), enlarged(8 * width, 2 * width), enlarged(4 * width, width))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.last = nn.Sequential(layer(2 * width, width), nn.Conv2d(width, channels, 3, 1, 1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for each in self.down:
            x = each(x)
            kept.append(x)
        kept.pop()
        for each in self.up:
            x = torch.cat([each(x), kept.pop()], 1)
        return self.last(x)


class Discriminator(nn.Module):
    """Edges (batch, 1, 28, 28) and pictures (batch, channels, 28, 28) → how real each patch of 18 by 18 pixels is,
    (batch, 1, 7, 7)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1 + channels, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            layer(width, 2 * width, 2),
            nn.Conv2d(2 * width, 1, 3, 1, 1),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.body(torch.cat([x, y], 1))


class Pix2PixLesson(Lesson):
    kept = ("generator",)

    def __init__(self, config: Pix2PixConfig, pictures: Pictures, test: Pictures, device: torch.device) -> None:
        self._config, self._pictures, self._test, self._device = config, pictures, test, device
        self.generator = Generator(pictures.channels, config.width).to(device)
        self.discriminator = Discriminator(pictures.channels, config.width).to(device)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), config.learning_rate, betas=(0.5, 0.999))
            for name, network in self.networks.items()
        }
        self._batches = Batches(len(pictures), config.batch_size, config.seed)

    def learn(self, step: int) -> dict[str, float]:
        rate = self._config.learning_rate * min(1.0, 2 * (1 - step / self._config.steps))
        y = scaled(self._pictures.images[self._batches.at(step)]).to(self._device)
        x = edges(y)
        made = self.generator(x)
        judged = discriminator_loss(self.discriminator(x, y), self.discriminator(x, made.detach()), "nonsaturating") / 2
        update(self.optimisers["discriminator"], judged, rate=rate)
        loss, distance = objective(self.discriminator(x, made), made, y, self._config.weight)
        update(self.optimisers["generator"], loss, rate=rate)
        fooled = loss.item() - self._config.weight * distance.item()
        return {"generator": fooled, "discriminator": judged.item(), "L1": distance.item()}

    def show(self) -> Tensor:
        y = scaled(self._test.images[:10]).to(self._device)
        x = edges(y)
        return torch.cat([y, x.expand_as(y), self.generator(x)]).cpu()

    def about(self) -> dict[str, object]:
        mean = scaled(self._pictures.images).mean(0)
        y = scaled(self._test.images)
        made = paint(self.generator.eval(), edges(y))
        found = {"absolute_error": F.l1_loss(made, y), "of_the_mean_picture": F.l1_loss(mean.expand_as(y), y)}
        return {**picture_facts(self._pictures), **{name: round(each.item(), 4) for name, each in found.items()}}


def build(config: Pix2PixConfig, pictures: Pictures, test: Pictures, device: torch.device) -> Pix2PixLesson:
    return Pix2PixLesson(config, pictures, test, device)


@torch.inference_mode()
def paint(generator: Generator, x: Tensor, *, batch: int = 500) -> Tensor:
    """Pictures (count, channels, 28, 28) of edges (count, 1, 28, 28)."""
    device = next(generator.parameters()).device
    return torch.cat([generator(part.to(device)).cpu() for part in x.split(batch)])


class Pix2Pix:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        self.channels: int = about["channels"]
        self.generator = Generator(self.channels, about["config"]["width"])
        load_into(folder, generator=self.generator)

    def paint(self, x: Tensor) -> Tensor:
        """Pictures (count, channels, 28, 28) of edges (count, 1, 28, 28), 1 on a line and −1 elsewhere."""
        return paint(self.generator, x)
