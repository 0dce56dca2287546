"""Technical indicators as window kernels: each reads the bars of one finite window that ends at t.

Moving averages, RSI and ATR are recursions that in principle never forget. Here they are defined
on the last ``window`` bars, or all there are, and seeded at the window's first bar as TA-Lib seeds
them at its input's; so a value doesn't depend on where a computation started, and equals TA-Lib's
on that slice. With a window of 250 bars it agrees with TA-Lib on any longer history to 1e-5.

All sums run in ascending order from the window's first bar. All kernels return NaN where the window
holds fewer bars than the formula needs, or a NaN or infinite value. How many bars a strategy asks
for beyond that is its own rule. ``t`` is the bar asked about, ``0 <= t < n``, which is not checked.

Series are float64[n], one symbol's own bars in order of time, no holes: prices in USD, volume in
shares. Sources: J. Welles Wilder, *New Concepts in Technical Trading Systems* (1978), for RSI and
ATR; seeds and smoothing constants as in TA-Lib.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Series: TypeAlias = NDArray[np.float64]


@njit(cache=True, nogil=True, error_model="numpy")
def _finite_or_nan_nb(x: float) -> float:
    return x if math.isfinite(x) else math.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_nb(x: Series, start: int, stop: int) -> float:
    total = 0.0
    for i in range(start, stop):
        total += x[i]
    return total / (stop - start)


@njit(cache=True, nogil=True, error_model="numpy")
def sma_at_nb(x: Series, t: int, period: int) -> float:
    """Return the simple moving average at bar t.

    Parameters
    ----------
    x : float64[n]
    period : int
        Number of bars; it is the window.

    Returns
    -------
    float
        Mean of the ``period`` values up to ``x[t]``, in the unit of x.
    """
    if t + 1 < period:
        return math.nan
    return _finite_or_nan_nb(_mean_nb(x, t + 1 - period, t + 1))


@njit(cache=True, nogil=True, error_model="numpy")
def _ema_pair_nb(x: Series, t: int, period: int, window: int) -> tuple[float, float]:
    start = max(0, t + 1 - window)
    if t + 1 - start < period:
        return math.nan, math.nan
    previous = math.nan
    value = _mean_nb(x, start, start + period)
    weight = 2.0 / (period + 1)
    for i in range(start + period, t + 1):
        previous = value
        value += (x[i] - value) * weight
    return previous, value


@njit(cache=True, nogil=True, error_model="numpy")
def ema_at_nb(x: Series, t: int, period: int, window: int) -> float:
    """Return the exponential moving average at bar t.

    Parameters
    ----------
    x : float64[n]
    period : int
        The weight of a new value is ``2 / (period + 1)``; the seed is the mean of the window's
        first ``period`` values.
    window : int
        Number of bars the recursion runs over, at most.

    Returns
    -------
    float
        In the unit of x; equals ``talib.EMA`` over the window.
    """
    return _finite_or_nan_nb(_ema_pair_nb(x, t, period, window)[1])


@njit(cache=True, nogil=True, error_model="numpy")
def macd_hist_at_nb(close: Series, t: int, fast: int, slow: int, signal: int, window: int) -> float:
    """Return the MACD histogram at bar t: MACD less its signal line.

    Parameters
    ----------
    close : float64[n]
        USD.
    fast, slow, signal : int
        Periods, ``fast <= slow``; as in TA-Lib both averages have their first value at the slow
        one's first bar, so the fast one's seed is the mean of the ``fast`` bars up to there.
    window : int
        Number of bars the recursions run over, at most.

    Returns
    -------
    float
        USD; equals ``talib.MACD``'s third series over the window.
    """
    start = max(0, t + 1 - window)
    if t + 1 - start < slow + signal - 1:
        return math.nan
    first = start + slow
    slow_value = _mean_nb(close, start, first)
    fast_value = _mean_nb(close, first - fast, first)
    slow_weight = 2.0 / (slow + 1)
    fast_weight = 2.0 / (fast + 1)
    signal_weight = 2.0 / (signal + 1)
    total = fast_value - slow_value
    for i in range(first, first + signal - 1):
        slow_value += (close[i] - slow_value) * slow_weight
        fast_value += (close[i] - fast_value) * fast_weight
        total += fast_value - slow_value
    signal_value = total / signal
    for i in range(first + signal - 1, t + 1):
        slow_value += (close[i] - slow_value) * slow_weight
        fast_value += (close[i] - fast_value) * fast_weight
        signal_value += (fast_value - slow_value - signal_value) * signal_weight
    return _finite_or_nan_nb(fast_value - slow_value - signal_value)


@njit(cache=True, nogil=True, error_model="numpy")
def rsi_at_nb(close: Series, t: int, period: int, window: int) -> float:
    """Return Wilder's relative strength index at bar t.

    Parameters
    ----------
    close : float64[n]
        USD.
    period : int
        Wilder's smoothing; the seed is the mean of the window's first ``period`` changes, so it
        takes ``period + 1`` bars.
    window : int
        Number of bars the recursion runs over, at most.

    Returns
    -------
    float
        0 to 100: 100 without a loss, 0 without a gain. Without any change 50, where TA-Lib says 0;
        else it equals ``talib.RSI`` over the window.
    """
    start = max(0, t + 1 - window)
    if t - start < period:
        return math.nan
    gain = loss = 0.0
    for i in range(start + 1, start + period + 1):
        change = close[i] - close[i - 1]
        if change < 0.0:
            loss -= change
        else:
            gain += change
    gain /= period
    loss /= period
    for i in range(start + period + 1, t + 1):
        change = close[i] - close[i - 1]
        gain *= period - 1
        loss *= period - 1
        if change < 0.0:
            loss -= change
        else:
            gain += change
        gain /= period
        loss /= period
    total = gain + loss
    if not math.isfinite(total):
        return math.nan
    return 50.0 if total == 0.0 else 100.0 * (gain / total)


@njit(cache=True, nogil=True, error_model="numpy")
def atr_at_nb(high: Series, low: Series, close: Series, t: int, period: int, window: int) -> float:
    """Return Wilder's average true range at bar t.

    Parameters
    ----------
    high, low, close : float64[n]
        USD.
    period : int
        Wilder's smoothing; the seed is the mean of the window's first ``period`` true ranges. The
        window's first bar only gives its close, so it takes ``period + 1`` bars.
    window : int
        Number of bars the recursion runs over, at most.

    Returns
    -------
    float
        USD; equals ``talib.ATR`` over the window.
    """
    start = max(0, t + 1 - window)
    if t - start < period:
        return math.nan
    value = 0.0
    for i in range(start + 1, t + 1):
        above = abs(high[i] - close[i - 1])
        below = abs(low[i] - close[i - 1])
        true_range = max(high[i] - low[i], above, below)
        # max() may pass over a NaN; zero times a broken number is NaN.
        true_range += 0.0 * (above + below)
        if i - start <= period:
            value += true_range
            if i - start == period:
                value /= period
        else:
            value = (value * (period - 1) + true_range) / period
    return _finite_or_nan_nb(value)


@njit(cache=True, nogil=True, error_model="numpy")
def bollinger_at_nb(
    close: Series, t: int, period: int, deviations: float
) -> tuple[float, float, float]:
    """Return the Bollinger bands at bar t.

    Parameters
    ----------
    close : float64[n]
        USD.
    period : int
        Number of bars of mean and deviation; it is the window.
    deviations : float
        Half the width of the band in population standard deviations.

    Returns
    -------
    lower, middle, upper : float
        USD. The deviation is taken from the mean in a second pass; TA-Lib's from running squares,
        which lose digits, so they agree to about 1e-6 of the price.
    """
    if t + 1 < period:
        return math.nan, math.nan, math.nan
    middle = _mean_nb(close, t + 1 - period, t + 1)
    squares = 0.0
    for i in range(t + 1 - period, t + 1):
        squares += (close[i] - middle) ** 2
    half = deviations * math.sqrt(squares / period)
    if not math.isfinite(half):
        return math.nan, math.nan, math.nan
    return middle - half, middle, middle + half


@njit(cache=True, nogil=True, error_model="numpy")
def vwap_at_nb(
    high: Series, low: Series, close: Series, volume: Series, t: int, since: int
) -> float:
    """Return the volume-weighted average price at bar t since the bar ``since``.

    Parameters
    ----------
    high, low, close : float64[n]
        USD; a bar's price is their mean, the typical price.
    volume : float64[n]
        Shares.
    since : int
        First bar counted, the session's first as a rule; ``0 <= since <= t``.

    Returns
    -------
    float
        USD; NaN too if nothing was traded since.
    """
    traded = shares = 0.0
    for i in range(since, t + 1):
        traded += (high[i] + low[i] + close[i]) / 3.0 * volume[i]
        shares += volume[i]
    return _finite_or_nan_nb(traded / shares)


@njit(cache=True, nogil=True, error_model="numpy")
def technical_score_nb(
    close: Series,
    n: int,
    window: int,
    bars_min: int,
    start_points: float,
    rsi_period: int,
    rsi_low: float,
    rsi_high: float,
    rsi_points: float,
    macd_fast: int,
    macd_slow: int,
    macd_signal: int,
    macd_points: float,
    sma_short: int,
    sma_long: int,
    sma_points: float,
    ema_period: int,
    ema_points: float,
) -> float:
    """Return the technical score of one symbol at the last of its first n closes, for a long.

    Parameters
    ----------
    close : float64[>= n]
        USD; values from n on are not read, so a buffer may be longer.
    n : int
        Number of closes.
    window : int
        Closes that count: the last ``window`` of the n, or all there are.
    bars_min : int
        Least number of closes for a score.
    start_points : float
        Where the score starts.
    rsi_period, rsi_low, rsi_high, rsi_points : int, float, float, float
        Points are added if the RSI is below ``rsi_low``, taken off if above ``rsi_high``.
    macd_fast, macd_slow, macd_signal, macd_points : int, int, int, float
        Points are added if the MACD histogram is above 0, taken off if below.
    sma_short, sma_long, sma_points : int, int, float
        Points are added if close > short average > long average, taken off if close < short < long.
    ema_period, ema_points : int, float
        Points are added if the EMA is above its value one bar before, in the same recursion, taken
        off if below.

    Returns
    -------
    float
        0 to 100. NaN if there are fewer than ``bars_min`` closes, or too few for any of the
        indicators, or if one of them is NaN. For a short it is 100 minus this.
    """
    if n < bars_min or n < 1:
        return math.nan
    t = n - 1
    rsi = rsi_at_nb(close, t, rsi_period, window)
    hist = macd_hist_at_nb(close, t, macd_fast, macd_slow, macd_signal, window)
    short = sma_at_nb(close, t, sma_short)
    long = sma_at_nb(close, t, sma_long)
    ema_before, ema = _ema_pair_nb(close, t, ema_period, window)
    if not math.isfinite(rsi + hist + short + long + ema_before + ema):
        return math.nan
    score = start_points
    if rsi < rsi_low:
        score += rsi_points
    elif rsi > rsi_high:
        score -= rsi_points
    if hist > 0.0:
        score += macd_points
    elif hist < 0.0:
        score -= macd_points
    if close[t] > short > long:
        score += sma_points
    elif close[t] < short < long:
        score -= sma_points
    if ema > ema_before:
        score += ema_points
    elif ema < ema_before:
        score -= ema_points
    return min(max(score, 0.0), 100.0)


@njit(cache=True, nogil=True, error_model="numpy")
def technical_scores_nb(
    close: NDArray[np.float64],
    count: NDArray[np.int32],
    window: int,
    bars_min: int,
    start_points: float,
    rsi_period: int,
    rsi_low: float,
    rsi_high: float,
    rsi_points: float,
    macd_fast: int,
    macd_slow: int,
    macd_signal: int,
    macd_points: float,
    sma_short: int,
    sma_long: int,
    sma_points: float,
    ema_period: int,
    ema_points: float,
) -> NDArray[np.float64]:
    """Return the `technical_score_nb` of each row of a panel, float64[k].

    ``close`` is float64[k, w], left-aligned; row i has ``count[i]`` closes, and what follows them
    is not read. The other arguments are the same.
    """
    scores = np.empty(count.size)
    for i in range(count.size):
        scores[i] = technical_score_nb(
            close[i], count[i], window, bars_min, start_points,
            rsi_period, rsi_low, rsi_high, rsi_points,
            macd_fast, macd_slow, macd_signal, macd_points,
            sma_short, sma_long, sma_points, ema_period, ema_points,
        )  # fmt: skip
    return scores
