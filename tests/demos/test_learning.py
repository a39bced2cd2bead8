"""Every architecture learns: each is given a handful by heart, and knows it in seconds on one core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from demos import classifier, diffusion, images, pix2pix, rnn, texts, transformer
from demos.architectures import ARCHITECTURES, architecture
from demos.lesson import Lesson

CPU = torch.device("cpu")


def handful(count: int, *, times: int = 1) -> images.Pictures:
    """The first digits, the whole of them so many times."""
    found = images.digits()
    places = torch.arange(count).repeat(times)
    return replace(found, images=found.images[places], labels=found.labels[places])


def text() -> texts.Text:
    """Three tales, told over and over: about 500 characters are to be known by heart."""
    return texts.Text.of(texts.tales(3) * 12, "tales")


def learnt(name: str, *data: Any, steps: int, **more: Any) -> Any:
    """A lesson that has been learnt to its end."""
    chosen = architecture(name)
    asked = chosen.config_class()(steps=steps, **more)
    torch.manual_seed(asked.seed)
    lesson: Lesson = chosen.module().build(asked, *data, CPU)
    for step in range(steps):
        lesson.learn(step)
    for network in lesson.networks.values():
        network.eval().requires_grad_(False)
    return lesson


def away(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared differences of all pairs: (count, channels, 28, 28) each → (count, other's count)."""
    return torch.cdist(one.flatten(1), other.flatten(1)) ** 2 / one[0].numel()


MOST_LINES = 250


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_read_in_one_short_file(name: str) -> None:
    source = Path(architecture(name).module().__file__).read_text("utf-8")
    assert len(source.splitlines()) < MOST_LINES


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_recurrent_network_knows_a_text_by_heart(cell: str) -> None:
    known = text()
    lesson = learnt("rnn", known, steps=300, cell=cell, hidden=96, batch_size=8, length=48, learning_rate=5e-3)
    assert rnn.bits(lesson.writer, known.train) < 0.2
    written = rnn.write(lesson.writer, known.characters, texts.tales(3)[:40], 100, temperature=0)
    assert "".join(written) == texts.tales(3)[40:140]


def test_a_transformer_knows_a_text_by_heart() -> None:
    known = text()
    lesson = learnt("transformer", known, steps=400, width=48, layers=2, length=32, batch_size=16, learning_rate=5e-3)
    assert transformer.bits(lesson.gpt, known.train) < 0.2


def test_a_vae_gives_back_what_it_has_seen() -> None:
    known = handful(16)
    lesson = learnt("vae", known, steps=120, width=16, batch_size=16, learning_rate=3e-3)
    x = images.scaled(known.images)
    back = lesson.decoder(lesson.encoder(x)[0])
    of_the_mean = F.mse_loss(x.mean(0).expand_as(x), x)
    assert F.mse_loss(back, x) < 0.1 * of_the_mean
    assert away(back, x).argmin(1).tolist() == list(range(16))


def test_a_diffusion_makes_the_one_picture_that_it_has_seen() -> None:
    known = handful(1, times=8)
    lesson = learnt("diffusion", known, steps=150, width=32, batch_size=8, learning_rate=1e-2, average=0.9)
    noise = torch.randn(6, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    made = diffusion.denoised(lesson.average, known.labels[:6], noise, steps=10)
    to_all = away(made, images.scaled(handful(200).images))
    assert to_all.argmin(1).tolist() == [0] * 6
    assert to_all[:, 0].max() < 0.15 * to_all[:, 1:].mean()


def test_a_gan_makes_both_pictures_of_two() -> None:
    known = handful(2, times=8)
    known = replace(known, classes=known.classes[:2])
    lesson = learnt("gan", known, steps=150, width=16, latent=8, batch_size=16, learning_rate=1e-3, average=0.9)
    y = torch.arange(40) % 2
    made = lesson.average(torch.randn(40, 8, generator=torch.Generator().manual_seed(1)), y)
    x = images.scaled(known.images[:2])
    to_both = away(made, x) / away(x[:1], x[1:])
    assert to_both.argmin(1).equal(y) and to_both.min(1).values.max() < 0.1  # half of both would be 0.25 from each


def test_a_classifier_is_right_of_all_that_it_has_seen() -> None:
    known = handful(32)
    lesson = learnt("classifier", known, known, steps=80, width=8, batch_size=32, learning_rate=1e-2)
    said = classifier.predict(lesson.classifier, known.images)
    assert said.argmax(1).tolist() == known.labels.tolist() and said.max(1).values.mean() > 0.9


def test_edges_become_the_pictures_that_they_were_of() -> None:
    known = handful(16)
    lesson = learnt("pix2pix", known, known, steps=100, width=8, batch_size=16, learning_rate=3e-3)
    x = images.scaled(known.images)
    made = pix2pix.paint(lesson.generator, pix2pix.edges(x))
    assert F.l1_loss(made, x) < 0.25 * F.l1_loss(x.mean(0).expand_as(x), x)
    assert away(made, x).argmin(1).tolist() == list(range(16))
