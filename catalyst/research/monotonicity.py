"""Do returns rise, or fall, from each bucket of a score to the next? A test over all steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from catalyst.data.report.values import Interval
from catalyst.research.bootstrap import FEWEST_DAYS, drawn_sums
from catalyst.strategy.values import Floats, Ints

_FEWEST_BUCKETS = 3
# Of the resamples, those that hold every bucket: fewer make no percentile.
_FEWEST_DRAWS = 200
_TAILS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Monotonicity:
    """Hold the test of a monotonic relation, both ways.

    Attributes
    ----------
    rising, falling
        p-values, one-sided: how often the smallest step would be as large as it is if no bucket
        differed from the next. NaN where there are fewer than three buckets or 20 days.
    spread
        Mean of the highest bucket less that of the lowest, in the values' unit, with its 95 %
        interval.
    """

    rising: float
    falling: float
    spread: Interval


def monotonicity(
    values: Floats, bucket: Ints, days: Ints, *, seed: int, block: int = 1
) -> Monotonicity:
    """Test whether the mean rises, or falls, at every step from a bucket to the next.

    The statistic is the smallest of the steps, each over its standard error; what it would be by
    chance is drawn by blocks of days with all steps moved to zero. Source: the monotonic relation
    test, studentised, of Patton and Timmermann (2010), Monotonicity in asset returns, Journal of
    Financial Economics 98; blocks are circular (Politis and Romano 1992) and hold whole days, as
    rows of a day hang together.

    It says yes only if every step goes the same way, and has little power where one is small: a no
    is no proof that a score is worthless. It is asked beside a correlation and not instead of one,
    because a relation that rises and falls can pass it too often (Romano and Wolf 2013).

    Parameters
    ----------
    values : float64[n]
        NaN is left out.
    bucket : int64[n]
        Place of each value's bucket, lowest score first; negative for none. Buckets without a value
        are passed over.
    days : int64[n]
        Day of each value.
    seed, block
        As in `catalyst.research.bootstrap.mean_interval`.
    """
    known = np.isfinite(values) & (bucket >= 0)
    names, day = np.unique(days[known], return_inverse=True)
    present, place = np.unique(bucket[known], return_inverse=True)
    n, width = len(names), len(present)
    count = int(known.sum())
    if width < 2:
        return Monotonicity(math.nan, math.nan, Interval(math.nan, math.nan, math.nan, count, n))
    cell = day * width + place
    total = np.bincount(cell, values[known], n * width).reshape(n, width)
    number = np.bincount(cell, minlength=n * width).reshape(n, width).astype(np.float64)
    means = total.sum(axis=0) / number.sum(axis=0)
    spread = float(means[-1] - means[0])
    if n < FEWEST_DAYS:
        return Monotonicity(math.nan, math.nan, Interval(spread, math.nan, math.nan, count, n))
    sums = drawn_sums(np.concatenate([total, number], axis=1), seed=seed, block=block)
    # A resample may miss a bucket of few days: it says nothing of the steps beside it.
    whole = (sums[:, width:] > 0).all(axis=1)
    if whole.sum() < _FEWEST_DRAWS:
        return Monotonicity(math.nan, math.nan, Interval(spread, math.nan, math.nan, count, n))
    drawn = sums[whole, :width] / sums[whole, width:]
    low, high = np.percentile(drawn[:, -1] - drawn[:, 0], _TAILS).tolist()
    between = Interval(spread, low, high, count, n)
    steps, drawn_steps = np.diff(means), np.diff(drawn, axis=1)
    error = drawn_steps.std(axis=0, ddof=1)
    if width < _FEWEST_BUCKETS or not (error > 0).all():
        return Monotonicity(math.nan, math.nan, between)
    moved = (drawn_steps - steps) / error
    rising, falling = (
        float(((way * moved).min(axis=1) >= (way * steps / error).min()).sum() + 1)
        / (len(moved) + 1)
        for way in (1, -1)
    )
    return Monotonicity(rising, falling, between)
