"""A denoising diffusion model (Ho et al. 2020, arXiv:2006.11239): noise that is taken away step by step.

Good at: pictures that are both sharp and varied, a training that just goes down; and one network fills holes, sharpens
and restores, since what is known can be held fast at each step.
Fails at: speed. A picture takes many passes where a GAN takes one.

    q(x_t | x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I)                                                                     (eq. 4)

The network predicts v = √ᾱ_t ε − √(1 − ᾱ_t) x_0 (Salimans & Ho 2022, arXiv:2202.00512) from x_t, t and the class, on
the cosine schedule (Nichol & Dhariwal 2021, arXiv:2102.09672). It is diffusers' UNet2DModel on 2-by-2 patches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor, nn
from torch.nn import functional as F

from demos.images import SIZE, Pictures, scaled
from demos.lesson import Batches, Config, Lesson, follow, load_into, picture_facts, read_about, update

TIMES = 1000
"""T of the paper."""
LAST = 20
"""Where the last step begins at the latest."""
PATCH = 2
GUIDED = 0.8
"""Guidance begins once t is below this share of all times: in the greatest noise it costs variety and gains nothing
(Kynkäänniemi et al. 2024, arXiv:2404.07724)."""
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": TIMES,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
}
Sampler = Literal["ddim", "ddpm", "dpm-solver"]


def times_of(steps: int) -> list[int]:
    """t of each step, evenly from the last to LAST or below, so that little noise is left to the last guess."""
    end = min(LAST, TIMES // steps - 1)
    return [round(TIMES - 1 - (TIMES - 1 - end) * n / max(1, steps - 1)) for n in range(steps)]


SCHEDULERS: dict[Sampler, Callable[[], Any]] = {
    "ddpm": lambda: DDPMScheduler(**SCHEDULE, timestep_spacing="trailing", clip_sample=True),
    "dpm-solver": lambda: DPMSolverMultistepScheduler(**SCHEDULE, timestep_spacing="trailing"),
}
SAMPLERS: tuple[Sampler, ...] = ("ddim", *SCHEDULERS)
Hold = Callable[[Tensor], Tensor]
"""What is known of a picture, put into a guess of it: x̂_0 → x̂_0."""


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(Config):
    """width: channels of the first level; unconditional: share of pictures whose class is kept back, for guidance;
    average: share of the old in each step of the running mean of the weights that is kept; perturbation: γ of Ning et
    al. 2023 (arXiv:2301.11706): how much more noise the network sees than it is asked for, so that it bears its own
    errors when it samples."""

    steps: int = 20_000
    batch_size: int = 64
    learning_rate: float = 5e-4
    width: int = 64
    layers: int = 1
    unconditional: float = 0.1
    average: float = 0.9995
    perturbation: float = 0.1

    def problems(self) -> list[str]:
        wrong = [] if self.width >= 32 and self.width % 32 == 0 else ["width is a multiple of 32"]
        wrong += [] if self.layers >= 1 else ["layers is at least 1"]
        inside = 0 <= self.average < 1 and 0 <= self.unconditional < 1
        wrong += [] if 0 <= self.perturbation <= 1 else ["perturbation lies between 0 and 1"]
        return [*super().problems(), *wrong, *([] if inside else ["average and unconditional lie between 0 and 1"])]


def signal_rates() -> Tensor:
    """ᾱ_t of every t: (TIMES,)."""
    return DDPMScheduler(**SCHEDULE).alphas_cumprod


def q_sample(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Diffuse pictures to step t (eq. 4). x0, noise: (batch, channel, height, width); t: (batch,) int64."""
    a = alpha_bar[t].view(-1, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def velocity(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """What the network is to say (Salimans & Ho 2022, section 4). Shapes as in q_sample."""
    a = alpha_bar[t].view(-1, 1, 1, 1)
    return a.sqrt() * noise - (1 - a).sqrt() * x0


class Network(nn.Module):
    """x_t (batch, channels, 28, 28), t (batch,), class (batch,) → v, shaped as x_t. Class `anything` is any of them."""

    def __init__(self, channels: int, classes: int, width: int, layers: int) -> None:
        super().__init__()
        self.anything = classes
        self.unet = UNet2DModel(
            sample_size=SIZE // PATCH,
            in_channels=channels * PATCH**2,
            out_channels=channels * PATCH**2,
            layers_per_block=layers,
            block_out_channels=(width, 2 * width),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            num_class_embeds=classes + 1,
            norm_num_groups=8,
            attention_head_dim=32,
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        v = self.unet(F.pixel_unshuffle(x, PATCH), t, class_labels=y, return_dict=False)[0]
        return F.pixel_shuffle(v, PATCH)


class Denoiser(Protocol):
    """What `denoise` asks: see Network."""

    anything: int

    def __call__(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor: ...


class DiffusionLesson(Lesson):
    kept = ("average",)

    def __init__(self, config: DiffusionConfig, pictures: Pictures, device: torch.device) -> None:
        self._config, self._pictures, self._device = config, pictures, device
        shape = (pictures.channels, len(pictures.classes), config.width, config.layers)
        self.network, self.average = (Network(*shape).to(device) for _ in range(2))
        self.average.load_state_dict(self.network.state_dict())
        self.average.requires_grad_(False)
        self.networks = {"network": self.network, "average": self.average}
        self.optimisers = {"network": torch.optim.AdamW(self.network.parameters(), config.learning_rate)}
        self._batches = Batches(len(pictures), config.batch_size, config.seed)
        self._alpha_bar = signal_rates().to(device)
        self._noise = torch.randn(20, *pictures.images.shape[1:], generator=torch.Generator().manual_seed(config.seed))

    def learn(self, step: int) -> dict[str, float]:
        rate = self._config.learning_rate * min(1.0, (step + 1) / 200, 2 * (1 - step / self._config.steps))
        places = self._batches.at(step)
        x0, y = scaled(self._pictures.images[places]).to(self._device), self._pictures.labels[places].to(self._device)
        t = torch.randint(TIMES, (len(x0),), device=self._device)
        noise = torch.randn_like(x0)
        seen = noise + self._config.perturbation * torch.randn_like(x0) if self._config.perturbation else noise
        hidden = torch.rand(len(x0), device=self._device) < self._config.unconditional
        y = torch.where(hidden, len(self._pictures.classes), y)
        said = self.network(q_sample(x0, t, seen, self._alpha_bar), t, y)
        loss = F.mse_loss(said, velocity(x0, t, noise, self._alpha_bar))
        length = update(self.optimisers["network"], loss, rate=rate, longest=1.0)
        follow(self.average, self.network, self._config.average, step)
        return {"loss": loss.item(), "gradient": length}

    def show(self) -> Tensor:
        y = torch.arange(len(self._noise), device=self._device) % len(self._pictures.classes)
        return denoised(self.average, y, self._noise.to(self._device), steps=10).cpu()

    def about(self) -> dict[str, object]:
        return picture_facts(self._pictures)


def build(config: DiffusionConfig, pictures: Pictures, device: torch.device) -> DiffusionLesson:
    return DiffusionLesson(config, pictures, device)


@torch.no_grad()
def denoise(
    network: Denoiser,
    y: Tensor,
    x: Tensor,
    *,
    steps: int = 20,
    sampler: Sampler = "ddim",
    guidance: float = 1.0,
    seed: int = 0,
    start: float = 1.0,
    hold: Hold | None = None,
) -> Iterator[Tensor]:
    """What the network takes the picture for after each step; the last one is the picture.

    y: classes (batch,); x: noise (batch, channels, 28, 28), or with start < 1 pictures that are diffused as far as that
    share of all times. guidance: how much further than "any picture" towards the class (Ho & Salimans 2022,
    arXiv:2207.12598) below GUIDED; 1 takes one pass a step, others two. hold: what is known, put into each
    guess (DDNM, Wang et al. 2023, arXiv:2212.00490). With "ddim" nothing but x is random.
    """
    times = [t for t in times_of(steps) if t < start * TIMES]
    scheduler = SCHEDULERS[sampler]() if sampler in SCHEDULERS else None
    if scheduler is not None:
        scheduler.set_timesteps(timesteps=times, device=x.device)
    alpha_bar = signal_rates().to(x.device)
    generator = torch.Generator(x.device).manual_seed(seed)
    anything = torch.full_like(y, network.anything)
    for t, after in zip(times, [*times[1:], None], strict=True):
        if guidance == 1.0 or (guidance > 1.0 and t >= GUIDED * TIMES):
            v = network(x, torch.full_like(y, t), y)
        else:
            twice = torch.cat([y, anything])
            both = network(x.repeat(2, 1, 1, 1), torch.full_like(twice, t), twice)
            with_class, without = both.chunk(2)
            v = without + guidance * (with_class - without)
        a, s = alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt()
        x0 = a * x - s * v
        if sampler == "ddpm" or hold is not None:  # as Ho et al. do; without fresh noise a clipped guess leads astray
            x0 = x0.clamp(-1, 1)
        if hold is not None:
            x0 = hold(x0)
        if scheduler is None:  # DDIM, eq. 12 with η = 0; diffusers' goes to t − 1000 // steps, not to the next time
            rest = alpha_bar[after] if after is not None else torch.ones_like(a)
            x = rest.sqrt() * x0 + (1 - rest).sqrt() * (x - a * x0) / s
        else:
            x = scheduler.step((a * x - x0) / s, t, x, generator=generator).prev_sample
        yield x0.clamp(-1, 1) if hold is None else x0


def denoised(network: Denoiser, y: Tensor, x: Tensor, **how: Any) -> Tensor:
    """The picture alone. how: as in `denoise`."""
    return deque(denoise(network, y, x, **how), maxlen=1)[0]


class Diffusion:
    """Trained weights, and what can be done with them; restoring.py has more."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        config = about["config"]
        self.classes, self.channels = tuple(about["classes"]), about["channels"]
        self.network = Network(self.channels, len(self.classes), config["width"], config["layers"])
        load_into(folder, average=self.network)

    def film(self, classes: Tensor, *, seed: int = 0, **how: Any) -> Iterator[Tensor]:
        """What the noise is taken for after each step, (count, channels, 28, 28). classes: (count,); how: `denoise`."""
        noise = torch.randn(len(classes), self.channels, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        yield from denoise(self.network, classes, noise, seed=seed, **how)

    def sample(self, classes: Tensor, *, seed: int = 0, **how: Any) -> Tensor:
        """The last of the film."""
        return deque(self.film(classes, seed=seed, **how), maxlen=1)[0]
