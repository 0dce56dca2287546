"""Intervals by bootstrap over days: values of one day hang together, days hardly."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import polars as pl

from catalyst.data.report.values import Interval
from catalyst.strategy.values import Floats, Ints

RESAMPLES = 2_000
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
    sums = _drawn(np.stack([total, count], axis=1), seed, block)
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
    known = np.isfinite(x) & np.isfinite(y)
    # One pair alone has no rank: it says nothing, and is not counted as if it did.
    _, group, sizes = np.unique(within[known], return_inverse=True, return_counts=True)
    known[known] = sizes[group] > 1
    names, day = np.unique(days[known], return_inverse=True)
    nothing = Interval(math.nan, math.nan, math.nan, int(known.sum()), len(names))
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
        return Interval(value, math.nan, math.nan, nothing.count, nothing.days)
    drawn = _pearson(_drawn(sums, seed, block))
    low, high = np.percentile(drawn[np.isfinite(drawn)], _TAILS).tolist()
    return Interval(value, low, high, nothing.count, nothing.days)


def _pearson(sums: Floats) -> Floats:
    ab, aa, bb = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Floats = np.where(aa * bb > _NO_SPREAD, ab / np.sqrt(aa * bb), np.nan)
    return out


def _drawn(sums: Floats, seed: int, block: int) -> Floats:
    # einsum and not BLAS: its sums don't depend on the number of threads.
    drawn: Floats = np.einsum("bd,dk->bk", _times(len(sums), seed, block), sums)
    return drawn


@lru_cache(maxsize=8)
def _times(days: int, seed: int, block: int) -> Floats:
    blocks = -(-days // block)
    starts = np.random.default_rng([seed, days, block]).integers(0, days, (RESAMPLES, blocks))
    draws = (starts[:, :, None] + np.arange(block)).reshape(RESAMPLES, -1)[:, :days] % days
    times = np.zeros((RESAMPLES, days))
    np.add.at(times, (np.arange(RESAMPLES)[:, None], draws), 1.0)
    times.setflags(write=False)
    return times
