"""What is known of a picture, held fast while a diffusion model makes the rest: holes, lost resolution, noise.

A degradation y = A x with a pseudo-inverse A⁺ leaves A⁺y of a picture known; of a guess x̂_0 only (I − A⁺A) x̂_0 is kept
(null-space diffusion, Wang et al. 2023, arXiv:2212.00490, eq. 11).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from demos.diffusion import TIMES, Denoiser, Hold, denoise, denoised, signal_rates, times_of


def holes(known: Tensor, mask: Tensor) -> Hold:
    """A hides the places where mask is 1. known: (batch, channels, 28, 28); mask: (28, 28) or as `known`."""
    return lambda x0: torch.where(mask.bool(), x0, known)


def shrink(x: Tensor, factor: int) -> Tensor:
    """A: the mean of each square of factor by factor."""
    return F.avg_pool2d(x, factor)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """A⁺: each value over its square."""
    return x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def resolution(small: Tensor, factor: int) -> Hold:
    """A shrinks by a factor. small: (batch, channels, 28 / factor, 28 / factor)."""
    return lambda x0: x0 + enlarge(small - shrink(x0, factor), factor)


def fill(network: Denoiser, picture: Tensor, mask: Tensor, y: Tensor, *, seed: int = 0, **how: Any) -> Tensor:
    """Make what lies where mask is 1. picture: (batch, channels, 28, 28) in [-1, 1]; y: classes (batch,). how: as in
    `denoise`."""
    return denoised(network, y, _noise(picture, seed), seed=seed, hold=holes(picture, mask), **how)


def sharpen(network: Denoiser, small: Tensor, factor: int, y: Tensor, *, seed: int = 0, **how: Any) -> Tensor:
    """Make a picture that shrinks to `small`, (batch, channels, 28 / factor, 28 / factor) in [-1, 1], by 2 or 4."""
    noise = _noise(enlarge(small, factor), seed)
    return denoised(network, y, noise, seed=seed, hold=resolution(small, factor), **how)


def clean(
    network: Denoiser, noisy: Tensor, noise: float, y: Tensor, *, steps: int = 50, seed: int = 0, **how: Any
) -> Tensor:
    """Take noise of the standard deviation `noise` away: a noisy picture is a step of the diffusion, but for its scale
    (Song et al. 2021, arXiv:2011.13456). From the first step that has as much noise, with what it has more added."""
    alpha_bar, time = signal_rates(), _time_of(noise, steps)
    more = ((1 - alpha_bar[time]) / alpha_bar[time] - noise**2).clamp_min(0).sqrt()
    x = alpha_bar[time].sqrt() * (noisy + more * _noise(noisy, seed))
    return denoised(network, y, x, steps=steps, seed=seed, start=(time + 1) / TIMES, **how)


def mend(
    network: Denoiser,
    damaged: Tensor,
    noise: float,
    mask: Tensor,
    y: Tensor,
    *,
    steps: int = 50,
    seed: int = 0,
    **how: Any,
) -> Tensor:
    """Make what lies where mask is 1, and take noise of the standard deviation `noise` away from the rest: while a step
    has more noise than the picture, what is left of it is held; from there on the whole is cleaned. Shapes as in
    `fill`."""
    if not noise:
        return fill(network, damaged, mask, y, steps=steps, seed=seed, **how)
    if mask.any():
        start, hold = _noise(damaged, seed), holes(damaged, mask)
        guesses = denoise(network, y, start, steps=steps, seed=seed, hold=hold, **how)
        time = _time_of(noise, steps)
        guess = next(guess for t, guess in zip(times_of(steps), guesses, strict=True) if t == time)
        damaged = torch.where(mask.bool(), guess + noise * _noise(damaged, seed + 1), damaged)  # as noisy as the rest
    return clean(network, damaged, noise, y, steps=steps, seed=seed + 2, **how)


def _time_of(noise: float, steps: int) -> int:
    """The last of the steps' times that has noise of that standard deviation beside a picture, or more."""
    alpha_bar = signal_rates()
    levels = ((1 - alpha_bar) / alpha_bar).sqrt()
    return min((t for t in times_of(steps) if levels[t] >= noise), default=TIMES - 1)


def _noise(like: Tensor, seed: int) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))
