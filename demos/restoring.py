"""What is known of a picture, held fast while a diffusion model makes the rest: holes, lost resolution, noise.

A degradation y = A x with a pseudo-inverse A⁺ leaves A⁺y of a picture known; of a guess x̂_0 only (I − A⁺A) x̂_0 is kept
(null-space diffusion, Wang et al. 2023, arXiv:2212.00490, eq. 11).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from demos.diffusion import Hold


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
