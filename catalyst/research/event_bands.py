"""Means of many horizons at once, with bands by bootstrap over days."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from catalyst.research.bootstrap import FEWEST_DAYS
from catalyst.strategy.values import Floats, Ints

RESAMPLES = 1_000
_BLOCKS = np.array([1, 2, 3, 6, 11])
_LEVEL = 0.05


@dataclass(frozen=True)
class Bands:
    """Hold means by horizon, with their 95 % band.

    Attributes
    ----------
    value, low, high : float64[H]
        NaN where there is none; no band below 20 days.
    p_value : float64[H]
        Two-sided, of a mean of zero.
    count, days : int64[H]
        Values, and days they come from.
    """

    value: Floats
    low: Floats
    high: Floats
    p_value: Floats
    count: Ints
    days: Ints


def blocks_for(days: Ints) -> Ints:
    """Return how many days are drawn together for horizons of some days: as many as they reach.

    Rounded up to 1, 2, 3, 6 or 11, so that few draws serve all horizons.
    """
    place = np.searchsorted(_BLOCKS, np.abs(days) + 1)
    return _BLOCKS[np.minimum(place, len(_BLOCKS) - 1)]


def bands(
    values: Floats,
    days: Ints,
    blocks: Ints,
    *,
    n_days: int,
    seed: int,
    weights: Floats | None = None,
) -> Bands:
    """Return the mean of each horizon and its band, blocks of consecutive days drawn together.

    Events of a day share the market's moods, so the day is what is drawn (Kolari and Pynnonen
    2010). The days without an event are drawn, too: that there might have been none belongs to the
    chance. The band is the mean and its bootstrap standard error times the quantile of Student's t
    with as many degrees of freedom as there are blocks of days with events, less one, so that few
    days give a wide band, and that band and p-value never contradict each other.

    Parameters
    ----------
    values : float64[n, H]
        One row an event; NaN is left out.
    days : int64[n]
        Position of each event's session, from 0.
    blocks : int64[H]
        Days drawn together.
    n_days
        Number of sessions.
    seed
        Of the draws.
    weights : float64[n], optional
        Of the events; equal without.
    """
    from scipy.stats import t

    known = np.isfinite(values)
    weight = known * (np.ones(len(values)) if weights is None else weights)[:, None]
    width = values.shape[1]
    total, size = np.zeros((n_days, width)), np.zeros((n_days, width))
    np.add.at(total, days, np.where(known, values, 0.0) * weight)
    np.add.at(size, days, weight)
    n = known.sum(axis=0)
    with_events = (size > 0.0).sum(axis=0)
    error = np.full(width, np.nan)
    for block in np.unique(blocks).tolist():
        own = blocks == block
        times = _times(n_days, seed, int(block))
        # einsum and not BLAS: its sums don't depend on the number of threads.
        drawn = np.einsum("bd,dh->bh", times, total[:, own])
        sizes = np.einsum("bd,dh->bh", times, size[:, own])
        means = np.divide(drawn, sizes, out=np.full(drawn.shape, np.nan), where=sizes > 0)
        sound = np.isfinite(means)
        k = sound.sum(axis=0)
        some = np.where(sound, means, 0.0)
        middle = some.sum(axis=0) / np.maximum(k, 1)
        spread = np.where(sound, (means - middle) ** 2, 0.0).sum(axis=0)
        error[own] = np.sqrt(spread / np.maximum(k - 1, 1))
    value = np.divide(total.sum(axis=0), size.sum(axis=0), out=np.full(width, np.nan), where=n > 0)
    freedom = np.maximum(with_events // blocks - 1, 1)
    enough = with_events >= FEWEST_DAYS
    reach = np.where(enough, t.ppf(1.0 - _LEVEL / 2.0, freedom) * error, np.nan)
    # Where nothing varies, as at time zero itself, the mean is certain.
    certain = np.where(value == 0.0, 0.0, np.inf)
    score = np.divide(np.abs(value), error, out=certain, where=error > 0.0)
    p_value = np.where(enough, 2.0 * t.sf(score, freedom), np.nan)
    return Bands(
        value,
        value - reach,
        value + reach,
        p_value,
        n.astype(np.int64),
        with_events.astype(np.int64),
    )


@lru_cache(maxsize=8)
def _times(days: int, seed: int, block: int) -> Floats:
    pieces = -(-days // block)
    starts = np.random.default_rng([seed, days, block]).integers(0, days, (RESAMPLES, pieces))
    draws = (starts[:, :, None] + np.arange(block)).reshape(RESAMPLES, -1)[:, :days] % days
    flat = (np.arange(RESAMPLES)[:, None] * days + draws).ravel()
    times = np.bincount(flat, minlength=RESAMPLES * days).reshape(RESAMPLES, days)
    out: Floats = times.astype(np.float64)
    out.setflags(write=False)
    return out
