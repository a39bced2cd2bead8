"""Losses and schedules against formulas of other hands."""

from __future__ import annotations

import math
from collections import deque
from typing import ClassVar

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from demos import diffusion, gan, restoring, rnn, transformer, vae
from demos.lesson import follow


def test_the_kl_is_that_of_torchs_distributions() -> None:
    mu, log_var = torch.randn(5, 7), torch.randn(5, 7)
    wanted = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(vae.kl_divergence(mu, log_var), wanted, atol=1e-5)


def test_the_reconstruction_is_the_likelihood_at_the_best_spread() -> None:
    x, x_hat = torch.randn(6, 1, 4, 4), torch.randn(6, 1, 4, 4)
    spread = ((x - x_hat) ** 2).mean().sqrt()
    likelihood = Normal(x_hat, spread).log_prob(x).sum((1, 2, 3)).mean()
    constants = 16 * 0.5 * (1 + math.log(2 * math.pi))
    assert float(vae.reconstruction(x, x_hat)) == pytest.approx(float(-likelihood) - constants, rel=1e-5)


def test_noise_is_added_as_the_paper_says() -> None:
    alpha_bar = diffusion.signal_rates()
    x0 = torch.full((20_000, 1, 1, 1), 0.7)
    for time in (0, 400, 999):
        x = diffusion.q_sample(x0, torch.full((20_000,), time), torch.randn_like(x0), alpha_bar)
        assert float(x.mean()) == pytest.approx(0.7 * math.sqrt(alpha_bar[time]), abs=0.03)
        assert float(x.var()) == pytest.approx(1 - float(alpha_bar[time]), abs=0.03)


def test_the_schedule_is_the_cosine() -> None:
    def f(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    wanted, alpha_bar = 1.0, diffusion.signal_rates()
    for time in range(diffusion.TIMES):
        wanted *= 1 - min(0.999, 1 - f((time + 1) / diffusion.TIMES) / f(time / diffusion.TIMES))
        assert float(alpha_bar[time]) == pytest.approx(wanted, abs=1e-4)


def test_picture_and_noise_come_back_from_the_velocity() -> None:
    alpha_bar, t = diffusion.signal_rates(), torch.tensor([3, 500, 990])
    x0, noise = torch.randn(3, 1, 2, 2), torch.randn(3, 1, 2, 2)
    x, v = diffusion.q_sample(x0, t, noise, alpha_bar), diffusion.velocity(x0, t, noise, alpha_bar)
    a = alpha_bar[t].view(-1, 1, 1, 1)
    assert torch.allclose(a.sqrt() * x - (1 - a).sqrt() * v, x0, atol=1e-5)
    assert torch.allclose((1 - a).sqrt() * x + a.sqrt() * v, noise, atol=1e-5)


class Knowing(nn.Module):
    """Says the right v for data that is one picture: what any sampler must then find."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.picture, self.alpha_bar = picture, diffusion.signal_rates()
        self.anything = 10

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        a = self.alpha_bar[t].view(-1, 1, 1, 1)
        noise = (x - a.sqrt() * self.picture) / (1 - a).sqrt()
        return a.sqrt() * noise - (1 - a).sqrt() * self.picture


@pytest.mark.parametrize("sampler", list(diffusion.SAMPLERS))
@pytest.mark.parametrize("steps", [1, 5, 20, 61, 150])
def test_every_sampler_finds_the_one_picture(sampler: diffusion.Sampler, steps: int) -> None:
    picture = torch.rand(1, 1, 28, 28) * 1.6 - 0.8
    frames = list(
        diffusion.denoise(
            Knowing(picture), torch.zeros(2, dtype=torch.int64), torch.randn(2, 1, 28, 28), steps=steps, sampler=sampler
        )
    )
    assert len(frames) == steps
    assert torch.allclose(frames[-1], picture.expand(2, -1, -1, -1), atol=1e-2)


def test_guidance_begins_where_the_noise_is_no_longer_greatest() -> None:
    network = Remembering()
    y, noise = torch.zeros(3, dtype=torch.int64), torch.randn(3, 1, 28, 28)
    deque(diffusion.denoise(network, y, noise, guidance=2.0), 0)
    assert [len(x) for x, *_ in network.calls] == [6 if t[0] < 800 else 3 for _, t, _ in network.calls]


def test_a_guess_is_clipped_by_ddpm_alone_and_the_picture_by_all() -> None:
    class Overdone(Knowing):
        went: ClassVar[list[float]] = []

        def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
            self.went.append(x.abs().mean().item())
            return super().forward(x, t, y)

    ends: dict[str, float] = {}
    for sampler in diffusion.SAMPLERS:
        network = Overdone(torch.full((1, 1, 28, 28), 3.0))
        y, noise = torch.zeros(1, dtype=torch.int64), torch.randn(1, 1, 28, 28)
        made = diffusion.denoised(network, y, noise, sampler=sampler)
        assert made.max() <= 1
        ends[sampler] = network.went[-1]
    assert ends["ddim"] > 2.5 and ends["dpm-solver"] > 2.5 and ends["ddpm"] < 1.5


def test_ddim_draws_nothing_but_its_beginning() -> None:
    noise, y = torch.randn(1, 1, 28, 28), torch.zeros(1, dtype=torch.int64)

    def frames(sampler: diffusion.Sampler, seed: int) -> Tensor:
        return torch.stack(list(diffusion.denoise(Remembering(), y, noise, steps=4, seed=seed, sampler=sampler)))

    assert torch.equal(frames("ddim", 1), frames("ddim", 2))
    assert (frames("ddpm", 1)[-1] - frames("ddpm", 2)[-1]).abs().max() > 1e-2  # its noise is drawn at each step
    assert torch.equal(frames("ddpm", 1), frames("ddpm", 1))


def test_what_is_known_is_held() -> None:
    x, small = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 14, 14)
    held = restoring.resolution(small, 2)(x)
    assert torch.allclose(restoring.shrink(held, 2), small, atol=1e-6)
    detail = x - restoring.enlarge(restoring.shrink(x, 2), 2)
    assert torch.allclose(held - restoring.enlarge(small, 2), detail, atol=1e-6)  # what was not known stays
    mask = torch.zeros(28, 28)
    mask[10:20] = 1
    filled = restoring.holes(torch.zeros_like(x), mask)(x)
    assert filled[:, :, :10].abs().max() == 0 and torch.equal(filled[:, :, 10:20], x[:, :, 10:20])


def test_filling_sharpening_and_cleaning_find_the_one_picture() -> None:
    picture = torch.rand(1, 1, 28, 28) * 1.6 - 0.8
    network, y = Knowing(picture), torch.zeros(2, dtype=torch.int64)
    two = picture.expand(2, -1, -1, -1)
    mask = torch.zeros(28, 28)
    mask[5:15, 5:15] = 1
    other = torch.where(mask.bool(), two, torch.full_like(two, 0.3))  # known outside the hole, and not what it would be
    filled = restoring.fill(network, torch.where(mask.bool(), 0.0, 0.3).expand_as(two), mask, y, steps=5)
    assert torch.allclose(filled, other, atol=1e-2)
    small = restoring.shrink(two, 4) * 0.5
    made = restoring.sharpen(network, small, 4, y, steps=5)
    assert torch.allclose(restoring.shrink(made, 4), small, atol=1e-5)
    for noise in (0.05, 0.5, 3.0):
        noisy = two + noise * torch.randn(2, 1, 28, 28)
        assert torch.allclose(restoring.clean(network, noisy, noise, y), two, atol=1e-2)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5, 3.0])
@pytest.mark.parametrize("painted", [False, True])
def test_mending_finds_the_one_picture(noise: float, painted: bool) -> None:
    picture = torch.rand(1, 1, 28, 28) * 1.6 - 0.8
    network, two = Knowing(picture), picture.expand(2, -1, -1, -1)
    mask = torch.zeros(28, 28)
    mask[5:15, 5:15] = painted
    damaged = two + noise * torch.randn(2, 1, 28, 28)
    damaged[:, :, mask.bool()] = -0.9
    made = restoring.mend(network, damaged, noise, mask, torch.zeros(2, dtype=torch.int64))
    assert torch.allclose(made, two, atol=1e-2)


def test_a_hole_is_as_noisy_as_the_rest_when_the_whole_is_cleaned() -> None:
    class Seeing(Knowing):
        seen: ClassVar[list[tuple[int, Tensor]]] = []

        def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
            self.seen.append((int(t[0]), x))
            return super().forward(x, t, y)

    network, noise = Seeing(torch.full((1, 1, 28, 28), 0.5)), 0.4
    mask = torch.zeros(28, 28, dtype=torch.bool)
    mask[:14] = True
    damaged = 0.5 + noise * torch.randn(8, 1, 28, 28)
    damaged[:, :, mask] = -1.0
    restoring.mend(network, damaged, noise, mask, torch.zeros(8, dtype=torch.int64))
    times = [time for time, _ in network.seen]
    assert len(times) == 51 and len(set(times)) == 50  # the time of its noise is gone through twice, once as a whole
    again = next(place for place in range(1, 51) if times[place] == times[place - 1])
    time, x = network.seen[again]
    a = float(network.alpha_bar[time])
    for part in (x[:, :, mask], x[:, :, ~mask]):
        assert float(part.mean()) == pytest.approx(0.5 * math.sqrt(a), abs=0.03)
        assert float(part.std()) == pytest.approx(math.sqrt(1 - a), abs=0.03)


def test_cleaning_begins_at_the_noise_that_there_is() -> None:
    class Counting(Knowing):
        times: ClassVar[list[int]] = []

        def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
            self.times.append(int(t[0]))
            a = self.alpha_bar[t[0]]
            if len(self.times) == 1:  # what it is shown has the mean and the spread of that step
                assert float(x.mean()) == pytest.approx(0.5 * float(a.sqrt()), abs=0.03)
                assert float(x.std()) == pytest.approx(float((1 - a).sqrt()), abs=0.03)
            return super().forward(x, t, y)

    network = Counting(torch.full((1, 1, 28, 28), 0.5))
    restoring.clean(network, 0.5 + 0.4 * torch.randn(4, 1, 28, 28), 0.4, torch.zeros(4, dtype=torch.int64), steps=50)
    assert 3 < len(network.times) < 25 and network.times[-1] < 20


class Linear(nn.Module):
    """A critic whose slope is the same everywhere."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((16,), slope))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x.flatten(1) @ self.slope


def test_penalties_of_a_linear_critic_are_known() -> None:
    critic, y = Linear(0.75), torch.zeros(8, dtype=torch.int64)  # its slope has the length √16 · 0.75 = 3
    real, fake = torch.randn(8, 1, 4, 4), torch.randn(8, 1, 4, 4)
    penalty = gan.gradient_penalty(critic, real, fake, y)
    assert float(penalty) == pytest.approx((3 - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert critic.slope.grad is not None and float(critic.slope.grad[0]) == pytest.approx(2 * 2 * 0.75 / 3, rel=1e-4)
    x = real.requires_grad_()
    assert float(gan.r1_penalty(critic(x, y), x)) == pytest.approx(0.5 * 9, rel=1e-5)


def test_gan_losses_are_cross_entropies() -> None:
    real, fake = torch.randn(50), torch.randn(50)
    entropy = nn.functional.binary_cross_entropy_with_logits
    wanted = entropy(real, torch.ones(50)) + entropy(fake, torch.zeros(50))
    assert torch.allclose(gan.discriminator_loss(real, fake, "nonsaturating"), wanted)
    assert torch.allclose(gan.generator_loss(fake, "nonsaturating"), entropy(fake, torch.ones(50)))
    assert torch.allclose(gan.discriminator_loss(real, fake, "wgan-gp"), fake.mean() - real.mean())


def test_attention_is_softmax_of_scaled_products() -> None:
    block = transformer.Block(16, 4)
    x = torch.randn(2, 5, 16)
    weights = block.attention(x)
    assert torch.allclose(weights.sum(3), torch.ones(2, 4, 5)) and weights.triu(1).abs().max() == 0
    _, _, v = block._split(x)
    slow = x + block.out((weights @ v).transpose(1, 2).flatten(2))
    slow = slow + block.network(block.before_network(slow))
    assert torch.allclose(block(x), slow, atol=1e-5)


def test_a_gpt_sees_nothing_that_comes_later() -> None:
    gpt = transformer.Gpt(20, 16, 2, 2, 12).eval()
    x = torch.randint(20, (1, 12))
    other = x.clone()
    other[0, 8:] = (other[0, 8:] + 1) % 20
    assert torch.allclose(gpt(x)[:, :8], gpt(other)[:, :8], atol=1e-5)


@pytest.mark.parametrize("length", [3, 12, 13, 40])
def test_a_gpt_counts_every_character_once(length: int) -> None:
    gpt = transformer.Gpt(20, 16, 1, 2, 12)
    nn.init.zeros_(gpt.head.weight)
    nn.init.zeros_(gpt.head.bias)
    assert transformer.bits(gpt, torch.randint(20, (length,))) == pytest.approx(math.log2(20), rel=1e-5)


def test_bits_of_a_recurrent_network_do_not_depend_on_the_pieces() -> None:
    writer, text = rnn.Writer(20, "lstm", 8, 1), torch.randint(20, (100,))
    assert rnn.bits(writer, text, piece=7) == pytest.approx(rnn.bits(writer, text, piece=1000), rel=1e-5)


def test_the_gradient_of_a_plain_recurrent_network_vanishes() -> None:
    """One with small weights loses it by the same factor at each step (Pascanu et al. 2013, arXiv:1211.5063)."""
    writer = rnn.Writer(20, "rnn", 32, 1)
    nn.init.orthogonal_(writer.cells.weight_hh_l0, 0.8)
    nn.init.normal_(writer.cells.weight_ih_l0, std=0.01)  # the state stays near zero, where tanh is the identity
    nn.init.zeros_(writer.cells.bias_ih_l0)
    nn.init.zeros_(writer.cells.bias_hh_l0)
    shares = rnn.memory(writer, torch.randint(20, (4, 41)), reach=40)
    assert shares[0] == 1 and np.polyfit(range(40), np.log(shares), 1)[0] == pytest.approx(math.log(0.8), abs=0.02)


class Remembering(nn.Module):
    """A network whose v depends on x, t and the class: with any of the three, nothing else stays the same."""

    anything = 10

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        v = torch.tanh(0.3 * x + 0.1 * y.view(-1, 1, 1, 1) + t.view(-1, 1, 1, 1) / 2000)
        self.calls.append((x, t, v))
        return v


def test_ddim_goes_as_diffusers_does() -> None:
    """At 1,000 steps the two take the same times; one step of theirs leads to what ours is shown next."""
    ours = Remembering()
    x, y = torch.randn(2, 1, 28, 28), torch.tensor([3, 4])
    list(diffusion.denoise(ours, y, x, steps=1000))
    theirs = DDIMScheduler(**diffusion.SCHEDULE, timestep_spacing="trailing", clip_sample=False)
    theirs.set_timesteps(1000)
    assert [int(t[0]) for _, t, _ in ours.calls] == theirs.timesteps.tolist()
    for place in (0, 300, 700, 998):
        (before, t, v), (after, *_) = ours.calls[place], ours.calls[place + 1]
        assert torch.allclose(theirs.step(v, int(t[0]), before).prev_sample, after, atol=1e-4)


def test_guidance_goes_beyond_any_picture_towards_the_class() -> None:
    """v = v_∅ + w (v_y − v_∅), Ho & Salimans 2022, eq. 6 with w counted from the unconditional."""
    x, y = torch.randn(2, 1, 28, 28), torch.tensor([3, 4])
    network, w = Remembering(), 2.5
    frames = list(diffusion.denoise(network, y, x, steps=5, start=0.25, guidance=w))
    _, times, v = network.calls[0]
    with_class, without = v.chunk(2)
    a = diffusion.signal_rates()[int(times[0])]
    wanted = a.sqrt() * x - (1 - a).sqrt() * (without + w * (with_class - without))
    assert torch.allclose(frames[0], wanted.clamp(-1, 1), atol=1e-5)
    alone = Remembering()(x, times[:2], torch.full_like(y, 10))
    assert torch.allclose(without, alone)


def test_the_running_mean_of_weights_keeps_its_share() -> None:
    mean, network = nn.Linear(2, 2), nn.Linear(2, 2)
    before, now = mean.weight.detach().clone(), network.weight.detach()
    follow(mean, network, 0.9, 10_000)
    assert torch.allclose(mean.weight, 0.9 * before + 0.1 * now, atol=1e-6)
