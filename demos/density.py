"""Where the codes of a VAE really lie: a mixture of Gaussians fitted to them when it has learnt (Ghosh et al. 2020,
arXiv:1903.12436, section 4).

The codes of all pictures together should be the prior, N(0, I), and never quite are: there are places between them that
no picture has, and a draw from the prior that falls there decodes to nothing in particular.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from demos.errors import NoData
from demos.lesson import keep_tensors

FILE = "density.safetensors"
COMPONENTS = 40
LEAST = 50
"""Codes that anything is fitted to."""
CODES_A_DIMENSION = 4
"""That a component is fitted to, or it is left out: it has a variance for each pair of dimensions."""
MOST = 20_000
"""Codes that are looked at."""
FLOOR = 1e-3
"""Added to each variance, so that no component is a point."""


@dataclass(frozen=True)
class Density:
    """K Gaussians: weights (K,), means (K, latent), and the lower Cholesky factors of the covariances (K, latent,
    latent)."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Codes: (count, latent)."""
        noise = torch.randn(count, self.means.shape[1], generator=generator)
        which = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        return self.means[which] + torch.einsum("nij,nj->ni", self.factors[which], noise)

    def keep(self, folder: Path) -> None:
        """Write it beside the weights, in float16, of the factors what is not nought. Raises OSError."""
        tensors = {"weights": self.weights, "means": self.means, "factors": self.factors[:, *_lower(self.factors)]}
        keep_tensors({name: each.half() for name, each in tensors.items()}, folder / FILE)


def standard(latent: int) -> Density:
    """The prior itself."""
    return Density(torch.ones(1), torch.zeros(1, latent), torch.eye(latent)[None])


def fitted(codes: Tensor, *, seed: int = 0) -> Density:
    """The mixture that fits codes (count, latent) best; the prior where they are too few to tell."""
    if len(codes) < LEAST:
        return standard(codes.shape[1])
    components = max(1, min(COMPONENTS, len(codes) // (CODES_A_DIMENSION * codes.shape[1])))
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(components, reg_covar=FLOOR, random_state=seed).fit(codes.double().numpy())
    weights, means = (torch.from_numpy(each).float() for each in (mixture.weights_, mixture.means_))
    factors = torch.linalg.cholesky(torch.from_numpy(mixture.covariances_))
    return Density(weights, means, factors.float().contiguous())


def read(folder: Path, latent: int) -> Density:
    """What lies beside a VAE's weights; the prior where there is nothing. Raises NoData."""
    if not (folder / FILE).exists():
        return standard(latent)
    try:
        tensors = {name: each.float() for name, each in load_file(folder / FILE).items()}
        if (flat := tensors["factors"]).ndim == 2:
            tensors["factors"] = whole = torch.zeros(len(flat), latent, latent)
            whole[:, *_lower(whole)] = flat
        found = Density(**tensors)
        found.draw(1, torch.Generator())
    except (OSError, TypeError, KeyError, RuntimeError, IndexError, SafetensorError) as error:
        raise NoData(f"{folder / FILE} cannot be used: {error}.") from error
    return found


def _lower(matrices: Tensor) -> Tensor:
    """Where the lower triangle of (…, n, n) is: (2, n (n + 1) / 2)."""
    return torch.tril_indices(*matrices.shape[-2:])
