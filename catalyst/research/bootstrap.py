"""Intervals by bootstrap over days: values of one day hang together, days hardly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from catalyst.data.report.values import Interval
from catalyst.strategy.values import Floats, Ints

RESAMPLES = 2_000
FLIPS = 9_999
"""More than resamples: a p-value is multiplied by how many scores were tried."""
FEWEST_DAYS = 20
"""Below so many days an interval would be a guess, and there is none."""
_TAILS = (2.5, 97.5)
_NO_SPREAD = 1e-12


def mean_interval(values: Floats, days: Ints, *, seed: int, block: int = 1) -> Interval:
    """Return the mean of values and its 95 % interval, blocks of days drawn with replacement.

    Source: the percentile bootstrap over clusters (Efron and Tibshirani 1993; Cameron, Gelbach and
    Miller 2008), in circular blocks (Politis and Romano 1992).

    Parameters
    ----------
    values : float64[n]
        NaN is left out.
    days : int64[n]
        The day of each value; ascending integers are days in their order.
    seed
        Of the draws; equal numbers of days are drawn alike.
    block
        Days drawn together: as many as one value reaches over.
    """
    known = np.isfinite(values)
    values = values[known]
    names, day = np.unique(days[known], return_inverse=True)
    if not len(values):
        return Interval(math.nan, math.nan, math.nan, 0, 0)
    total = np.bincount(day, values, len(names))
    count = np.bincount(day, minlength=len(names)).astype(np.float64)
    value = float(values.mean())
    if len(names) < FEWEST_DAYS:
        return Interval(value, math.nan, math.nan, len(values), len(names))
    sums = drawn_sums(np.stack([total, count], axis=1), seed=seed, block=block)
    low, high = np.percentile(sums[:, 0] / sums[:, 1], _TAILS).tolist()
    return Interval(value, low, high, len(values), len(names))


def rank_correlation(
    x: Floats, y: Floats, within: Ints, days: Ints, *, seed: int, block: int = 1
) -> Interval:
    """Return Spearman's correlation within groups, and its 95 % interval by bootstrap over days.

    Ranks are taken within each group and scaled to -0.5..0.5, so that a busy or a rising day can't
    make a correlation; the groups' covariances and variances are then summed.

    Parameters
    ----------
    x, y : float64[n]
        Pairs; one with a NaN, and one alone in its group, is left out.
    within : int64[n]
        Group of each pair: a decision, or a day.
    days, seed, block
        As in `mean_interval`.

    Returns
    -------
    Interval
        NaN where either side never varies within a group.
    """
    return rank_draws(x, y, within, days, seed=seed, block=block).interval


@dataclass(frozen=True)
class Draws:
    """Hold a figure, and what it was in each resample.

    Attributes
    ----------
    value
        The figure itself.
    drawn : float64[resamples]
        Finite values only; empty where too few days leave nothing to draw from.
    count, days
        How many values it rests on, and from how many days.
    above, below
        One-sided p-values: how likely a figure so far above, or below, zero is if the sign of each
        day were by chance; NaN where too few days leave nothing to draw from.
    """

    value: float
    drawn: Floats
    count: int
    days: int
    above: float = math.nan
    below: float = math.nan

    @property
    def interval(self) -> Interval:
        """Return the figure with its 95 % interval, by percentiles."""
        if not len(self.drawn):
            return Interval(self.value, math.nan, math.nan, self.count, self.days)
        low, high = np.percentile(self.drawn, _TAILS).tolist()
        return Interval(self.value, low, high, self.count, self.days)

    @property
    def error(self) -> float:
        """Return the standard error, NaN without resamples."""
        return float(self.drawn.std(ddof=1)) if len(self.drawn) > 1 else math.nan


def rank_draws(
    x: Floats, y: Floats, within: Ints, days: Ints, *, seed: int, block: int = 1
) -> Draws:
    """Return what `rank_correlation` returns, with its resamples and p-values.

    The p-values flip the sign of each day's covariance by chance, blocks of days together. With few
    days, some of them much busier than others, an error taken from the resamples claims twice as
    often as it says; flipped signs keep the level. Source: the wild bootstrap over clusters, with
    the null imposed and Rademacher's weights (Cameron, Gelbach and Miller 2008).
    """
    known = np.isfinite(x) & np.isfinite(y)
    # One pair alone has no rank: it says nothing, and is not counted as if it did.
    _, group, sizes = np.unique(within[known], return_inverse=True, return_counts=True)
    known[known] = sizes[group] > 1
    names, day = np.unique(days[known], return_inverse=True)
    nothing = Draws(math.nan, np.zeros(0), int(known.sum()), len(names))
    if not len(names):
        return nothing
    frame = pl.DataFrame({"x": x[known], "y": y[known], "within": within[known], "day": day})
    scaled = (
        ((pl.col(name).rank("average") - (pl.len() + 1) / 2) / pl.len()).over("within")
        for name in ("x", "y")
    )
    a, b = (column.cast(pl.Float64).to_numpy() for column in frame.select(scaled).get_columns())
    parts = (a * b, a * a, b * b)
    sums: Floats = np.stack([np.bincount(day, part, len(names)) for part in parts], axis=1)
    value = float(_pearson(sums.sum(axis=0)[None, :])[0])
    if not math.isfinite(value):
        return nothing
    if len(names) < FEWEST_DAYS:
        return Draws(value, np.zeros(0), nothing.count, nothing.days)
    drawn = _pearson(drawn_sums(sums, seed=seed, block=block))
    above, below = _flipped(sums[:, 0], seed=seed, block=block)
    return Draws(value, drawn[np.isfinite(drawn)], nothing.count, nothing.days, above, below)


def _flipped(sums: Floats, *, seed: int, block: int) -> tuple[float, float]:
    flipped = np.einsum("bd,d->b", _signs(len(sums), seed, block), sums)
    # Equal but for rounding counts as reached.
    total, slack = float(sums.sum()), _NO_SPREAD * float(np.abs(sums).sum())
    above, below = (flipped >= total - slack).sum(), (flipped <= total + slack).sum()
    return (float(above) + 1) / (FLIPS + 1), (float(below) + 1) / (FLIPS + 1)


def _pearson(sums: Floats) -> Floats:
    ab, aa, bb = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Floats = np.where(aa * bb > _NO_SPREAD, ab / np.sqrt(aa * bb), np.nan)
    return out


def drawn_sums(sums: Floats, *, seed: int, block: int) -> Floats:
    """Return the sums over resampled days.

    Parameters
    ----------
    sums : float64[days, k]
        Sums of each day, days in their order.
    seed, block
        As in `mean_interval`.

    Returns
    -------
    float64[resamples, k]
    """
    # einsum and not BLAS: its sums don't depend on the number of threads.
    drawn: Floats = np.einsum("bd,dk->bk", _times(len(sums), seed, block), sums)
    return drawn


@lru_cache(maxsize=8)
def _times(days: int, seed: int, block: int) -> Floats:
    blocks = -(-days // block)
    starts = np.random.default_rng([seed, days, block]).integers(0, days, (RESAMPLES, blocks))
    draws = (starts[:, :, None] + np.arange(block)).reshape(RESAMPLES, -1)[:, :days] % days
    cells = draws + np.arange(RESAMPLES)[:, None] * days
    counts = np.bincount(cells.ravel(), minlength=RESAMPLES * days)
    times: Floats = counts.reshape(RESAMPLES, days).astype(np.float64)
    times.setflags(write=False)
    return times


@lru_cache(maxsize=4)
def _signs(days: int, seed: int, block: int) -> Floats:
    blocks = -(-days // block)
    drawn = np.random.default_rng([seed, days, block, 1]).integers(0, 2, (FLIPS, blocks))
    signs: Floats = np.repeat(2.0 * drawn - 1.0, block, axis=1)[:, :days]
    signs.setflags(write=False)
    return signs
