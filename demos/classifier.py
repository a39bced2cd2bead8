"""A small classifier of pictures: its last layer is the space in which the lab measures distances between pictures.

It is trained here, so a Fréchet distance in its space is no FID of Inception's: figures compare with each other alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.images import SIZE, Pictures, scaled
from demos.lesson import Batches, Config, Lesson, load_into, picture_facts, read_about, update

FEATURES = 64


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(Config):
    steps: int = 3000
    learning_rate: float = 2e-3
    width: int = 32

    def problems(self) -> list[str]:
        return [*super().problems(), *([] if self.width >= 1 else ["width is at least 1"])]


class Classifier(nn.Module):
    """Convolutions 28 → 14 → 7, the mean over places, FEATURES numbers, a score for each class."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.channels = channels

        def block(inward: int, outward: int, stride: int) -> list[nn.Module]:
            return [nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU()]

        self.body = nn.Sequential(
            *block(channels, width, 1),
            *block(width, 2 * width, 2),
            *block(2 * width, 2 * width, 1),
            *block(2 * width, 4 * width, 2),
            *block(4 * width, FEATURES, 1),
        )
        self.head = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """(batch, channels, 28, 28) in [-1, 1] → (batch, FEATURES)."""
        return self.body(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, 28, 28) → scores (batch, classes)."""
        return self.head(self.features(x))


class ClassifierLesson(Lesson):
    kept = ("classifier",)

    def __init__(self, config: ClassifierConfig, pictures: Pictures, test: Pictures, device: torch.device) -> None:
        self._config, self._pictures, self._test, self._device = config, pictures, test, device
        self.classifier = Classifier(pictures.channels, len(pictures.classes), config.width).to(device)
        self.networks = {"classifier": self.classifier}
        optimiser = torch.optim.AdamW(self.classifier.parameters(), config.learning_rate, weight_decay=0.02)
        self.optimisers = {"classifier": optimiser}
        self._batches = Batches(len(pictures), config.batch_size, config.seed)

    def learn(self, step: int) -> dict[str, float]:
        rate = self._config.learning_rate * (1 - step / self._config.steps)
        places = self._batches.at(step)
        x, y = scaled(self._pictures.images[places]).to(self._device), self._pictures.labels[places].to(self._device)
        if self._pictures.mirrored:
            x = torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x.flip(3), x)
        loss = F.cross_entropy(self.classifier(x), y)
        update(self.optimisers["classifier"], loss, rate=rate)
        return {"loss": loss.item()}

    def show(self) -> str:
        some = slice(0, 1000)
        right = predict(self.classifier, self._test.images[some]).argmax(1) == self._test.labels[some]
        return f"{right.float().mean().item():.1%} of {len(right)} test pictures are right."

    def about(self) -> dict[str, object]:
        self.classifier.eval()
        right = predict(self.classifier, self._test.images).argmax(1) == self._test.labels
        return {**picture_facts(self._pictures), "test_accuracy": round(right.float().mean().item(), 4)}

    def keep(self, folder: Path) -> None:
        from demos import reference

        if len(self._test) >= reference.LEAST:
            found = reference.real(self.classifier, self._pictures, self._test, count=reference.KEPT_ROWS)
            reference.keep(folder, found)


def build(config: ClassifierConfig, pictures: Pictures, test: Pictures, device: torch.device) -> ClassifierLesson:
    return ClassifierLesson(config, pictures, test, device)


def load(folder: Path) -> Classifier:
    """A trained classifier. Raises NoData."""
    about = read_about(folder)
    network = Classifier(about["channels"], len(about["classes"]), about["config"]["width"])
    load_into(folder, classifier=network)
    return network


@torch.inference_mode()
def predict(network: Classifier, images: Tensor, *, batch: int = 500) -> Tensor:
    """Probabilities (count, classes) of pictures: uint8, or float in [-1, 1]."""
    return torch.cat([network(_floats(part, network)).softmax(1).cpu() for part in images.split(batch)])


@torch.inference_mode()
def features(network: Classifier, images: Tensor, *, batch: int = 500) -> Tensor:
    """(count, FEATURES) of pictures: uint8, or float in [-1, 1]."""
    return torch.cat([network.features(_floats(part, network)).cpu() for part in images.split(batch)])


@torch.inference_mode()
def occlusion(network: nn.Module, x: Tensor, *, side: int = 6, stride: int = 2) -> Tensor:
    """How many bits less likely the likeliest class becomes where a black square is laid over a picture (Zeiler &
    Fergus 2014, arXiv:1311.2901, section 4.2). x: (channels, 28, 28) in [-1, 1] → (28 / stride, 28 / stride)."""
    places = torch.arange(SIZE)
    middles = torch.arange(0, SIZE, stride) + (stride - 1) / 2
    near = (places - middles[:, None]).abs() < side / 2  # (middles, 28)
    hidden = near[:, None, :, None] & near[None, :, None, :]  # (middles, middles, 28, 28)
    covered = torch.where(hidden[:, :, None], -1.0, x).flatten(0, 1)
    before, after = network(x[None]).log_softmax(1), network(covered).log_softmax(1)
    likeliest = before.argmax()
    return ((before[0, likeliest] - after[:, likeliest]) / math.log(2)).view(len(middles), -1)


def _floats(images: Tensor, network: Classifier) -> Tensor:
    images = images.to(network.head.weight.device)
    return scaled(images) if images.dtype == torch.uint8 else images
