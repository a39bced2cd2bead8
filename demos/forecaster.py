"""What comes next in a row of numbers, and how sure that is, by a GRU whose output is a distribution (DeepAR: Salinas
et al. 2020, arXiv:1704.04110, section 3).

Good at: saying how sure it is. It learns the mean and the spread of the next number by maximum likelihood, and draws
whole futures from them one number at a time: how much these differ is how little is known.
Fails at: what never was. It goes on with the seasons and the spread that it has seen; and a short row, or one without
seasons, is foretold as well by its last value, or by that of a season ago, which cost nothing.

    z_t ~ N(μ_t, σ_t²),  (μ_t, log σ_t²) = W h_t,  h_t = GRU(h_{t−1}, [z_{t−1}, z_{t−m}]),  loss −Σ_t log p(z_t)

Each window is shifted and scaled by the mean and spread of its known part, where the paper divides by its mean; m is
the season. The median of the draws is the forecast, and between the tenth and the ninetieth of a hundred lie 80 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demos.errors import BadText
from demos.lesson import Batches, Config, Lesson, load_into, read_about, update
from demos.series import Series, mase

DRAWS = 200
"""Futures of each forecast."""
LOW, HIGH = 0.1, 0.9
AT_ONCE = 256
"""Origins that are foretold from at once."""


@dataclass(frozen=True, kw_only=True)
class ForecasterConfig(Config):
    """back: numbers that it reads before it foretells; ahead: numbers that it foretells; hidden: of the state."""

    data: str = "waves"
    steps: int = 1500
    batch_size: int = 64
    learning_rate: float = 5e-3
    hidden: int = 48
    back: int = 72
    ahead: int = 24

    def problems(self) -> list[str]:
        least = {"hidden": 1, "back": 2, "ahead": 1}
        small = [f"{name} is at least {low}" for name, low in least.items() if getattr(self, name) < low]
        return [*super().problems(), *small]


def nll(y: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """−log N(y; μ, σ²) in nats, the mean over all: three of one shape → a scalar."""
    return F.gaussian_nll_loss(mean, y, log_var.exp(), full=True)


class Network(nn.Module):
    """The number before and the one a season ago (batch, time, 2) → μ, log σ² of the next (batch, time) each, and the
    state."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.cells = nn.GRU(2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        h, state = self.cells(x, state)
        mean, log_var = self.head(h).unbind(2)
        return mean, log_var.clamp(-12, 6), cast(Tensor, state)


class ForecasterLesson(Lesson):
    kept = ("network",)

    def __init__(self, config: ForecasterConfig, series: Series, device: torch.device) -> None:
        self._config, self._series, self._device = config, series, device
        windows = series.end - series.season - config.back - config.ahead + 1
        if min(windows, len(series.values) - series.end - config.ahead + 1) < 1:
            said = f"{series.name} is too short to read {config.back} numbers and foretell {config.ahead}"
            raise BadText(f"{said} with a season of {series.season}.", hint="Set smaller back or ahead.")
        self.network = Network(config.hidden).to(device)
        self.networks = {"network": self.network}
        self.optimisers = {"network": torch.optim.Adam(self.network.parameters(), config.learning_rate)}
        self._batches = Batches(windows, config.batch_size, config.seed)

    def learn(self, step: int) -> dict[str, float]:
        season, back, ahead = self._series.season, self._config.back, self._config.ahead
        places = season + self._batches.at(step)[:, None] + torch.arange(back + ahead)  # (batch, time)
        y, before, lag = (self._series.values[places - ago].to(self._device) for ago in (0, 1, season))
        shift, scale = spread(y[:, :back])
        mean, log_var, _ = self.network((torch.stack([before, lag], 2) - shift[:, :, None]) / scale[:, :, None])
        loss = nll((y - shift) / scale, mean, log_var)
        rate = self._config.learning_rate * (1 - 0.95 * step / self._config.steps)
        reached = update(self.optimisers["network"], loss, rate=rate, longest=1.0)
        return {"loss": loss.item(), "gradient": reached}

    def show(self) -> str:
        end, ahead = self._series.end, self._config.ahead
        futures = self._drawn(torch.tensor([end]))[0]
        middle, low, high = (self._unit(each) for each in summary(futures))
        came = self._unit(self._series.values[end : end + ahead])
        rows = zip(middle, low, high, came, strict=True)
        return "foretold   low  high  came\n" + "\n".join("  ".join(f"{each:.4g}" for each in row) for row in rows)

    def about(self) -> dict[str, object]:
        series, ahead = self._series, self._config.ahead
        origins = torch.arange(series.end, len(series.values) - ahead + 1, ahead)
        middle, low, high = summary(self._drawn(origins))
        came = series.values[origins[:, None] + torch.arange(ahead)]
        last, ago = naive(series.values, origins, 1, ahead), naive(series.values, origins, series.season, ahead)
        looked_at = series.season + self._config.back + ahead
        return {
            "series": {
                "name": series.name,
                "mean": series.mean,
                "std": series.std,
                "season": series.season,
                "scale": series.scale,
                "end": [float(value) for value in self._unit(series.values[-looked_at:])],
            },
            "mase": round(mase(middle, came, series.scale), 4),
            "mase_last": round(mase(last, came, series.scale), 4),
            "mase_season": round(mase(ago, came, series.scale), 4),
            "inside_80": round(float(((low <= came) & (came <= high)).float().mean()), 4),
        }

    def _drawn(self, origins: Tensor) -> Tensor:
        config, series = self._config, self._series
        self.network.eval()
        parts = [
            draw(self.network, series.values, part, series.season, config.back, config.ahead, seed=place)
            for place, part in enumerate(origins.split(AT_ONCE))
        ]
        return torch.cat(parts)

    def _unit(self, values: Tensor) -> list[float]:
        return (values.double() * self._series.std + self._series.mean).tolist()


def build(config: ForecasterConfig, series: Series, device: torch.device) -> ForecasterLesson:
    return ForecasterLesson(config, series, device)


def spread(known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each window, (batch, 1). known: (batch, time)."""
    return known.mean(1, keepdim=True), known.std(1, keepdim=True).clamp_min(1e-2)  # where nothing moves


def naive(values: Tensor, origins: Tensor, season: int, ahead: int) -> Tensor:
    """The last season that is known before each origin, over and over: (origins, ahead); season 1 is the last value."""
    return values[origins[:, None] - season + torch.arange(ahead) % season]


@torch.no_grad()
def draw(
    network: nn.Module, values: Tensor, origins: Tensor, season: int, back: int, ahead: int, *, seed: int = 0
) -> Tensor:
    """Futures from each origin, which is the place of the first unknown: (origins, DRAWS, ahead). values: (time,)."""
    generator = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    known = values[origins[:, None] + torch.arange(-back - season, 0)]  # (origins, season + back)
    shift, scale = spread(known[:, season:])
    z = (known - shift) / scale
    x = torch.stack([z[:, season - 1 : -1], z[:, :back]], 2)
    _, _, state = network(x.to(device))
    z = z.repeat_interleave(DRAWS, 0)
    state = state.repeat_interleave(DRAWS, 1)
    for _ in range(ahead):
        x = torch.stack([z[:, -1], z[:, -season]], 1)[:, None]
        mean, log_var, state = network(x.to(device), state)
        noise = torch.randn(len(z), 1, generator=generator)
        z = torch.cat([z, mean.cpu() + noise * (0.5 * log_var.cpu()).exp()], 1)
    return (z[:, -ahead:].view(len(origins), DRAWS, ahead)) * scale[:, None] + shift[:, None]


def summary(futures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Median, low and high of what was drawn: (…, draws, ahead) → (…, ahead) each."""
    middle, low, high = (futures.quantile(share, -2) for share in (0.5, LOW, HIGH))
    return middle, low, high


@dataclass(frozen=True)
class Forecast:
    """was: what is known; the rest, (ahead,) each: what came after it, the forecasts, the bounds of 80 %."""

    was: list[float]
    came: list[float]
    foretold: list[float]
    low: list[float]
    high: list[float]
    season_ago: list[float]
    last: list[float]


class Forecaster:
    """Trained weights, and what can be done with them."""

    def __init__(self, folder: Path) -> None:
        """Raises NoData."""
        about = read_about(folder)
        config, series = about["config"], about["series"]
        self.back, self.ahead, self.season = int(config["back"]), int(config["ahead"]), int(series["season"])
        self.mean, self.std, self.scale = (float(series[name]) for name in ("mean", "std", "scale"))
        self.values = (torch.tensor(series["end"], dtype=torch.float64) - self.mean) / self.std
        self.network = Network(config["hidden"])
        load_into(folder, network=self.network)

    def forecast(self, *, seed: int = 0) -> Forecast:
        """Of the end of the row, which it did not learn from."""
        values, origin = self.values.float(), torch.tensor([len(self.values) - self.ahead])
        futures = draw(self.network, values, origin, self.season, self.back, self.ahead, seed=seed)[0]
        guesses = [naive(values, origin, season, self.ahead)[0] for season in (self.season, 1)]
        parts = (*values.split([int(origin), self.ahead]), *summary(futures), *guesses)
        return Forecast(*((part.double() * self.std + self.mean).tolist() for part in parts))

    def mase(self, forecast: list[float], came: list[float]) -> float:
        return mase(torch.tensor(forecast), torch.tensor(came), self.scale * self.std)
