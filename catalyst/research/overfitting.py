"""The probability of backtest overfitting: how often the best of one half fails in the other."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt

from catalyst.errors import InputError
from catalyst.research.stationary import session_matrix
from catalyst.strategy.values import Floats

_MOST_SPLITS = 20
_CHUNK_VALUES = 2_000_000
_TIE_DECIMALS = 12
_NO_SPREAD = 1e-12


def probability_of_backtest_overfitting(
    returns_by_trial: npt.ArrayLike, n_splits: int = 16
) -> float:
    """Return how often the best trial of one half of the sessions is below median in the other.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), combinatorially symmetric
    cross-validation with Sharpe ratios: the sessions are cut into `n_splits` blocks in their order,
    and every choice of half of them is a half to choose in. About 0.5 where choosing is luck, 0
    where one trial is truly better. A best trial exactly at the median counts one half (the paper
    leaves it open; with an odd number of strangers the answer is 0.5 so).

    Parameters
    ----------
    returns_by_trial : float64[sessions, trials]
        Simple returns. A trial that doesn't vary within a half, such as one without trades, has a
        Sharpe ratio of 0 there. Trials that tie for the best share the choice; ties in the other
        half have their mean rank.
    n_splits
        Blocks: even, 2 to 20. Where they don't divide the sessions, some are one session longer.

    Raises
    ------
    InputError
        If a return is not finite, or there are too few sessions or trials.
    """
    returns = session_matrix("returns_by_trial", returns_by_trial)
    n, trials = returns.shape
    if n_splits % 2 or not 2 <= n_splits <= _MOST_SPLITS:
        raise InputError(f"n_splits is {n_splits}; expected an even number from 2 to 20")
    if n < 2 * n_splits or trials < 2:
        raise InputError(
            f"returns_by_trial has {n} sessions of {trials} trials; expected at least two trials, "
            f"and two sessions for each of {n_splits} splits"
        )
    level = returns.mean(axis=0)
    away = returns - level
    blocks = np.array_split(np.arange(n), n_splits)
    counts = np.array([len(block) for block in blocks], np.float64)
    sums = np.stack([away[block].sum(axis=0) for block in blocks])
    squares = np.stack([(away[block] ** 2).sum(axis=0) for block in blocks])
    # A choice and what it leaves are each other's test: those with the first block are half of all.
    rest = combinations(range(1, n_splits), n_splits // 2 - 1)
    chosen = np.zeros((math.comb(n_splits, n_splits // 2) // 2, n_splits))
    for row, others in enumerate(rest):
        chosen[row, [0, *others]] = 1.0
    below = 0.0
    for part in np.array_split(chosen, -(-len(chosen) * trials // _CHUNK_VALUES)):
        one, two = (_sharpe_ratios(p, counts, sums, squares, level) for p in (part, 1.0 - part))
        below += _below_median(one, two) + _below_median(two, one)
    return below / (2 * len(chosen))


def _sharpe_ratios(
    chosen: Floats, counts: Floats, sums: Floats, squares: Floats, level: Floats
) -> Floats:
    """Return float64[choices, trials] from sums by block; einsum's don't depend on threads."""
    n = np.einsum("cs,s->c", chosen, counts)[:, None]
    mean = np.einsum("cs,st->ct", chosen, sums) / n
    square = np.einsum("cs,st->ct", chosen, squares) / n
    variance = square - mean * mean
    varies = variance > _NO_SPREAD * (square + level**2)
    ratio = (mean + level) / np.sqrt(np.where(varies, variance, 1.0))
    # Equal trials must tie, whatever the last bits of their sums.
    ratio = np.where(varies, ratio, 0.0)
    np.round(ratio, _TIE_DECIMALS, out=ratio)
    return ratio


def _below_median(inside: Floats, outside: Floats) -> float:
    """Count the choices whose best trial inside is below the median outside."""
    trials = inside.shape[1]
    best = inside == inside.max(axis=1, keepdims=True)
    single = best.sum(axis=1) == 1
    at = np.argmax(best[single], axis=1)
    values = outside[single]
    mine = values[np.arange(len(at)), at][:, None]
    # Twice the rank: 1 to 2 x trials, the mean one for ties; the middle is trials + 1.
    twice = 2 * (values < mine).sum(axis=1) + (values == mine).sum(axis=1) + 1
    total = float(np.sum(0.5 * (1 - np.sign(twice - trials - 1))))
    for tied, row in zip(best[~single], outside[~single], strict=True):
        _, place, equal = np.unique(row, return_inverse=True, return_counts=True)
        ranks = 2 * (np.cumsum(equal) - equal) + equal + 1
        total += float(np.mean(0.5 * (1 - np.sign(ranks[place][tied] - trials - 1))))
    return total
