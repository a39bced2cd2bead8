"""Numbers in the order of time: waves of our own, or a column of a file; and the season that is in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from demos import tables
from demos.errors import BadText

LEAST, MOST = 300, 200_000
"""Rows to learn from; of a longer file the last are taken."""
LONGEST_SEASON = 400
DAY, WEEK = 24, 168
"""Seasons of the waves, in hours."""
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]


def waves(count: int = 3000, seed: int = 0) -> Numbers:
    """Something like the load of a grid, hour by hour: a trend, a day that swings more as it grows, a week with quiet
    days at its end, and noise of which a part stays for some hours."""
    draw = np.random.default_rng(seed)
    t = np.arange(count)
    trend = 50 + 0.006 * t
    day = trend * (0.2 * np.sin(2 * np.pi * t / DAY) + 0.08 * np.sin(4 * np.pi * t / DAY + 1))
    week = -8.0 * (t % WEEK >= 5 * DAY) + 3 * np.sin(2 * np.pi * t / WEEK)
    noise, shocks = np.zeros(count), draw.normal(0, 1.5, count)
    for place in range(1, count):
        noise[place] = 0.7 * noise[place - 1] + shocks[place]
    return trend + day + week + noise


def autocorrelation(values: Numbers, longest: int) -> Numbers:
    """Of lags 0 … longest, after a straight line is taken off: r_k = Σ_t x_t x_{t−k} / Σ_t x_t²."""
    t = np.arange(len(values))
    x = values - np.polyval(np.polyfit(t, values, 1), t)
    size = 2 ** math.ceil(math.log2(2 * len(x)))  # with zeros, so that the end does not meet the beginning
    found = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2)[: longest + 1]
    straight = found[0] <= 1e-18 * float((values**2).sum())  # what is left then is rounding
    return np.zeros(longest + 1) if straight else found / found[0]


def season(values: Numbers) -> int:
    """Rows after which it is like itself: the first peak of the autocorrelation that nearly reaches the highest (which
    may be a multiple of it); 1 where none stands out.

    Beyond 2 / √n is what noise alone would do once in twenty lags, so twice that is asked for.
    """
    longest = min(LONGEST_SEASON, len(values) // 4)
    r = autocorrelation(values, longest + 1)
    r = r * len(values) / (len(values) - np.arange(longest + 2))  # a sum of fewer terms the longer the lag
    peaks = [lag for lag in range(2, longest + 1) if r[lag - 1] < r[lag] >= r[lag + 1]]
    highest = max((float(r[lag]) for lag in peaks), default=0.0)
    if highest < 4 / math.sqrt(len(values)):
        return 1
    return next(lag for lag in peaks if r[lag] >= 0.9 * highest)


def mase(forecast: Tensor, came: Tensor, scale: float) -> float:
    """Mean absolute scaled error (Hyndman & Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001): below 1 is better than
    the seasonal naive forecast was, a step ahead, on what is known. scale: as of `Series`."""
    return float((forecast - came).abs().mean()) / scale


@dataclass(frozen=True)
class Series:
    """values: (time,) float32, standardised by mean and std of what is trained on, which is those before `end`.

    season: rows; scale: mean |y_t − y_{t−season}| of what is trained on, in the unit of `values`.
    """

    name: str
    values: Tensor
    mean: float
    std: float
    end: int
    season: int
    scale: float

    @classmethod
    def of(cls, numbers: Numbers, name: str) -> Series:
        """Its last fifth is set apart. Raises BadText for what leaves nothing to learn."""
        end = len(numbers) * 4 // 5
        known = numbers[:end]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, std = float(known.mean()), float(known.std())
        if not math.isfinite(std):
            raise BadText(f"The numbers of {name} are too large.", hint="Give them in a larger unit.")
        if std <= 1e-12 * max(1e-280, abs(mean)):
            raise BadText(f"{name} has the same number throughout.", hint="Give one that changes.")
        scaled = (numbers - mean) / std
        found = season(scaled[:end])
        scale = float(np.abs(scaled[found:end] - scaled[: end - found]).mean())
        if scale < 1e-9:
            raise BadText(f"{name} repeats itself exactly.", hint="There is nothing to learn; give another.")
        return cls(name, torch.from_numpy(scaled.astype(np.float32)), mean, std, end, found, scale)


def load(name: str) -> Numbers:
    """ "waves", or of a file the column called value, or else the first of numbers. Raises BadText."""
    if name == "waves":
        return waves()
    rows = tables.rows(name, "Say waves, or a CSV or TSV file with a column of numbers.")
    called = Path(name).name
    heads = [cell.lower() for cell in rows[0]]
    headed = not any(math.isfinite(number(cell)) for cell in rows[0])
    rows = rows[headed:]
    if len(rows) < LEAST:
        raise BadText(f"{called} has {len(rows):,} rows of numbers.", hint=f"Give at least {LEAST:,}.")
    if headed and "value" in heads:
        column = heads.index("value")
    else:
        column = next((at for at, cell in enumerate(rows[0]) if math.isfinite(number(cell))), None)
    if column is None:
        raise BadText(
            f"{called} has no column of numbers.",
            hint="Give a number a row, with a point for decimals, in a column called value.",
        )
    found = np.array([number(row[column]) if column < len(row) else math.nan for row in rows], np.float64)
    if len(wrong := np.flatnonzero(~np.isfinite(found))):
        said = f"Row {wrong[0] + 1 + headed:,} of {called} has no number in column {column + 1}."
        raise BadText(said, hint="Fill the gaps, or leave the row out.")
    return found[-MOST:]


def number(cell: str) -> float:
    """NaN for what is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan
