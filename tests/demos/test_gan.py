"""The GAN's two losses in a training, and what watches over its collapse."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from demos import collapse, gan, images, training
from demos.gan import GanLesson
from demos.images import scaled
from tests.demos.test_training import CPU, Looking, config, digits, weights

ROWS, RATE = 40, 1e-3


def lesson(**more: object) -> GanLesson:
    torch.manual_seed(0)
    asked = config("gan", loss="wgan-gp", batch_size=ROWS, **more)
    made = gan.build(asked, digits(ROWS), CPU)
    critic = made.networks["discriminator"].parameters()
    made.optimisers["discriminator"] = torch.optim.SGD(critic, RATE)  # an update is the gradient itself
    return made


def judged(made: GanLesson) -> tuple[dict[str, float], dict[str, Tensor]]:
    """One update of the critic: its figures, and the gradient that it went down."""
    before = {name: value.detach().clone() for name, value in made.discriminator.named_parameters()}
    torch.manual_seed(1)
    told = made._learn_to_judge(torch.arange(ROWS))
    return told, {name: (before[name] - value.detach()) / RATE for name, value in made.discriminator.named_parameters()}


def between(made: GanLesson) -> Tensor:
    """x̃: what the penalty of `judged` is measured at."""
    torch.manual_seed(1)
    fake = made._made(digits(ROWS).labels).detach()
    share = torch.rand(ROWS, 1, 1, 1)
    return (1 - share) * scaled(digits(ROWS).images) + share * fake


def lengths(made: GanLesson, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """‖∇D(x)‖ for each row, a row at a time through torch.func."""

    def score(one: Tensor, y: Tensor) -> Tensor:
        return functional_call(made.discriminator, parameters, (one[None], y[None]))[0]

    return vmap(grad(score))(x, digits(ROWS).labels).flatten(1).norm(dim=1)


def test_the_gradient_penalty_enters_the_critics_loss() -> None:
    plain, penalised = lesson(penalty=0.0), lesson()  # without a word, ten times the penalty, as in the paper
    parameters = {name: value.detach().clone() for name, value in penalised.discriminator.named_parameters()}
    x = between(penalised)
    (told, without), (same, with_it) = judged(plain), judged(penalised)

    def penalty(weights: dict[str, Tensor]) -> Tensor:
        return ((lengths(penalised, x, weights) - 1) ** 2).mean()

    assert told["penalty"] == same["penalty"] == pytest.approx(float(penalty(parameters)), rel=1e-4)
    assert (
        told["discriminator"] == same["discriminator"] == pytest.approx(told["score of made"] - told["score of real"])
    )
    wanted = grad(penalty)(parameters)
    for name, slope in wanted.items():
        assert torch.allclose(with_it[name] - without[name], 10 * slope, rtol=1e-2, atol=2e-3), name
    assert max(float(slope.abs().max()) for slope in wanted.values()) > 0.01


@pytest.mark.parametrize("steepness", [1.0, 200.0])
def test_the_critics_gradient_becomes_as_long_as_one(steepness: float) -> None:
    """From below and from above. The penalty is heavy: at the usual one and a distance W between real and made it would
    settle at 1 + W / (2 · 10), which is far above 1 as long as G makes noise."""
    made = lesson(penalty=300.0)
    with torch.no_grad():
        made.discriminator.score.weight.mul_(steepness)
        made.discriminator.classes.weight.mul_(steepness)
    critic = made.networks["discriminator"].parameters()
    made.optimisers["discriminator"] = torch.optim.Adam(critic, 1e-3, betas=(0.5, 0.99))
    away: list[float] = []
    for _ in range(3):
        found = lengths(made, between(made), dict(made.discriminator.named_parameters()))
        away.append(float((found.detach() - 1).abs().mean()))
        for _ in range(40):
            judged(made)
    assert away[0] > 0.9 and away[1] < 0.3 * away[0] and away[2] < 0.1 * away[0]


@pytest.mark.parametrize("loss", ["nonsaturating", "wgan-gp"])
def test_a_step_says_how_much_its_pictures_differ_within_a_class(loss: str) -> None:
    made = gan.build(config("gan", loss=loss, critic_steps=2, batch_size=ROWS), digits(ROWS), CPU)
    told = made.learn(0)
    assert 0 < told["least diverse class"] <= told["diversity within a class"] and told["diversity"] > 0


def test_a_collapse_within_one_class_shows_where_the_whole_does_not() -> None:
    y = torch.arange(60) % 3
    fake = torch.randn(60, 1, 28, 28)
    fake[y == 1] = fake[1].clone()
    told = collapse.spread(fake, y)
    assert told["diversity"] == pytest.approx(1, abs=0.15) and told["least diverse class"] == 0
    assert told["diversity within a class"] == pytest.approx(2 / 3, abs=0.05)


@pytest.mark.parametrize(
    ("more", "turns", "betas"),
    [
        ({}, 1, (0.5, 0.99)),
        ({"loss": "wgan-gp"}, 5, (0.0, 0.9)),
        ({"loss": "wgan-gp", "critic_steps": 2}, 2, (0.0, 0.9)),
        ({"critic_steps": 3}, 3, (0.5, 0.99)),
    ],
)
def test_each_loss_has_its_papers_turns_and_adam(
    more: dict[str, object], turns: int, betas: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = gan.build(config("gan", **more), digits(ROWS), CPU)
    assert [each.param_groups[0]["betas"] for each in made.optimisers.values()] == [betas, betas]
    judge, judged_rows = made._learn_to_judge, list[Tensor]()

    def counted(places: Tensor) -> dict[str, float]:
        judged_rows.append(places)
        return judge(places)

    monkeypatch.setattr(made, "_learn_to_judge", counted)
    made.learn(0)
    made.learn(1)
    assert [places.tolist() for places in judged_rows] == [made._batches.at(n).tolist() for n in range(2 * turns)]


def test_kinds_that_are_made_are_counted_where_the_classifier_knows_them() -> None:
    known = images.examples()
    judge = collapse.judge_of(known)
    assert judge is not None and collapse.judge_of(digits()) is None
    assert collapse.judge_of(known, images.EXAMPLES.with_name("none")) is None
    x = scaled(known.images)
    told = collapse.covered(judge, x)
    assert told["classes made"] == 10 and 0.05 <= told["rarest class"] <= 0.1
    few = collapse.covered(judge, x[known.labels < 3].repeat(2, 1, 1, 1))
    assert 3 <= few["classes made"] < 7 and few["rarest class"] == 0


def test_the_count_is_told_where_it_is_shown_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_SECONDS", 1000.0)
    monkeypatch.setattr(training, "SHOWN", 2)
    known, asked, watcher = images.examples(), config("gan", steps=6), Looking()
    one, _, _ = training.train(lambda: gan.build(asked, known, CPU), asked, tmp_path / "watched", watcher)
    counted = {step: figures for step, figures in watcher.figures.items() if "classes made" in figures}
    assert set(counted) == training._shown(6) and all(1 <= each["classes made"] <= 10 for each in counted.values())
    monkeypatch.setattr(collapse, "judge_of", lambda pictures: None)
    unwatched = Looking()
    other, _, _ = training.train(lambda: gan.build(asked, known, CPU), asked, tmp_path / "not", unwatched)
    assert not any("classes made" in figures for figures in unwatched.figures.values())
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
