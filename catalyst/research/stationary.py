"""The stationary bootstrap: blocks of random length from a series of sessions, and how long."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from catalyst.data.report.values import Interval
from catalyst.errors import InputError
from catalyst.research.bootstrap import FEWEST_DAYS
from catalyst.strategy.values import Floats, Ints

_FEWEST_LAGS = 5
_TAILS = (2.5, 97.5)


def optimal_block(values: Floats) -> float:
    """Return the mean block length that suits a series' dependence, 1 where it has none.

    Source: Politis and White (2004) with the correction of Patton, Politis and White (2009), and
    the bounds of Patton's program, min(3 sqrt(n), n / 3). The same figure as
    ``arch.bootstrap.optimal_block_length``, whose import takes seconds and whose sums depend on
    the number of threads.

    Parameters
    ----------
    values : float64[n]
        One a session, finite.
    """
    n = len(values)
    away = values - values.mean() if n else values
    power = float(np.sum(away * away))
    lags = math.ceil(math.sqrt(n)) + _run(n) if n else 0
    if n <= lags + 1 or power <= n * np.finfo(np.float64).eps ** 2 * float(np.max(values**2)):
        return 1.0
    lagged = np.array([float(np.sum(away[k:] * away[: n - k])) for k in range(lags + 1)])
    own = np.cumsum(away * away)
    # Each correlation is scaled by what its own two stretches hold, as the original program does.
    ends = np.array([(own[-1] - own[k]) * own[n - k - 2] for k in range(lags + 1)])
    strength = np.abs(lagged) / np.sqrt(np.maximum(ends, np.finfo(np.float64).tiny))
    band = 2 * math.sqrt(math.log10(n) / n)
    last = _last_strong(strength, band, _run(n))
    width = min(2 * max(last, 1), lags) if last is not None else lags
    k = np.arange(1, width + 1)
    flat = np.minimum(1.0, 2 * (1 - k / width))
    slope = 2 * float(np.sum(flat * k * lagged[1 : width + 1])) / n
    spectrum = (lagged[0] + 2 * float(np.sum(flat * lagged[1 : width + 1]))) / n
    if spectrum == 0.0:
        return 1.0
    length = (slope * slope / (spectrum * spectrum) * n) ** (1 / 3)
    return float(min(max(length, 1.0), math.ceil(min(3 * math.sqrt(n), n / 3))))


def _run(n: int) -> int:
    return max(_FEWEST_LAGS, int(math.log10(n)))


def _last_strong(strength: Floats, band: float, run: int) -> int | None:
    """Return the lag before the first run of weak correlations."""
    for k in range(run, len(strength)):
        if (strength[k - run : k] < band).all():
            return k - run
    return None


@lru_cache(maxsize=8)
def stationary_draws(n: int, *, block: float, seed: int, resamples: int) -> Ints:
    """Return positions to draw: blocks of geometric length with mean ``block``, around the end.

    Source: Politis and Romano (1994).

    Parameters
    ----------
    n
        Length of the series.
    block
        Mean length of a block, at least 1.
    seed, resamples
        Of the draws: equal arguments are drawn alike.

    Returns
    -------
    int64[resamples, n]
        Not to be written to.
    """
    rng = np.random.default_rng([seed, n])
    starts = rng.integers(0, n, (resamples, n))
    begins = rng.random((resamples, n)) < 1.0 / block
    begins[:, 0] = True
    at = np.arange(n)
    begun = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    draws: Ints = (np.take_along_axis(starts, begun, axis=1) + at - begun) % n
    draws.setflags(write=False)
    return draws


def stationary_interval(
    values: npt.ArrayLike,
    statistic: Callable[[Floats], float],
    *,
    seed: int,
    resamples: int = 2000,
    block: float | None = None,
) -> Interval:
    """Return a statistic of sessions and its 95 % interval by the stationary bootstrap.

    Source: Politis and Romano (1994), percentiles; the length of blocks after Politis and White
    (2004), see `optimal_block`.

    Parameters
    ----------
    values : float64[sessions] or float64[sessions, columns]
        One row a session, in their order.
    statistic
        Of rows like `values`, in any order and number of times; NaN where they have none.
    seed, resamples
        Of the draws: series of the same length and block are drawn alike.
    block
        Mean length of a block in sessions; None takes the longest that suits a column, rounded up.

    Returns
    -------
    Interval
        Bounds are NaN under twenty sessions.

    Raises
    ------
    InputError
        If a value is not finite, or the block is shorter than one session.
    """
    rows = np.asarray(values, np.float64)
    table = session_matrix("values", rows[:, None] if rows.ndim == 1 else rows)
    n = len(table)
    if block is None:
        block = _block_of(table)
    if not 1.0 <= block < math.inf:
        raise InputError(f"block is {block}; expected at least one session")
    value = float(statistic(rows)) if n else math.nan
    if n < FEWEST_DAYS or not math.isfinite(value):
        return Interval(value, math.nan, math.nan, n, n)
    draws = stationary_draws(n, block=block, seed=seed, resamples=resamples)
    drawn = np.array([float(statistic(rows[at])) for at in draws])
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Interval(value, math.nan, math.nan, n, n)
    low, high = np.percentile(known, _TAILS).tolist()
    return Interval(value, low, high, n, n)


def stationary_mean(values: Floats, *, seed: int, resamples: int = 2000) -> Interval:
    """Return what `stationary_interval` returns of the mean of one series, several times faster.

    Parameters
    ----------
    values : float64[sessions]
        Finite.
    seed, resamples
        As there.
    """
    n = len(values)
    value = float(values.mean()) if n else math.nan
    if n < FEWEST_DAYS:
        return Interval(value, math.nan, math.nan, n, n)
    block = _block_of(values[:, None])
    draws = stationary_draws(n, block=block, seed=seed, resamples=resamples)
    low, high = np.percentile(values[draws].mean(axis=1), _TAILS).tolist()
    return Interval(value, low, high, n, n)


def _block_of(table: Floats) -> float:
    return float(math.ceil(max(optimal_block(column) for column in table.T))) if len(table) else 1.0


def session_matrix(name: str, values: npt.ArrayLike) -> Floats:
    """Return values of sessions as a matrix, and refuse what is none.

    Parameters
    ----------
    name
        Of the argument, for the message.
    values : float64[sessions, trials]
        Finite.

    Raises
    ------
    InputError
        If there are not two dimensions, or a value is not finite.
    """
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2:
        raise InputError(
            f"{name} has {matrix.ndim} dimensions; expected two, sessions down and trials across"
        )
    bad = np.argwhere(~np.isfinite(matrix))
    if len(bad):
        row, column = bad[0].tolist()
        raise InputError(
            f"{name} is {matrix[row, column]} in row {row}, column {column}; expected finite "
            "returns: put 0 where a trial held nothing"
        )
    return matrix
