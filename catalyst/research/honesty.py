"""Statistics that keep a search honest: what luck alone would reach, and how far to trust a figure.

Sharpe ratios here are a session's, not a year's, and kurtosis is raw: 3 for normal returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from catalyst.errors import InputError
from catalyst.research.overfitting import probability_of_backtest_overfitting
from catalyst.research.stationary import optimal_block, session_matrix, stationary_interval
from catalyst.strategy.values import Floats

__all__ = [
    "SpaResult",
    "benjamini_hochberg",
    "deflated_sharpe",
    "expected_best_sharpe",
    "probabilistic_sharpe",
    "probability_of_backtest_overfitting",
    "stationary_interval",
    "superior_predictive_ability",
]

_NORMAL = NormalDist()
_NO_SPREAD = 1e-12
_MOMENTS_ROUND = 1e-9
_FEWEST_FOR_SPA = 10


def expected_best_sharpe(n_trials: int, trials_sharpe_std: float) -> float:
    """Return the Sharpe ratio that the best of so many trials reaches by luck alone.

    Source: Bailey and Lopez de Prado (2014), equation 1: the expected maximum of independent normal
    draws around zero. Trials that resemble each other spread less, and are corrected for less.

    Parameters
    ----------
    n_trials
        How many were tried; 1 gives 0: nothing was chosen.
    trials_sharpe_std
        Standard deviation of their Sharpe ratios.

    Raises
    ------
    InputError
        If there are fewer than one trial, or the deviation is negative or not finite.
    """
    if n_trials < 1:
        raise InputError(f"n_trials is {n_trials}; expected at least 1, the trial itself")
    if not 0.0 <= trials_sharpe_std < math.inf:
        raise InputError(
            f"trials_sharpe_std is {trials_sharpe_std}; expected the standard deviation of the "
            "trials' Sharpe ratios, finite and not negative"
        )
    if n_trials == 1:
        return 0.0
    best = -(1 - np.euler_gamma) * _NORMAL.inv_cdf(1 / n_trials)
    best -= np.euler_gamma * _NORMAL.inv_cdf(1 / (n_trials * math.e))
    return float(trials_sharpe_std * best)


def probabilistic_sharpe(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    n_observations: int,
    skewness: float,
    kurtosis: float,
) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark.

    Source: Bailey and Lopez de Prado (2012), equation 11.

    Parameters
    ----------
    sharpe, benchmark
        A session's, not a year's.
    n_observations
        Sessions.
    skewness, kurtosis
        Of the returns; kurtosis raw, 3 for normal ones.

    Raises
    ------
    InputError
        If a value is not finite, there are fewer than two observations, or no returns can have
        such moments (kurtosis is at least 1 + skewness squared).
    """
    given = {"sharpe": sharpe, "benchmark": benchmark, "skewness": skewness, "kurtosis": kurtosis}
    for name, value in given.items():
        if not math.isfinite(value):
            raise InputError(f"{name} is {value}; expected a finite number")
    if n_observations < 2:
        raise InputError(f"n_observations is {n_observations}; expected at least 2 sessions")
    if kurtosis < (1 + skewness**2) * (1 - _MOMENTS_ROUND):
        raise InputError(
            f"kurtosis is {kurtosis} with skewness {skewness}; expected at least 1 + skewness "
            "squared: give raw kurtosis, which is 3 for normal returns, not the excess over it"
        )
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    gap = (sharpe - benchmark) * math.sqrt(n_observations - 1)
    if spread <= _NO_SPREAD:
        return 0.5 + 0.5 * float(np.sign(gap))
    return 0.5 * math.erfc(-gap / math.sqrt(2 * spread))


def deflated_sharpe(
    sharpe: float,
    *,
    n_trials: int,
    trials_sharpe_std: float,
    n_observations: int,
    skewness: float,
    kurtosis: float,
) -> float:
    """Return the probability that the best of several trials is better than luck.

    Source: Bailey and Lopez de Prado (2014). Their example, a yearly Sharpe ratio of 2.5 over 1250
    days, the best of 100 whose yearly ratios have a variance of 1/2, skewness -3, kurtosis 10,
    gives 0.9004.

    Parameters
    ----------
    sharpe
        Of the trial, a session's, not a year's.
    n_trials
        How many were tried, this one among them; 1 corrects for nothing.
    trials_sharpe_std
        Standard deviation of the trials' Sharpe ratios, a session's.
    n_observations
        Sessions.
    skewness, kurtosis
        Of the returns; kurtosis raw, 3 for normal ones.

    Raises
    ------
    InputError
        As in `probabilistic_sharpe` and `expected_best_sharpe`.
    """
    return probabilistic_sharpe(
        sharpe,
        benchmark=expected_best_sharpe(n_trials, trials_sharpe_std),
        n_observations=n_observations,
        skewness=skewness,
        kurtosis=kurtosis,
    )


def benjamini_hochberg(p_values: npt.ArrayLike, *, level: float = 0.05) -> npt.NDArray[np.bool_]:
    """Return which of several findings hold if, of those that do, a share of `level` may be false.

    Source: Benjamini and Hochberg (1995), the step-up procedure: with the largest k whose k-th
    smallest p-value is at most k / n x level, the k smallest hold.

    Parameters
    ----------
    p_values : float64[n]
        One for each variant; from 0 to 1.
    level
        Expected share of false findings.

    Returns
    -------
    bool[n]

    Raises
    ------
    InputError
        If a p-value is NaN or not from 0 to 1, or the level is not above 0 and below 1.
    """
    p = np.asarray(p_values, np.float64)
    if p.ndim != 1:
        raise InputError(f"p_values has {p.ndim} dimensions; expected one, a value a variant")
    wrong = p[~((p >= 0.0) & (p <= 1.0))]
    if len(wrong):
        raise InputError(
            f"a p-value is {wrong[0]}; expected 0 to 1: leave out a variant that has none"
        )
    if not 0.0 < level < 1.0:
        raise InputError(f"level is {level}; expected a share above 0 and below 1")
    n = len(p)
    ascending = np.sort(p)
    small = np.flatnonzero(ascending <= np.arange(1, n + 1) / n * level)
    return p <= (ascending[small[-1]] if len(small) else -1.0)


@dataclass(frozen=True, slots=True)
class SpaResult:
    """Hold Hansen's p-values: that the best of several models earns no more than nothing.

    Attributes
    ----------
    p_value
        The consistent one.
    lower, upper
        Bounds: with bad models left out, and with all of them (White's reality check).
    """

    p_value: float
    lower: float
    upper: float


def superior_predictive_ability(
    returns: npt.ArrayLike, *, seed: int, resamples: int = 1000, block: int | None = None
) -> SpaResult:
    """Test whether the best of several models earns more than nothing.

    Source: Hansen (2005), by ``arch.bootstrap.SPA`` with the stationary bootstrap. arch divides
    nothing by its standard deviation, whatever ``studentize`` says, so returns are handed to it
    studentised, which is the same.

    Parameters
    ----------
    returns : float64[sessions, models]
        Returns beside the benchmark. A model that never varies, such as one without trades, is
        left out.
    seed, resamples
        Of the bootstrap.
    block
        Mean length of a block in sessions; None takes the mean of what suits each model.

    Returns
    -------
    SpaResult
        All 1 where no model varies.

    Raises
    ------
    InputError
        If a return is not finite, or there are fewer than ten sessions.
    """
    matrix = session_matrix("returns", returns)
    n = len(matrix)
    if n < _FEWEST_FOR_SPA:
        raise InputError(f"returns has {n} sessions; expected at least {_FEWEST_FOR_SPA}")
    away = matrix - matrix.mean(axis=0)
    moves = (away**2).mean(axis=0) > _NO_SPREAD**2 * (matrix**2).mean(axis=0)
    matrix, away = matrix[:, moves], away[:, moves]
    if not matrix.shape[1]:
        return SpaResult(1.0, 1.0, 1.0)
    if block is None:
        lengths = [optimal_block(column) for column in matrix.T]
        block = max(1, min(round(float(np.mean(lengths))), math.isqrt(n)))
    from arch.bootstrap import SPA

    scaled = matrix / np.sqrt(_long_run_variance(away, block))
    # arch compares losses.
    test = SPA(np.zeros(n), -scaled, block_size=block, reps=resamples, seed=seed)
    test.compute()
    found = test.pvalues
    return SpaResult(*(float(found[name]) for name in ("consistent", "lower", "upper")))


def _long_run_variance(away: Floats, block: int) -> Floats:
    """Return the stationary bootstrap's variance of each mean, times n: Hansen's appendix."""
    n, stay = len(away), 1.0 - 1.0 / block
    total = np.mean(away**2, axis=0)
    least: Floats = _NO_SPREAD * total
    for k in range(1, n):
        weight = (1 - k / n) * stay**k + k / n * stay ** (n - k)
        if weight > _NO_SPREAD:
            total = total + 2 * weight * np.sum(away[k:] * away[:-k], axis=0) / n
    return np.maximum(total, least)
