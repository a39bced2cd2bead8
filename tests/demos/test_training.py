"""Every lesson learns, pauses and goes on exactly, and its weights can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from demos import images, pairs, phrases, sampling, series, texts, training, vae
from demos.architectures import ARCHITECTURES, architecture
from demos.errors import BadConfig, Diverged, NoData
from demos.lesson import Lesson, load_into, read_about, save

SMALL: dict[str, dict[str, Any]] = {
    "rnn": {"hidden": 32, "batch_size": 4, "length": 16},
    "transformer": {"width": 16, "layers": 1, "heads": 2, "length": 16, "batch_size": 4},
    "gan": {"width": 8, "latent": 8, "batch_size": 8},
    "vae": {"width": 8, "latent": 4, "batch_size": 8},
    "diffusion": {"width": 32, "batch_size": 4},
    "classifier": {"width": 4, "batch_size": 16},
    "pix2pix": {"width": 8, "batch_size": 8},
    "translator": {"hidden": 16, "width": 8, "batch_size": 8},
    "captioner": {"width": 4, "hidden": 16, "batch_size": 8},
    "forecaster": {"hidden": 8, "back": 10, "ahead": 5, "batch_size": 8},
}
CPU = torch.device("cpu")


class Looking(training.Unwatched):
    """Keeps what it is told; asks for a pause at a step."""

    def __init__(self, pause_at: int = -1) -> None:
        self.figures: dict[int, Mapping[str, float]] = {}
        self.shown: dict[int, Tensor | str] = {}
        self._step, self._pause_at = 0, pause_at

    def tell(self, step: int, steps: int) -> None:
        self._step = step

    def record(self, step: int, figures: Mapping[str, float]) -> None:
        self.figures[step] = figures

    def made(self, step: int, what: Tensor | str) -> None:
        self.shown[step] = what

    def asked(self) -> str:
        return "pause" if self._step == self._pause_at else ""


def digits(count: int = 40) -> images.Pictures:
    found = images.digits()
    return replace(found, images=found.images[:count], labels=found.labels[:count])


def config(name: str, **more: Any) -> Any:
    return architecture(name).config_class()(**{"steps": 6, **SMALL[name], **more})


def lesson(name: str, asked: Any) -> Lesson:
    build = architecture(name).module().build
    if name in ("rnn", "transformer"):
        return build(asked, texts.Text.of(texts.tales(40), "tales"), CPU)
    if name == "translator":
        return build(asked, pairs.Pairs.of(phrases.pairs(300), "phrases"), CPU)
    if name == "forecaster":
        return build(asked, series.Series.of(series.waves(400), "waves"), CPU)
    return build(asked, digits(), digits(), CPU) if architecture(name).tested else build(asked, digits(), CPU)


def trained(name: str, folder: Path, asked: Any, watcher: Any = None) -> tuple[Lesson, str]:
    made, ended, _ = training.train(lambda: lesson(name, asked), asked, folder, watcher)
    return made, ended


def weights(made: Lesson) -> list[Tensor]:
    return [value for each in made.networks.values() for value in each.state_dict().values()]


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_SECONDS", 0.0)
    monkeypatch.setattr(training, "SHOWN", 1)  # what is made is not looked at here, and takes most of the time


@pytest.mark.parametrize("name", SMALL)
def test_a_pause_changes_nothing(name: str, tmp_path: Path) -> None:
    asked, whole, parts = config(name), Looking(), Looking(pause_at=3)
    straight, ended = trained(name, tmp_path / "whole", asked, whole)
    assert ended == "finished" and sorted(whole.figures) == [1, 2, 3, 4, 5, 6]
    _, ended = trained(name, tmp_path / "parts", asked, parts)
    assert ended == "pause" and max(parts.figures) == 3
    torch.rand(5)
    parts = Looking()
    again, _ = trained(name, tmp_path / "parts", asked, parts)
    assert {step: parts.figures[step] for step in (4, 5, 6)} == {step: whole.figures[step] for step in (4, 5, 6)}
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(again), strict=True))


@pytest.mark.parametrize("name", ["gan", "vae"])
def test_going_on_learns_at_the_rate_that_is_asked_for_now(name: str, tmp_path: Path) -> None:
    before, _ = trained(name, tmp_path, config(name, steps=3))
    again, _ = trained(name, tmp_path, config(name, steps=4, learning_rate=1e-5))
    for key, optimiser in again.optimisers.items():
        (group,), (old,) = optimiser.param_groups, before.optimisers[key].param_groups
        assert group["lr"] == 1e-5 and group["betas"] == old["betas"]
        moved = [(one - other).detach().abs().max() for one, other in zip(old["params"], group["params"], strict=True)]
        assert 0 < max(moved) < 1e-4  # at the rate before it would be ten times that
        assert {int(each["step"]) for each in optimiser.state.values()} == {4}


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_is_all_that_is_random(name: str, tmp_path: Path) -> None:
    made = [trained(name, tmp_path / str(n), config(name, steps=2, seed=n // 2))[0] for n in range(3)]
    same = [all(torch.equal(a, b) for a, b in zip(weights(made[0]), weights(each), strict=True)) for each in made[1:]]
    assert same == [True, False]


@pytest.mark.parametrize("name", ["gan", "vae", "diffusion"])
def test_weights_are_saved_and_draw(name: str, tmp_path: Path) -> None:
    asked = config(name, steps=2)
    made, _ = trained(name, tmp_path, asked)
    save(tmp_path / "model", made, name, asked, {"steps": 2})
    wish = sampling.Wish(count=12, steps=3, seed=4)
    one, same = (sampling.pictures(name, tmp_path / "model", wish) for _ in range(2))
    other = sampling.pictures(name, tmp_path / "model", replace(wish, seed=5))
    assert one.shape == (12, 1, 28, 28) and -1 <= one.min() <= one.max() <= 1
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert len(sampling.film(name, tmp_path / "model", wish)) == (3 if name == "diffusion" else 8)


def test_a_vae_varies_and_finds_strangers(tmp_path: Path) -> None:
    asked = config("vae", steps=120, batch_size=40, learning_rate=5e-3)
    made, _ = trained("vae", tmp_path, asked)
    save(tmp_path / "model", made, "vae", asked, {})
    model = ARCHITECTURES["vae"].load(tmp_path / "model")
    own = images.scaled(digits().images)
    same = model.vary(own[0], 3, strength=0.0)
    assert torch.allclose(same, model.reconstruct(own[:1]).expand(3, -1, -1, -1), atol=1e-5)
    assert not torch.allclose(model.vary(own[0], 1, strength=0.5), same[:1], atol=1e-2)
    assert torch.allclose(model.between(own[0], own[1], 5)[[0, 4]], model.reconstruct(own[:2]), atol=1e-5)
    assert model.map(own).shape == (40, 2)
    shares, bounds = model.strangeness(own)
    assert model.strangeness(-own)[0].min() > shares.max()  # a negative is no digit
    mu, log_var = model.encoder(own)
    spread = Normal(0.0, model.spread**0.5)
    least = -spread.log_prob(own - model.decoder(mu)).sum((1, 2, 3)) + vae.kl_divergence(mu, log_var)
    assert bounds.shape == (40,) and float((bounds - least).mean()) > 0  # a draw of z costs more than the mean


def test_the_spread_of_a_vae_is_that_of_the_codes_that_are_drawn() -> None:
    torch.manual_seed(0)
    made: Any = lesson("vae", config("vae"))
    x = images.scaled(digits().images)
    with torch.no_grad():
        made.encoder.body[-1].bias[4:] = 5.0  # log σ²: codes lie wide
        mu, log_var = made.encoder(x)
        draws = [made.decoder(torch.normal(mu, (0.5 * log_var).exp())) for _ in range(50)]
        drawn, still = (float(((x - each) ** 2).mean()) for each in (torch.stack(draws), made.decoder(mu)))
    state = torch.get_rng_state()
    spread = made.about()["spread"]
    assert abs(spread - drawn) < 0.3 * abs(still - drawn)
    assert spread == made.about()["spread"] and torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", ["rnn", "transformer"])
def test_weights_are_saved_and_write(name: str, tmp_path: Path) -> None:
    asked = config(name, steps=2)
    made, _ = trained(name, tmp_path, asked)
    save(tmp_path / "model", made, name, asked, {})
    writer = ARCHITECTURES[name].load(tmp_path / "model")
    one, same = ("".join(writer.write("On Monday", 40, seed=1)) for _ in range(2))
    assert len(one) == 40 and one == same != "".join(writer.write("On Monday", 40, seed=2))
    assert "".join(writer.write("", 5, temperature=0)) == "".join(writer.write("", 5, temperature=0, seed=9))


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    asked = config("vae", learning_rate=0.99, steps=60)

    def make() -> Lesson:
        made = lesson("vae", asked)
        with torch.no_grad():
            next(iter(made.networks["decoder"].parameters())).fill_(float("nan"))
        return made

    with pytest.raises(Diverged, match="step 1"):
        training.train(make, asked, tmp_path)


class Scripted(Lesson):
    """Says that its loss is no number from a step on; `spoils`: the weights of that step are none either."""

    kept = ("network",)

    def __init__(self, at: int, *, spoils: bool = False) -> None:
        self.networks = {"network": torch.nn.Linear(2, 2)}
        self.optimisers = {"network": torch.optim.SGD(self.networks["network"].parameters(), 0.1)}
        self._at, self._spoils = at, spoils

    def learn(self, step: int) -> dict[str, float]:
        if step + 1 == self._at and self._spoils:
            with torch.no_grad():
                next(self.networks["network"].parameters()).fill_(float("inf"))
            return {"loss": 1.0}
        return {"loss": float("nan") if step + 1 >= self._at else 1.0}

    def show(self) -> str:
        return ""


@pytest.mark.parametrize(("spoils", "wrong"), [(False, "loss"), (True, "a weight of the network")])
def test_what_has_diverged_is_never_saved(
    spoils: bool, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_SECONDS", 1000.0)  # whether figures are told or not
    monkeypatch.setattr(training, "SAVE_SECONDS", -1.0)
    with pytest.raises(Diverged, match=f"step 4: {wrong} is no number"):
        training.train(lambda: Scripted(4, spoils=spoils), config("vae", steps=9), tmp_path)
    assert training.resume(Scripted(99), tmp_path)[0] == 3
    assert training.train(lambda: Scripted(99), config("vae", steps=9), tmp_path)[1] == "finished"


def test_weights_appear_whole(tmp_path: Path) -> None:
    folder, asked = tmp_path / "model", config("vae")

    class Measured(Scripted):
        def about(self) -> dict[str, Any]:
            assert not folder.exists()  # a page asks for it while this takes its time
            return {"accuracy": 0.5}

        def keep(self, folder: Path) -> None:
            (folder / "more").write_text("more")

    class Failing(Scripted):
        def keep(self, folder: Path) -> None:
            (folder / "half").write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        save(folder, Failing(9), "vae", asked, {})
    assert not list(tmp_path.iterdir())
    (tmp_path / "model.part").mkdir()
    (tmp_path / "model.part" / "half").write_text("of one that was killed")
    assert save(folder, Measured(9), "vae", asked, {"steps": 1})["accuracy"] == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert {path.name for path in folder.iterdir()} == {"lab.json", "model.safetensors", "more"}
    with pytest.raises(OSError, match="No space"):
        save(folder, Failing(9), "vae", asked, {})
    assert (folder / "more").exists()  # what was there is there still
    save(folder, Scripted(9), "vae", asked, {"steps": 2})
    assert not (folder / "more").exists() and read_about(folder)["steps"] == 2


@pytest.mark.parametrize("mirrored", [False, True])
def test_only_what_may_be_mirrored_is(mirrored: bool) -> None:
    pictures = replace(digits(), mirrored=mirrored)
    made = architecture("classifier").module().build(config("classifier", batch_size=40), pictures, digits(), CPU)
    seen: list[Tensor] = []
    made.classifier.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    made.learn(0)
    x = images.scaled(pictures.images[made._batches.at(0)])
    same = [bool(torch.equal(one, other)) for one, other in zip(seen[0], x, strict=True)]
    flipped = [bool(torch.equal(one, other.flip(2))) for one, other in zip(seen[0], x, strict=True)]
    assert all(a or b for a, b in zip(same, flipped, strict=True))
    assert all(same) is not mirrored
    assert images.examples().mirrored and not images.digits().mirrored


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    trained("vae", tmp_path, config("vae", steps=1))
    with pytest.raises(NoData, match="cannot be gone on with"):
        trained("vae", tmp_path, config("vae", steps=2, latent=5))
    (tmp_path / training.CHECKPOINT).write_bytes(b"half")
    with pytest.raises(NoData, match="cannot be gone on with"):
        trained("vae", tmp_path, config("vae", steps=2))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained("vae", tmp_path, config("vae", steps=1))
    before = (tmp_path / training.CHECKPOINT).read_bytes()

    def full(what: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        trained("vae", tmp_path, config("vae", steps=2))
    assert (tmp_path / training.CHECKPOINT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [training.CHECKPOINT]


def test_weights_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="nothing of the lab"):
        ARCHITECTURES["vae"].load(tmp_path)
    asked = config("vae", steps=1)
    made, _ = trained("vae", tmp_path, asked)
    save(tmp_path / "model", made, "vae", asked, {})
    with pytest.raises(NoData, match="cannot be used"):
        load_into(tmp_path / "model", encoder=torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"count": 0}, "0 pictures"),
        ({"count": 10_000}, "10000 pictures"),
        ({"label": "hat"}, "no class 'hat'"),
        ({"seed": -1}, "a seed is 0 or more"),
        ({"guidance": float("nan")}, "guidance lies between"),
        ({"count": 400, "steps": 1000}, "more work than is done at once"),
        ({"steps": 0}, "0 steps"),
        ({"sampler": "magic"}, "'magic'"),
    ],
)
def test_wishes_that_cannot_be(wish: dict[str, Any], said: str, tmp_path: Path) -> None:
    asked = config("diffusion", steps=1)
    made, _ = trained("diffusion", tmp_path, asked)
    save(tmp_path, made, "diffusion", asked, {})
    with pytest.raises(BadConfig, match=said):
        sampling.pictures("diffusion", tmp_path, sampling.Wish(**wish))


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("vae", {"width": 10}, "multiple of 8"),
        ("gan", {"latent": 0, "penalty": -5.0}, "latent is at least 1; penalty"),
        ("gan", {"critic_steps": 0}, "critic_steps is at least 1"),
        ("diffusion", {"width": 0, "layers": 0}, "multiple of 32; layers"),
        ("classifier", {"width": 0}, "width is at least 1"),
        ("pix2pix", {"width": 4, "weight": -1.0}, "weight is at least 0; width is a multiple of 8"),
        ("rnn", {"hidden": 0}, "hidden is at least 1"),
        ("transformer", {"width": 10, "heads": 4}, "multiple of heads"),
        ("vae", {"seed": 10**20, "steps": 0}, "steps is at least 1; seed lies"),
    ],
)
def test_settings_that_cannot_be(name: str, given: dict[str, Any], said: str) -> None:
    assert said in "; ".join(config(name, **given).problems())


def test_weights_that_say_too_little_of_themselves(tmp_path: Path) -> None:
    asked = config("gan", steps=1)
    made, _ = trained("gan", tmp_path, asked)
    save(tmp_path / "model", made, "gan", asked, {})
    (tmp_path / "model" / "lab.json").write_text("{}")
    with pytest.raises(NoData, match="cannot be used"):
        ARCHITECTURES["gan"].load(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(NoData, match="cannot be used"):
        load_into(tmp_path / "model", average=torch.nn.Linear(1, 1))


def test_what_draws_no_pictures() -> None:
    with pytest.raises(BadConfig, match="draws no pictures"):
        sampling.pictures("rnn", Path(), sampling.Wish())
    with pytest.raises(BadConfig, match="no 'hopfield'"):
        architecture("hopfield")


def test_showing_is_dense_at_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SHOWN", 24)
    steps = sorted(training._shown(8000))
    assert steps[-1] == 8000 and len(steps) == training.SHOWN
    assert steps[1] - steps[0] < (steps[-1] - steps[-2]) / 2
    assert training._shown(1) == {1}
