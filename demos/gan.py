"""A generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661), convolutional (DCGAN, Radford et al.
2016, arXiv:1511.06434) and told the class (Mirza & Osindero 2014, arXiv:1411.1784).

Good at: sharp pictures at once, in one pass.
Fails at: covering all of the data (mode collapse), and at training that can be trusted: two networks chase each other.

    min_G max_D  E_x [log D(x|y)] + E_z [log(1 − D(G(z|y)|y))]                                                  (eq. 1)

"nonsaturating" lets G maximise log D(G(z)) instead (section 3 of the paper), with a penalty on D's slope at real
pictures (R1, Mescheder et al. 2018, arXiv:1801.04406). "wgan-gp" is Wasserstein's distance with a gradient penalty
(Gulrajani et al. 2017, arXiv:1704.00028).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos import collapse
from demos.classifier import Classifier
from demos.images import Pictures, scaled
from demos.lesson import Batches, Config, Lesson, follow, load_into, picture_facts, read_about, update

Loss = Literal["nonsaturating", "wgan-gp"]


@dataclass(frozen=True)
class Usual:
    """What a loss is trained with unless something else is asked for. penalty: weight of the gradient's; critic_steps:
    of D for one of G; betas: of Adam."""

    penalty: float
    critic_steps: int
    betas: tuple[float, float]


USUAL: dict[Loss, Usual] = {"nonsaturating": Usual(1.0, 1, (0.5, 0.99)), "wgan-gp": Usual(10.0, 5, (0.0, 0.9))}
"""As in its paper for wgan-gp, but for the rate of learning, 1e-4 there. R1's γ is 10 in Mescheder et al., 1 here."""


@dataclass(frozen=True, kw_only=True)
class GanConfig(Config):
    """latent: numbers of noise; loss: of both networks; penalty, critic_steps: None is what is usual for the loss;
    average: share of the old in each step of the running mean of G that is kept."""

    steps: int = 12_000
    batch_size: int = 64
    learning_rate: float = 2e-4
    latent: int = 64
    width: int = 48
    loss: Loss = "nonsaturating"
    penalty: float | None = None
    critic_steps: int | None = None
    average: float = 0.999

    @property
    def weight(self) -> float:
        """Of the penalty."""
        return USUAL[self.loss].penalty if self.penalty is None else self.penalty

    @property
    def turns(self) -> int:
        """Of D for one of G."""
        return USUAL[self.loss].critic_steps if self.critic_steps is None else self.critic_steps

    def problems(self) -> list[str]:
        least = {"critic_steps": self.turns, "latent": self.latent, "width": self.width}
        small = [name for name, value in least.items() if value < 1]
        wrong = [f"{name} is at least 1" for name in small]
        wrong += [] if self.penalty is None or 0 <= self.penalty < 1e6 else ["penalty is at least 0"]
        return [*super().problems(), *wrong, *([] if 0 <= self.average < 1 else ["average lies between 0 and 1"])]


def generator_loss(fake: Tensor, kind: str) -> Tensor:
    """D's scores of made pictures (batch,) → what G makes small."""
    return F.softplus(-fake).mean() if kind == "nonsaturating" else -fake.mean()


def discriminator_loss(real: Tensor, fake: Tensor, kind: str) -> Tensor:
    """D's scores of real and made pictures, each (batch,) → what D makes small, its penalty left out."""
    if kind == "nonsaturating":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    return fake.mean() - real.mean()


def slopes(scores: Tensor, x: Tensor) -> Tensor:
    """Squared length of each score's gradient by its picture: (batch,). Can be differentiated further."""
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, y: Tensor) -> Tensor:
    """E[(‖∇D(x̃)‖ − 1)²] between real and made pictures (Gulrajani et al. 2017, algorithm 1)."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    x = torch.lerp(real, fake, share).requires_grad_()
    return ((slopes(discriminator(x, y), x).add(1e-12).sqrt() - 1) ** 2).mean()


def r1_penalty(real_scores: Tensor, real: Tensor) -> Tensor:
    """½ E[‖∇D(x)‖²] at real pictures (Mescheder et al. 2018, eq. 9)."""
    return 0.5 * slopes(real_scores, real).mean()


class Generator(nn.Module):
    """Noise (batch, latent) and classes (batch,) → pictures (batch, channels, 28, 28) in [-1, 1]."""

    def __init__(self, channels: int, classes: int, latent: int, width: int) -> None:
        super().__init__()
        self.classes = nn.Embedding(classes, latent)
        self.body = nn.Sequential(
            nn.Linear(2 * latent, 4 * width * 49),
            nn.Unflatten(1, (4 * width, 7, 7)),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.body(torch.cat([z, self.classes(y)], 1))


class Discriminator(nn.Module):
    """Pictures and classes → how real, (batch,): a score of the picture, and how well its features fit the class
    (projection, Miyato & Koyama 2018, arXiv:1802.05637)."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.score = nn.Linear(4 * width * 16, 1)
        self.classes = nn.Embedding(classes, 4 * width * 16)
        nn.init.normal_(self.classes.weight, std=0.01)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features = self.body(x)
        return self.score(features)[:, 0] + (self.classes(y) * features).sum(1)


class GanLesson(Lesson):
    kept = ("average",)

    def __init__(self, config: GanConfig, pictures: Pictures, device: torch.device) -> None:
        self._config, self._pictures, self._device = config, pictures, device
        shape = (pictures.channels, len(pictures.classes))
        self.generator = Generator(*shape, config.latent, config.width).to(device)
        self.average = Generator(*shape, config.latent, config.width).to(device).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = Discriminator(*shape, config.width).to(device)
        self.networks = {"generator": self.generator, "average": self.average, "discriminator": self.discriminator}
        self.optimisers = {
            name: torch.optim.Adam(
                self.networks[name].parameters(), config.learning_rate, betas=USUAL[config.loss].betas
            )
            for name in ("generator", "discriminator")
        }
        self._batches = Batches(len(pictures), config.batch_size, config.seed)
        self._z = torch.randn(40, config.latent, generator=torch.Generator().manual_seed(config.seed))

    def _made(self, y: Tensor) -> Tensor:
        return self.generator(torch.randn(len(y), self._config.latent, device=self._device), y)

    def learn(self, step: int) -> dict[str, float]:
        told: dict[str, float] = {}
        for turn in range(self._config.turns):
            told = self._learn_to_judge(self._batches.at(step * self._config.turns + turn))
        y = torch.randint(len(self._pictures.classes), (self._config.batch_size,), device=self._device)
        fake = self._made(y)
        loss = generator_loss(self.discriminator(fake, y), self._config.loss)
        update(self.optimisers["generator"], loss)
        follow(self.average, self.generator, self._config.average, step)
        return {"generator": loss.item(), **told, **collapse.spread(fake.detach(), y)}

    def _learn_to_judge(self, places: Tensor) -> dict[str, float]:
        x = scaled(self._pictures.images[places]).to(self._device).requires_grad_()
        y = self._pictures.labels[places].to(self._device)
        fake = self._made(y).detach()
        real_scores, fake_scores = self.discriminator(x, y), self.discriminator(fake, y)
        loss = discriminator_loss(real_scores, fake_scores, self._config.loss)
        if self._config.loss == "wgan-gp":
            penalty = gradient_penalty(self.discriminator, x.detach(), fake, y)
        else:
            penalty = r1_penalty(real_scores, x)
        update(self.optimisers["discriminator"], loss + self._config.weight * penalty)
        scores = {"score of real": real_scores.mean().item(), "score of made": fake_scores.mean().item()}
        return {"discriminator": loss.item(), "penalty": penalty.item(), **scores}

    def show(self) -> Tensor:
        y = torch.arange(len(self._z), device=self._device) % len(self._pictures.classes)
        return self.average(self._z.to(self._device), y).cpu()

    @cached_property
    def _judge(self) -> Classifier | None:  # loaded where nothing is drawn for the training
        return collapse.judge_of(self._pictures)

    def watch(self) -> dict[str, float]:
        if self._judge is None:
            return {}
        z = torch.randn(collapse.MANY, self._config.latent, generator=torch.Generator().manual_seed(self._config.seed))
        y = torch.arange(len(z), device=self._device) % len(self._pictures.classes)
        return collapse.covered(self._judge, self.average(z.to(self._device), y))

    def about(self) -> dict[str, object]:
        return picture_facts(self._pictures)


def build(config: GanConfig, pictures: Pictures, device: torch.device) -> GanLesson:
    return GanLesson(config, pictures, device)


class Gan:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        config = about["config"]
        self.classes, self.latent = tuple(about["classes"]), config["latent"]
        self.generator = Generator(about["channels"], len(self.classes), self.latent, config["width"])
        load_into(folder, average=self.generator)

    @torch.inference_mode()
    def sample(self, classes: Tensor, *, seed: int = 0) -> Tensor:
        """Pictures (count, channels, 28, 28) of the classes asked for, (count,) int64."""
        z = torch.randn(len(classes), self.latent, generator=torch.Generator().manual_seed(seed))
        return self.generator(z, classes)
