"""A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114): pictures through a narrow Gaussian code and back.

Good at: a smooth map of the data, in which one walks from picture to picture; saying what does not belong.
Fails at: sharpness. Of what the code leaves open the decoder gives the mean, and the mean of pictures is blurred.

    log p(x) ≥ E_q(z|x) [log p(x|z)] − KL(q(z|x) ‖ p(z))                                                        (eq. 3)

q(z|x) = N(μ(x), diag σ²(x)), p(z) = N(0, I), p(x|z) = N(x̂(z), σ_x² I) with the one σ_x that fits best (σ-VAE, Rybkin et
al. 2021, arXiv:2006.13202), so that β = 1 needs no tuning; another β weighs the KL (Higgins et al. 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos import density
from demos.images import SIZE, Pictures, scaled
from demos.lesson import Batches, Config, Lesson, load_into, picture_facts, read_about, update


@dataclass(frozen=True, kw_only=True)
class VaeConfig(Config):
    """latent: numbers of a code; beta: weight of the KL; width: channels of the first layer."""

    steps: int = 10_000
    learning_rate: float = 1e-3
    latent: int = 32
    beta: float = 1.0
    width: int = 32

    def problems(self) -> list[str]:
        wrong = [] if 0 <= self.beta < 1e6 else ["beta is at least 0"]
        wrong += [] if self.width >= 8 and self.width % 8 == 0 else ["width is a multiple of 8"]
        return [*super().problems(), *wrong, *([] if self.latent >= 1 else ["latent is at least 1"])]


def kl_divergence(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) in nats (Kingma & Welling 2014, appendix B). mu, log σ²: (batch, latent) → (batch,)."""
    return -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1)


def reconstruction(x: Tensor, x_hat: Tensor) -> Tensor:
    """−log N(x; x̂, σ_x² I) in nats a picture, with the σ_x that is best for the batch, constants left out.

    x, x̂: (batch, channel, height, width) → a scalar (Rybkin et al. 2021, eq. 7).
    """
    return 0.5 * x[0].numel() * ((x - x_hat) ** 2).mean().clamp_min(1e-6).log()


class Encoder(nn.Module):
    """Pictures (batch, channels, 28, 28) → μ, log σ², each (batch, latent)."""

    def __init__(self, channels: int, latent: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.GroupNorm(8, 2 * width),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, 1, 1),
            nn.GroupNorm(8, 2 * width),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 49, 2 * latent),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_var = self.body(x).chunk(2, 1)
        return mu, log_var.clamp(-12, 6)


class Decoder(nn.Module):
    """Codes (batch, latent) → pictures (batch, channels, 28, 28) in [-1, 1]."""

    def __init__(self, channels: int, latent: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(latent, 2 * width * 49),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, 1, 1),
            nn.GroupNorm(8, 2 * width),
            nn.SiLU(),
            nn.ConvTranspose2d(2 * width, 2 * width, 4, 2, 1),
            nn.GroupNorm(8, 2 * width),
            nn.SiLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, channels, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z)


class VaeLesson(Lesson):
    kept = ("encoder", "decoder")

    def __init__(self, config: VaeConfig, pictures: Pictures, device: torch.device) -> None:
        self._config, self._pictures, self._device = config, pictures, device
        self.encoder = Encoder(pictures.channels, config.latent, config.width).to(device)
        self.decoder = Decoder(pictures.channels, config.latent, config.width).to(device)
        self.networks = {"encoder": self.encoder, "decoder": self.decoder}
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimisers = {"both": torch.optim.Adam(parameters, config.learning_rate)}
        self._batches = Batches(len(pictures), config.batch_size, config.seed)
        self._noise = torch.randn(30, config.latent, generator=torch.Generator().manual_seed(config.seed))

    def learn(self, step: int) -> dict[str, float]:
        x = scaled(self._pictures.images[self._batches.at(step)]).to(self._device)
        mu, log_var = self.encoder(x)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()  # the reparameterisation trick, eq. 4
        x_hat = self.decoder(z)
        kl = kl_divergence(mu, log_var).mean()
        error = reconstruction(x, x_hat)
        loss = error + self._config.beta * kl
        update(self.optimisers["both"], loss)
        return {"loss": loss.item(), "kl": kl.item(), "squared error": F.mse_loss(x_hat, x).item()}

    def show(self) -> Tensor:
        x = scaled(self._pictures.images[:10]).to(self._device)
        back = self.decoder(self.encoder(x)[0])
        rows = [part for pair in zip(x.split(10), back.split(10), strict=True) for part in pair]  # each below its own
        return torch.cat([*rows, self.decoder(self._noise.to(self._device))]).cpu()

    def about(self) -> dict[str, object]:
        with torch.no_grad():
            x = scaled(self._pictures.images[:2000]).to(self._device)
            mu, log_var = self.encoder(x)
            noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(self._config.seed)).to(self._device)
            spread = F.mse_loss(self.decoder(mu + noise * (0.5 * log_var).exp()), x).item()  # of draws, as it learns
        return {**picture_facts(self._pictures), "spread": spread}

    def keep(self, folder: Path) -> None:
        with torch.no_grad():
            parts = self._pictures.images[: density.MOST].split(500)
            codes = torch.cat([self.encoder(scaled(part).to(self._device))[0].cpu() for part in parts])
        density.fitted(codes, seed=self._config.seed).keep(folder)


def build(config: VaeConfig, pictures: Pictures, device: torch.device) -> VaeLesson:
    return VaeLesson(config, pictures, device)


class Vae:
    """Trained weights, and what can be done with them. Pictures are (count, channels, 28, 28) in [-1, 1]."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        latent, width = about["config"]["latent"], about["config"]["width"]
        self.classes, self.latent, self.channels = tuple(about["classes"]), latent, about["channels"]
        self.spread: float = about["spread"]
        """σ_x², of p(x|z)."""
        self.encoder, self.decoder = (kind(self.channels, latent, width) for kind in (Encoder, Decoder))
        load_into(folder, encoder=self.encoder, decoder=self.decoder)
        self.density = density.read(folder, latent)

    @torch.inference_mode()
    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Pictures of codes that are drawn from where those of the data lie."""
        return self.decoder(self.density.draw(count, torch.Generator().manual_seed(seed)))

    @torch.inference_mode()
    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x)[0])

    @torch.inference_mode()
    def between(self, one: Tensor, other: Tensor, steps: int = 8) -> Tensor:
        """`steps` pictures on the straight way between two, each (channels, 28, 28)."""
        ends = self.encoder(torch.stack([one, other]))[0]
        return self.decoder(torch.lerp(ends[:1], ends[1:], torch.linspace(0, 1, steps)[:, None]))

    @torch.inference_mode()
    def vary(self, one: Tensor, count: int = 8, *, strength: float = 0.5, seed: int = 0) -> Tensor:
        """Pictures of codes around one's. strength: from 0, the picture itself, to 1, any draw from the prior."""
        mu, _ = self.encoder(one[None])
        noise = torch.randn(count, self.latent, generator=torch.Generator().manual_seed(seed))
        return self.decoder(mu * math.sqrt(1 - strength**2) + strength * noise)

    @torch.inference_mode()
    def map(self, images: Tensor) -> Tensor:
        """Where pictures lie on the two main axes of their codes: (count, 2)."""
        mu = self.encoder(images)[0]
        return (mu - mu.mean(0)) @ _axes(mu)[0].T

    @torch.inference_mode()
    def tiles(self, images: Tensor, side: int, reach: float) -> Tensor:
        """What places of that map decode to: side by side of them, row by row from the top left, (side², channels, 28,
        28). reach: how far they go, in standard deviations of each axis."""
        mu = self.encoder(images)[0]
        axes, spread = _axes(mu)
        steps = torch.linspace(-reach, reach, side)
        places = torch.cartesian_prod(-steps, steps).flip(1)  # (x, y), y downwards
        return self.decoder(mu.mean(0) + (places * spread) @ axes)

    @torch.inference_mode()
    def strangeness(self, x: Tensor, *, batch: int = 500, seed: int = 0) -> tuple[Tensor, Tensor]:
        """How little pictures belong, two ways, each (count,): the share of a picture that is not given back, and the
        bound on −log p(x) in nats by one draw of z, which is known to find plain strangers likelier than the data
        (Nalisnick et al. 2019, arXiv:1810.09136)."""
        generator = torch.Generator().manual_seed(seed)
        shares, bounds = [], []
        for part in x.split(batch):
            mu, log_var = self.encoder(part)
            squares = ((part - self.decoder(mu)) ** 2).sum((1, 2, 3))
            shares.append(squares / ((part + 1) ** 2).sum((1, 2, 3)).clamp_min(1.0))  # of what differs from black
            z = mu + torch.randn(mu.shape, generator=generator) * (0.5 * log_var).exp()
            squares = ((part - self.decoder(z)) ** 2).sum((1, 2, 3))
            constant = 0.5 * part[0].numel() * math.log(2 * math.pi * self.spread)
            bounds.append(0.5 * squares / self.spread + constant + kl_divergence(mu, log_var))
        return torch.cat(shares), torch.cat(bounds)


def _axes(mu: Tensor) -> tuple[Tensor, Tensor]:
    """The two main axes of codes, (2, latent), and the standard deviation on each, (2,)."""
    _, sizes, axes = torch.linalg.svd(mu - mu.mean(0), full_matrices=False)
    return axes[:2], sizes[:2] / math.sqrt(max(1, len(mu) - 1))


assert SIZE == 28  # noqa: S101 - the layers above halve it twice
